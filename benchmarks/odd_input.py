"""Odd input of every kind, in one process: cases, exit codes, tracebacks: `python benchmarks/odd_input.py`.

A case is a command, on a store, a folder, a config or an environment of which one thing is odd. It may end
with exit code 0, 1 or 2; anything else, an exception that is not an exit, or a minute of computing is a
defect. `KIND` for one of the kinds only, `--most N` for so many cases of each, drawn at random.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the tables of the tests
from click.testing import CliRunner
from tests.commands.test_odd_rows import DAMAGE, VALUES
from tests.support import misbehaving

from qsweep.cli import main as qsweep
from qsweep.config import RULES
from qsweep.environments import failures
from qsweep.system import notices
from qsweep.tracking.places import trust_places

SECONDS = 60
TINY = [
    "env=frozen_lake",
    "episodes=20",
    "engine=gymnasium",
    "evaluation.checkpoints=2",
    "evaluation.episodes=2",
]
TINY += ["evaluation.test_episodes=4", "registry.confirm_seeds=0"]
SWEEP = ["train", "-m", *TINY, "learning_rate=0.1,0.2", "hydra/launcher=basic", "sweep.name=s"]
ONE, OTHER, BEST = "learning_rate=0.1,seed=0", "learning_rate=0.2,seed=0", "FrozenLake-v1@best"
READING = (
    ("runs",),
    ("runs", "s"),
    ("doctor",),
    ("gc", "--dry-run", "--keep-best", "1"),
    ("watch", "--once"),
    ("pull", BEST, "--out", "out/pulled", "--force"),
    ("play", BEST, "--episodes", "1"),
    ("report", "s", "--out", "out/report"),
    ("compare", ONE, OTHER),
    ("diff", ONE, OTHER),
    ("check",),
    ("plot", ONE, "actions", "--out", "out/x.png", "--force"),
    ("reproduce", ONE),
    ("export", BEST, "--to", "folder", "--out", "out/export", "--force"),
    ("video", ONE, "--out", "out/x.gif", "--force"),
)
"""Commands that read a store, and do not change it."""
WRITING = ((*SWEEP, "sweep.report=never"), ("train", *TINY, "seed=7"), ("doctor", "--fix"), ("gc", "--purge"))
WRONG = (
    *(
        "nan",
        "inf",
        "-1",
        "0",
        "1e308",
        "1e-320",
        "-0.0",
        "1e400",
        f"{'9' * 30}",
        f"-{'9' * 30}",
        "0x10",
        "1_0",
    ),
    *("true", "null", "''", "' '", "'\\t'", "[]", "[[1]]", "{}", "{a:1}", "[null]", "[nan]", "{a:{b:[inf]}}"),
    *(
        f"'{'x' * 5001}'",
        f"'{'山' * 300}'",
        "'\x1b[31m'",
        "'\u202e'",
        "'\udcff'",
        "'..'",
        "'/'",
        "'~'",
        "'a:b'",
        "'${x}'",
    ),
    *(
        "${seed}",
        "${oc.env:HOME}",
        f"{'[' * 200}{']' * 200}",
        f"[{','.join(['1'] * 1000)}]",
        "1e1000000",
        "+1",
        "1.",
        ".",
    ),
)
"""Values for every key: too small, too large, too long, of another type; some suit some keys."""
NUMBERS = ("-1", "0", "1e400", "nan", "inf", "9" * 30, "x", "''", "0.5")
OPTIONS = {
    f"play {ONE}": ("--episodes", "--seed", "--policy"),
    f"video {ONE}": ("--every", "--fps"),
    f"plot {ONE}": ("--every", "--legend"),
    f"plot {ONE} actions": ("--every",),
    "gc --dry-run": ("--older-than", "--keep-best", "--thin-checkpoints", "--keep-checkpoints"),
    "report s": ("--since", "--where", "--metric", "--baseline", "--ui"),
    "runs": ("--limit", "--by", "--uri"),
    "watch --once": ("--every",),
    "check": ("--of", ""),
    "check 5": ("",),
    "server --backend nonsense": ("--port", "--workers"),
    "ui nosuch": ("--port", "--host"),
    "users add nosuch": ("--uri",),
    "verify": ("",),
    "keys": ("",),
    "env": ("",),
    "completion": ("",),
}
"""Beginning of a command -> its options and, as "", its argument, which get each of `NUMBERS` and `TEXTS`."""
TEXTS = (
    "\udcff",
    "5000d",
    "99999999999999999d",
    "0001-01-01",
    "9999-12-31",
    "a >= ",
    "seed > nan",
    "/",
    "..",
    "~",
    "x" * 300,
    "\x1b",
)
NAMES = (
    "\udcff",
    "",
    ".",
    "..",
    "/",
    "@best",
    "x@",
    "s/",
    "/3",
    "x/ep",
    f"{ONE}/ep-1",
    f"{ONE}/ep{'9' * 30}",
    "x" * 5000,
    "*",
    "%",
    "'",
)
NAMED = (
    "pull",
    "play",
    "video",
    "plot",
    "report",
    "runs",
    "reproduce",
    "export --to folder",
    "watch --once",
    "gc --dry-run",
)


@dataclass(frozen=True)
class Case:
    """A command, after `odd` has made something odd in the current folder."""

    about: str
    command: Sequence[str]
    odd: Callable[[], object] = lambda: None


def ran(case: Case) -> tuple[str, str]:
    """Run a case; return its class (an exit code, or a defect), and what it said last."""
    notices._given.clear()
    failures._warned.clear()
    trust_places(False)

    def late(*_: object) -> None:
        raise TimeoutError("too long")

    signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    home, environment = Path.cwd(), dict(os.environ)
    try:
        case.odd()
        done = CliRunner().invoke(qsweep, list(case.command))
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(home)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        return "traceback", repr(done.exception)
    if "Traceback" in done.output:
        return "traceback", done.output[-300:]
    last = (done.stderr.strip().splitlines() or [""])[-1]
    return f"exit {done.exit_code}" if done.exit_code in (0, 1, 2) else f"exit {done.exit_code}?", last


class Project:
    """A folder with a finished sweep, of which a copy is made for each case."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        os.chdir(folder)
        done = CliRunner().invoke(qsweep, SWEEP)
        assert done.exit_code == 0, done.output
        with closing(sqlite3.connect("mlruns/mlflow.db")) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def copy(self) -> None:
        """Make the current folder a new copy, beside the project."""
        place = self.folder.with_name("case")
        os.chdir(self.folder.parent)
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.folder, place, symlinks=True)
        os.chdir(place)

    def columns(self) -> list[tuple[str, str]]:
        """The tables and columns that qsweep reads in any of the commands."""
        read: set[tuple[str, str]] = set()

        def note(what: int, table: str | None, column: str | None, *_: object) -> int:
            if what == sqlite3.SQLITE_READ and column and table and not table.startswith("sqlite_"):
                read.add((table, column))
            return sqlite3.SQLITE_OK

        connect = sqlite3.connect

        def connected(*given: object, **named: object) -> sqlite3.Connection:
            connection = connect(*given, **named)  # type: ignore[call-overload]
            connection.set_authorizer(note)
            return connection  # type: ignore[no-any-return]

        self.copy()
        sqlite3.connect = connected  # type: ignore[assignment]
        try:
            for command in (*READING, *WRITING):
                ran(Case("", command))
        finally:
            sqlite3.connect = connect
        return sorted(read)


