"""Run commands of `qsweep`, each in a fork of this process, as asked on stdin; print their exit codes."""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
from pathlib import Path

import qsweep
from qsweep.cli import main

SOURCE = Path(qsweep.__file__).parent
MODULES = [
    *(".".join(file.with_suffix("").relative_to(SOURCE.parent).parts) for file in SOURCE.rglob("*.py")),
    *("filelock", "gymnasium", "hydra", "joblib", "matplotlib.pyplot", "mlflow", "numba", "optuna", "pandas"),
]


def serve(timeout: int) -> None:
    """Answer requests until stdin ends; only forks return before."""
    for module in MODULES:
        importlib.import_module(module)
    for line in sys.stdin:
        child = os.fork()
        if not child:
            signal.alarm(timeout)
            become(*json.loads(line))
            main()
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def become(arguments: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> None:
    """Take a command's arguments, folder, environment and streams."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    for number, path in enumerate((os.devnull, out, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
