"""`counting.py FILE ARGUMENTS`: qsweep ARGUMENTS in this process, and in FILE what it did, counted.

Nothing is replaced but `sqlite3.connect`, so that statements are seen; the rest is what a profiler hears.
"""

from __future__ import annotations

import gc
import json
import os
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

GENERATOR = 0x20
"""The flag of a generator's code."""
HYDRA = ("_load_configuration_impl", os.path.join("hydra", "_internal", "config_loader_impl.py"))
RESOLVE = ("resolve", os.path.join("qsweep", "plan", "resolution.py"))
OWN, MLFLOW = (os.sep + name + os.sep for name in ("qsweep", "mlflow"))

FIRST = "modules at the first episode"

counts: Counter[str] = Counter()


def profile(frame: FrameType, event: str, argument: Any) -> None:
    """What Python calls at every call and return."""
    if event == "call":
        python_called(frame)
    elif event == "c_call":
        c_called(argument.__name__, getattr(argument, "__self__", None))
    elif event == "return" and argument is not None and FIRST not in counts and is_trainer(frame):
        counts[FIRST] = len(sys.modules)


def python_called(frame: FrameType) -> None:
    """Count a call of a Python function."""
    counts["calls of Python functions"] += 1
    code, caller = frame.f_code, frame.f_back
    if code.co_name == HYDRA[0] and code.co_filename.endswith(HYDRA[1]):
        counts["Hydra compositions"] += 1
    elif code.co_name == RESOLVE[0] and code.co_filename.endswith(RESOLVE[1]):
        counts["configs resolved"] += 1
    elif caller and MLFLOW in code.co_filename and OWN in caller.f_code.co_filename:
        counts["calls into MLflow"] += 1


def c_called(name: str, of: Any) -> None:
    """Count a call of a function written in C, bound to `of`."""
    if name in ("execute", "executemany") and isinstance(of, sqlite3.Cursor | sqlite3.Connection):
        counts["SQL statements"] += 1
    elif name == "fsync":
        counts["files synced"] += 1
    elif name == "fork_exec":
        counts["processes started"] += 1


def collecting(phase: str, _: Mapping[str, Any]) -> None:
    """What the garbage collector calls before and after it looks."""
    counts["collections of garbage"] += phase == "start"


def is_trainer(frame: FrameType) -> bool:
    """Whether a frame is that of a generator which trains: what it returns first is the first chunk."""
    code, engines = frame.f_code, os.path.join("qsweep", "learning", "engines")
    return bool(code.co_flags & GENERATOR) and engines in code.co_filename


def traced(connect: Any) -> Any:
    """`sqlite3.connect`, with an ear for what SQLite executes."""

    def connected(*arguments: Any, **options: Any) -> Any:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(hear)
        return connection

    return connected


def hear(statement: str) -> None:
    """What SQLite executes, whoever began it."""
    if statement.lstrip()[:6].upper() == "COMMIT":
        counts["commits"] += 1


def main(file: Path) -> None:
    """Run the command, counted."""
    sqlite3.connect = sqlite3.dbapi2.connect = traced(sqlite3.connect)
    gc.callbacks.append(collecting)
    threading.setprofile(profile)
    sys.setprofile(profile)
    try:
        from qsweep.cli import main

        main()
    finally:
        sys.setprofile(None)
        counts["modules at the end"] = len(sys.modules)
        file.write_text(json.dumps(counts))


if __name__ == "__main__":
    main(Path(sys.argv.pop(1)))