def change(statement: str, *given: object) -> None:
    """Change the store in the current folder, as far as its constraints let one."""
    with closing(sqlite3.connect("mlruns/mlflow.db")) as connection, connection, suppress(sqlite3.Error):
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(statement, given)


def rows(project: Project) -> Iterator[Case]:
    """Every column that is read, with values of every kind, in the last row and in all."""
    for table, column in project.columns():
        for value in VALUES:
            for scope in (f"rowid = (SELECT max(rowid) FROM {table})", "1"):
                statement = f"UPDATE OR IGNORE {table} SET {column} = ? WHERE {scope}"
                for command in (*READING, *WRITING):
                    about = f"{table}.{column} = {value!r:.20} where {scope[:5]}"
                    yield Case(about, command, lambda s=statement, v=value: change(s, v))
        for command in READING:
            yield Case(f"no {table}", command, lambda t=table: change(f"DELETE FROM {t}"))


def pages(project: Project) -> Iterator[Case]:
    """Damaged pages of the database."""
    assert project

    def damage(how: str, seed: int) -> None:
        chance, database = random.Random(f"{how} {seed}"), Path("mlruns/mlflow.db")
        content = bytearray(database.read_bytes())
        size = int.from_bytes(content[16:18], "big")
        for first in chance.choices(range(0, len(content), size), k=1 + seed % 20):
            page = content[first : first + size]
            DAMAGE[how](chance, page, size)
            content[first : first + size] = page
        database.write_bytes(content)

    for how in DAMAGE:
        for seed in range(25):
            for command in (*READING, *WRITING):
                yield Case(f"{how} {seed}", command, lambda h=how, s=seed: damage(h, s))


