"""Runs and sweeps under random kill -9, of their own process or a worker, launched again each time.

A round is 12 runs, either one by one or as a sweep. Between launches its folder is sometimes renamed, or
copied, and the work goes on in the copy. At the end of a round of 50 kills there must be 12 finished runs,
each with the Q-table of an undisturbed run, no curve with a point twice, and no copy may have been written
to: `python benchmarks/survival.py`. `--kills N` and `--seed N` for others; `--minutes N` begins no round
after that time. A launch is a fork of a process that has imported everything, so that a kill takes a
second.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tests' server of commands
from tests.support import commands
from tests.support.commands import Command, run_command, start_command

RUNS, ROUND = 12, 50
RUN = [
    "env=frozen_lake",
    "episodes=1000",
    "checkpoint_every=50",
    "evaluation.checkpoints=5",
    "evaluation.episodes=10",
]
RUN += [
    "evaluation.test_episodes=50",
    "registry.promote=never",
    "tracking.durable_seconds=0.05",
    "engine=gymnasium",
]
ALONE = [
    ["train", *RUN, f"learning_rate={rate}", f"seed={seed}"]
    for rate in (0.1, 0.2)
    for seed in range(RUNS // 2)
]
SWEEP = ["train", "-m", *RUN, "learning_rate=0.1,0.2", f"seed=range({RUNS // 2})", "sweep.report=never"]
SWEEPS = 4
"""Every so many rounds is a sweep."""
MOVED, COPIED = 0.2, 0.05
"""How often the folder is renamed, and copied, after a kill."""
WORKERS = 0.2
"""How many launches of a sweep train in workers, which are not forked; others in the sweep's own process."""
RECORDS = "lifecycle_stage = 'active' AND run_uuid IN (SELECT run_uuid FROM tags WHERE key = 'qsweep.config')"
DEFECTS = (
    "lost",
    "other Q-tables",
    "twice",
    "points twice",
    "still RUNNING",
    "copies written to",
    "tracebacks",
)


def asked(folder: Path, query: str) -> list[tuple[object, ...]]:
    """What the database answers."""
    with closing(sqlite3.connect(f"file:{folder}/mlruns/mlflow.db?mode=ro", uri=True)) as connection:
        return list(connection.execute(query))


def hashes(folder: Path) -> dict[str, list[str]]:
    """The config of each finished run -> the hashes of its Q-tables, one for each run of that config."""
    query = f"""SELECT config.value, found.value FROM runs JOIN tags AS config USING (run_uuid)
        JOIN tags AS found USING (run_uuid) WHERE config.key = 'qsweep.config'
        AND found.key = 'qsweep.qtable_sha256' AND status = 'FINISHED' AND {RECORDS}"""
    found: dict[str, list[str]] = {}
    for config, value in asked(folder, query):
        found.setdefault(str(config), []).append(str(value))
    return found


def workers(pid: int) -> list[int]:
    """The processes in which a sweep's process has its runs trained."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = status.read_text().rpartition(")")[2].split()[1]
            if int(parent) == pid and b"popen_loky" in (status.parent / "cmdline").read_bytes():
                found.append(int(status.parent.name))
    return found


def state(folder: Path) -> object:
    """All files of a folder with their sizes and times."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)


def wait(holds: Callable[[], bool], seconds: float = float("inf")) -> None:
    """Wait until something holds."""
    until = time.perf_counter() + seconds
    while not holds() and (left := until - time.perf_counter()) > 0:
        time.sleep(min(left, 0.05))


