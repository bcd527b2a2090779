"""A sweep of 60 runs under 100 random kill -9, of its own process or a worker, launched again each time.

Between launches its folder is sometimes renamed, or copied, and the sweep goes on in the copy. At the end
there must be 60 finished runs, each with the Q-table of an undisturbed sweep, no curve with a point twice,
and no copy may have been written to: `python benchmarks/survival.py`. `--kills N` and `--seed N` for others;
`--minutes N` deals no kills after that time.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from pathlib import Path

QSWEEP = str(Path(sys.executable).with_name("qsweep"))
RUNS = 60
SWEEP = ["buckets=8,10,12", f"seed=range({RUNS // 3})", "episodes=20000", "checkpoint_every=100"]
SWEEP += ["evaluation.checkpoints=5", "evaluation.episodes=10", "evaluation.test_episodes=50"]
SWEEP += ["registry.promote=never", "sweep.report=never", "tracking.durable_seconds=0.1"]
MOVED, COPIED = 0.2, 0.05
"""How often the folder is renamed, and copied, after the sweep's process was killed."""
SHARE = 0.9
"""How many of the runs have finished when the last kill is dealt: kills lie evenly on the sweep's way."""
LONGEST = 0.5
"""Seconds, at most, until a kill that is due: it may meet a worker at any line."""
CHILDREN = "run_uuid IN (SELECT run_uuid FROM tags WHERE key = 'mlflow.parentRunId')"
ACTIVE = f"lifecycle_stage = 'active' AND {CHILDREN}"


def launch(folder: Path) -> subprocess.Popen[bytes]:
    """Begin the sweep, or go on with it."""
    command = [QSWEEP, "train", "-m", *SWEEP]
    log = (folder / "log").open("ab")
    return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def asked(folder: Path, query: str) -> list[tuple[object, ...]]:
    """What the database answers."""
    with closing(sqlite3.connect(f"file:{folder}/mlruns/mlflow.db?mode=ro", uri=True)) as connection:
        return list(connection.execute(query))


def finished(folder: Path) -> int:
    """How many runs have finished."""
    with suppress(sqlite3.OperationalError):  # there is no database yet
        return len(asked(folder, f"SELECT 1 FROM runs WHERE status = 'FINISHED' AND {ACTIVE}"))
    return 0


def hashes(folder: Path) -> dict[str, list[str]]:
    """The name of each finished run -> the hashes of its Q-tables, one for each run of that name."""
    query = f"""SELECT name, value FROM runs JOIN tags USING (run_uuid)
        WHERE key = 'qsweep.qtable_sha256' AND status = 'FINISHED' AND {ACTIVE}"""
    found: dict[str, list[str]] = {}
    for name, value in asked(folder, query):
        found.setdefault(str(name), []).append(str(value))
    return found