def keys(project: Project) -> Iterator[Case]:
    """Every key with values that are too small, too large, too long or of another type."""
    assert project
    dry = ("tracking=none", "sweep.dry_run=true")
    for key in [
        *RULES,
        "env",
        "epsilon",
        "tracking",
        "experiment",
        "hydra.launcher.n_jobs",
        "hydra.sweep.dir",
        "nosuch",
    ]:
        for value in WRONG:
            yield Case(f"{key}={value:.30}", ("train", "-m", *dry, "window=1,2", f"{key}={value}"))


def options(project: Project) -> Iterator[Case]:
    """Options and names of every command."""
    assert project
    for command, names in OPTIONS.items():
        for name in names:
            for value in (*NUMBERS, *TEXTS):
                given = value if value != "''" else ""
                yield Case("", (*shlex.split(command), *([name] if name else []), given))
    for command in NAMED:
        for name in NAMES:
            yield Case("", (*shlex.split(command), name))


def environments(project: Project) -> Iterator[Case]:
    """Every method of an environment with everything that it may raise or return, in a sweep of two."""
    assert project
    small = [*TINY[1:], f"env.id={misbehaving.ID}", "tracking=none"]
    hows: dict[str, list[str]] = {
        "step": [*misbehaving.REWARDS, *misbehaving.OBSERVATIONS, *misbehaving.RESULTS],
        "reset": ["no tuple", "four values"],
    }
    for method in ("make", "reset", "step", "render", "close"):
        for how in (*misbehaving.EXCEPTIONS, *hows.get(method, ()), "chdir"):
            for multirun in (True, False):
                more = ["-m", "seed=0,1", "hydra/launcher=basic"] if multirun else []
                where = f'env.kwargs={{method:{method},how:"{how}",episode:1,at:1}}'
                yield Case(f"{method} {how}", ("train", *more, *small, where))


SETTINGS = {
    "TMPDIR": "/nowhere",
    "HOME": "/nowhere",
    "NUMBA_CACHE_DIR": "/proc/nowhere",
    "XDG_CACHE_HOME": "/proc/nowhere",
    "MLFLOW_TRACKING_URI": "",
    "COLUMNS": "1",
    "LANG": "C",
    "TZ": "Nowhere/Never",
    "PYTHONIOENCODING": "ascii",
    "NO_COLOR": "1",
    "USER": "",
    "LOGNAME": "\x1b/..",
}
"""Variable -> an odd value."""