@dataclass
class Journey:
    """The folder of a round, which is renamed and copied. left: copies that it has left, by their state.

    longest: seconds, at most, until a kill: about what a run takes.
    """

    folder: Path
    chance: random.Random
    longest: float
    left: dict[Path, object] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)
    said: str = ""

    def go(self, lines: list[list[str]], kills: int) -> None:
        """Launch each command until it ends well; deal so many kills on the way, evenly over the commands."""
        for number, line in enumerate(lines, 1):
            failed = 0
            while self._launched(line, kills * number // len(lines)):
                failed += self.happened["launches"] > kills + 5 * len(lines)
                if failed > 5:
                    raise SystemExit(self.said[-2000:])
                self._go_on()

    @property
    def dealt(self) -> int:
        """The number of kills."""
        return sum(count for what, count in self.happened.items() if what.startswith("kills"))

    def _launched(self, line: list[str], due: int) -> bool:
        """Launch a command, kill it while kills are due; return whether it must be launched again."""
        self.happened["launches"] += 1
        pool = "-m" in line and self.chance.random() < WORKERS
        launcher = [f"hydra/launcher={'joblib' if pool else 'basic'}"] if "-m" in line else []
        process = start_command([*line, *launcher], self.folder)
        while self.dealt < due and process.poll() is None:
            wait(
                lambda: process.poll() is not None, self.chance.uniform(0, (4 if pool else 1) * self.longest)
            )
            self._kill(process)
        wait(lambda: process.poll() is not None)
        with suppress(FileNotFoundError):  # it was killed before it had a stream
            self.said += (process.files / "err").read_text()
        return process.poll() != 0

    def _kill(self, process: Command) -> None:
        """Kill a command's process, or a worker of it."""
        found = workers(process.pid)
        if process.poll() is not None:
            return
        if found and self.chance.random() < 0.6:
            with suppress(ProcessLookupError):
                os.kill(self.chance.choice(found), signal.SIGKILL)
            self.happened["kills of a worker"] += 1
            return
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        wait(lambda: process.poll() is not None)
        if process.poll() != -signal.SIGKILL:  # it ended by itself, just before
            return
        wait(lambda: not any(Path(f"/proc/{pid}").exists() for pid in found))  # they notice that it is gone
        self.happened["kills of the process"] += 1

    def _go_on(self) -> None:
        """Sometimes rename the folder, or leave it for a copy."""
        step = self.chance.random()
        there = self.folder.with_name(f"{self.happened['renamed'] + len(self.left)} é")
        if step < MOVED:
            self.folder.rename(there)
            self.happened["renamed"] += 1
        elif step < MOVED + COPIED and (self.folder / "mlruns").exists():
            shutil.copytree(self.folder, there, symlinks=True)
            self.left[self.folder] = state(self.folder)
            self.happened["copied"] += 1
        else:
            return
        self.folder = there

    def compare(self, expected: dict[str, list[str]]) -> Counter[str]:
        """Count what is not as in an undisturbed round; and the finished runs whose Q-table is the same."""
        run_command(["doctor", "--fix"], self.folder)  # a killed run that nothing replaced is still RUNNING
        found = hashes(self.folder)
        points = "SELECT 1 FROM metrics WHERE key LIKE '%/return_%' GROUP BY run_uuid, key, step"
        [[running]] = asked(self.folder, "SELECT COUNT(*) FROM runs WHERE status = 'RUNNING'")
        counts = {
            "same Q-table": sum(found.get(config) == known for config, known in expected.items()),
            "lost": len(set(expected) - set(found)),
            "other Q-tables": sum(
                not set(some) <= set(expected.get(config, ())) for config, some in found.items()
            ),
            "twice": sum(len(some) - 1 for some in found.values()),
            "points twice": len(asked(self.folder, f"{points} HAVING COUNT(*) > 1")),
            "still RUNNING": int(str(running)),
            "copies written to": sum(state(copy) != before for copy, before in self.left.items()),
            "tracebacks": self.said.count("Traceback"),
        }
        return Counter(counts)


def undisturbed(folder: Path) -> tuple[float, dict[str, list[str]]]:
    """Seconds that a run takes, and the hashes of the Q-tables of all runs."""
    folder.mkdir()
    took = []
    for line in ALONE:
        started = time.perf_counter()
        ran = run_command(line, folder)
        took.append(time.perf_counter() - started)
        if ran.returncode:
            raise SystemExit(ran.stderr)
    return sorted(took)[RUNS // 2], hashes(folder)


def main() -> None:
    """Disturb rounds, compare each with an undisturbed one, print what happened; exit 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    given = parser.parse_args()
    commands.TIMEOUT_SECONDS = 3600
    started, total, rounds = time.perf_counter(), Counter[str](), 0
    with tempfile.TemporaryDirectory() as temporary:
        longest, expected = undisturbed(Path(temporary, "whole"))
        while rounds * ROUND < given.kills and time.perf_counter() < started + 60 * given.minutes:
            rounds += 1
            place = Path(temporary, f"round {rounds}")
            (place / "first").mkdir(parents=True)
            journey = Journey(place / "first", random.Random(f"{given.seed} {rounds}"), longest)
            lines = [SWEEP] if rounds % SWEEPS == 0 else ALONE
            journey.go(lines, min(ROUND, given.kills - (rounds - 1) * ROUND))
            found = journey.compare(expected)
            total += journey.happened + found
            defects = {what: found[what] for what in DEFECTS if found[what]}
            took, said = time.perf_counter() - started, defects or "as undisturbed"
            print(f"round {rounds:3}: {journey.dealt} kills, {said}; {took:.0f} s", flush=True)
            if defects:
                kept = shutil.copytree(place, tempfile.mkdtemp(prefix="survival-"), dirs_exist_ok=True)
                print(f"kept in {kept}\n{journey.said[-2000:]}", flush=True)
            shutil.rmtree(place)
    for what in sorted(set(total) | set(DEFECTS)):
        print(f"{what:50}{total[what]:6}")
    print(f"{'finished runs expected':50}{rounds * RUNS:6}")
    if any(total[what] for what in DEFECTS) or total["same Q-table"] != rounds * RUNS:
        raise SystemExit("a disturbed round is not an undisturbed one")


if __name__ == "__main__":
    main()