def workers(pid: int) -> list[int]:
    """The processes in which a sweep's process has its runs trained."""
    listed = subprocess.run(["ps", "-eo", "pid=,ppid=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [int(own) for own, parent, what in rows if int(parent) == pid and "popen_loky" in what]


def begun(folder: Path) -> int:
    """A number that grows whenever a launch begins or ends runs."""
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("multirun/*/*/*.jsonl"))


def killed(folder: Path, process: subprocess.Popen[bytes], chance: random.Random, due: int) -> str:
    """Kill the sweep's process, or a worker, at a random moment; says which, or nothing if it has ended.

    due: how many runs must have finished by then; and at least one more is begun.
    """
    before = begun(folder)
    while process.poll() is None and (begun(folder) == before or finished(folder) < due):
        time.sleep(0.02)
    with suppress(subprocess.TimeoutExpired):
        process.wait(chance.uniform(0, LONGEST))
    if process.poll() is not None:
        return ""
    found = workers(process.pid)
    if found and chance.random() < 0.5:
        with suppress(ProcessLookupError):
            os.kill(chance.choice(found), signal.SIGKILL)
        return "worker"
    process.kill()
    process.wait()
    while any(Path(f"/proc/{pid}").exists() for pid in found):  # they notice that it is gone
        time.sleep(0.02)
    return "parent"


class Journey:
    """The folder of a sweep, which is renamed and copied. left: copies that it has left, by their state."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.left, self.moves = folder, dict[Path, object](), 0

    def go_on(self, chance: random.Random) -> None:
        """Sometimes rename the folder, or leave it for a copy."""
        step, there = chance.random(), self.folder.with_name(f"{self.moves + len(self.left)} é")
        if step < MOVED:
            self.folder.rename(there)
            self.moves += 1
        elif step < MOVED + COPIED:
            shutil.copytree(self.folder, there, symlinks=True)
            self.left[self.folder] = state(self.folder)
        else:
            return
        self.folder = there


def state(folder: Path) -> object:
    """All files of a folder with their sizes and times."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted((str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files)


def disturbed(journey: Journey, kills: int, chance: random.Random, until: float) -> Counter[str]:
    """A sweep with so many kills, launched until it ends by itself; what happened. until: no kills later."""
    happened: Counter[str] = Counter()
    while True:
        happened["launch"] += 1
        folder = journey.folder
        process = launch(folder)
        while (dealt := happened["worker"] + happened["parent"]) < kills and process.poll() is None:
            if time.perf_counter() > until:
                kills = dealt
            elif victim := killed(folder, process, chance, int(SHARE * RUNS * dealt / kills)):
                happened[victim] += 1
                print(
                    f"kill {dealt + 1:3d}: {victim:6}  {finished(folder):2d} of {RUNS} finished", flush=True
                )
        if process.wait() == 0:
            return happened
        if dealt == kills and happened["launch"] > happened["parent"] + 5:
            raise SystemExit((folder / "log").read_text()[-2000:])
        journey.go_on(chance)


def main() -> None:
    """Disturb a sweep, compare it with an undisturbed one, print what happened; exit 1 if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        whole, journey = Path(temporary) / "whole", Journey(Path(temporary) / "disturbed")
        whole.mkdir()
        journey.folder.mkdir()
        started = time.perf_counter()
        if launch(whole).wait():
            raise SystemExit((whole / "log").read_text())
        took = time.perf_counter() - started
        until = started + 60 * given.minutes
        happened = disturbed(journey, given.kills, random.Random(given.seed), until)
        folder = journey.folder
        written = [str(copy) for copy, before in journey.left.items() if state(copy) != before]
        found, expected = hashes(folder), hashes(whole)
        [[running]] = asked(folder, "SELECT COUNT(*) FROM runs WHERE status = 'RUNNING'")
        [[trash]] = asked(folder, "SELECT COUNT(*) FROM runs WHERE lifecycle_stage = 'deleted'")
        points = "SELECT 1 FROM metrics WHERE key LIKE '%/return_%' GROUP BY run_uuid, key, step"
        twice = asked(folder, f"{points} HAVING COUNT(*) > 1")
        log = (folder / "log").read_text()
        print(f"undisturbed                    {took:8.1f} s")
        print(f"disturbed                      {time.perf_counter() - started - took:8.1f} s")
        print(f"kills of the sweep's process   {happened['parent']:6d}")
        print(f"kills of a worker              {happened['worker']:6d}")
        print(f"launches                       {happened['launch']:6d}")
        print(f"renamed, copied                {journey.moves:6d}, {len(journey.left)}")
        print(f"copies that were written to    {len(written):6d}")
        print(f"replaced runs, in the trash    {trash!s:>6}")
        print(f"complaints in the log          {len(log.splitlines()) if 'Traceback' in log else 0:6d}")
        same = sum(found.get(name) == known for name, known in expected.items())
        print(f"finished, same Q-table         {same:6d} of {len(expected)}")
        print(f"finished, in all               {sum(map(len, found.values())):6d}")
        print(f"still RUNNING                  {running!s:>6}")
        print(f"points that are there twice    {len(twice):6d}")
    if happened["worker"] + happened["parent"] < given.kills and given.minutes == float("inf"):
        raise SystemExit("the sweep ended before all kills were dealt: give it more episodes")
    if found != expected or len(found) != RUNS or running or twice or written:
        raise SystemExit("the disturbed sweep is not the undisturbed one")


if __name__ == "__main__":
    main()