def become(path: str, how: str) -> None:
    """Put something of another kind at a place."""
    place = Path(path)
    with suppress(OSError):
        shutil.rmtree(place) if place.is_dir() else place.unlink()
    place.parent.mkdir(parents=True, exist_ok=True)
    match how:
        case "a folder":
            place.mkdir()
        case "empty":
            place.touch()
        case "text":
            place.write_text("this is something else\n" * 50)
        case "bytes":
            place.write_bytes(random.Random(0).randbytes(20_000))
        case "a pipe":
            os.mkfifo(place)
        case "a link to nothing":
            place.symlink_to("nowhere")
        case "a link to itself":
            place.symlink_to(place.name)
        case "a link to a device":
            place.symlink_to("/dev/zero")


def gone() -> None:
    """Go to a folder, and delete it."""
    Path("gone").mkdir()
    os.chdir("gone")
    Path().absolute().rmdir()


def places(project: Project) -> Iterator[Case]:
    """Every place absent, read-only, of another kind, or full of something else."""
    del project
    archives = list(Path().glob("mlruns/artifacts/*/*/artifacts/**/*.*"))
    known = [
        *(
            "mlruns",
            "mlruns/mlflow.db",
            "mlruns/artifacts",
            "mlruns/models",
            "multirun",
            "out",
            "mlruns/lost+found",
        ),
        *sorted({str(path) for path in archives})[:20],
    ]

    kinds = (
        "absent",
        "a folder",
        "empty",
        "text",
        "bytes",
        "a pipe",
        "a link to nothing",
        "a link to itself",
    )
    for path in known:
        for how in (*kinds, "a link to a device"):
            for command in (*READING, *WRITING):
                yield Case(f"{path} is {how}", command, lambda p=path, h=how: become(p, h))
    for variable, value in SETTINGS.items():
        for command in (*READING, *WRITING):
            yield Case(
                f"{variable}={value}", command, lambda k=variable, v=value: os.environ.__setitem__(k, v)
            )

    for command in (*READING, *WRITING):
        yield Case("the current folder was deleted", command, gone)


KINDS = {each.__name__: each for each in (rows, pages, keys, options, environments, places)}
ALTERS = ("rows", "pages", "places")
"""Kinds whose cases change the folder."""


def main() -> None:
    """Try the cases; print the defects, and a table of the kinds; exit 1 if there is a defect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", nargs="*", choices=[*KINDS, []])
    parser.add_argument("--most", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "0"
    table: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        project = Project(Path(temporary, "project"))
        for kind in given.kind or KINDS:
            counts = table[kind] = Counter()
            project.copy()
            cases = list(KINDS[kind](project))
            counts["all"] = len(cases)
            random.Random(given.seed).shuffle(cases)
            for case in cases[: given.most]:
                if kind in ALTERS:
                    project.copy()
                started = time.process_time()
                with redirect_stdout(StringIO()), redirect_stderr(StringIO()):
                    what, said = ran(case)
                counts["tried"] += 1
                counts[what] += 1
                took = time.process_time() - started
                if what not in ("exit 0", "exit 1", "exit 2") or took > SECONDS / 3:
                    words = shlex.join(case.command)
                    print(
                        f"{what}: {kind}: {case.about}: qsweep {words:.160} ({took:.0f} s): {said:.400}",
                        flush=True,
                    )
            print(kind, dict(counts), flush=True)
        os.chdir("/")
    classes = sorted({what for counts in table.values() for what in counts} - {"all", "tried"})
    print(f"{'kind':14}{'cases':>8}{'tried':>8}" + "".join(f"{what:>12}" for what in classes))
    for kind, counts in table.items():
        print(
            f"{kind:14}{counts['all']:8}{counts['tried']:8}"
            + "".join(f"{counts[what]:12}" for what in classes)
        )
    if {*classes} - {"exit 0", "exit 1", "exit 2"}:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
