"""Run commands of `qsweep`, each in a fork of this process, as asked on stdin."""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import signal
import sys
import tempfile
import threading
import traceback
from contextlib import chdir, redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import numba

import qsweep
from qsweep.cli import main

SOURCE = Path(qsweep.__file__).parent
MODULES = [
    *(".".join(file.with_suffix("").relative_to(SOURCE.parent).parts) for file in SOURCE.rglob("*.py")),
    *("filelock", "gymnasium", "hydra", "joblib", "matplotlib.pyplot", "mlflow", "numba", "optuna", "pandas"),
]
FIRST = ("train", "episodes=2", "evaluation.episodes=1", "evaluation.test_episodes=1", "tracking=none")
"""What every process does once, for half a second: conf/ is composed, machine code loaded."""


def serve(timeout: int) -> None:
    """Answer requests until stdin ends; forks return before.

    The first fork of each request waits for the second, which becomes the command, and writes its exit code.
    """
    for module in MODULES:
        importlib.import_module(module)
    numba.njit("int64()")(lambda: 0)  # it imports more when it compiles first
    warm_up()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the first forks
    gc.freeze()  # what is here is not looked at again, so forks share its memory
    for line in sys.stdin:
        if os.fork():
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        arguments, folder, environment, files = json.loads(line)
        if command := os.fork():
            Path(files, "pid.new").write_text(str(command))
            Path(files, "pid.new").rename(Path(files, "pid"))
            _, status = os.waitpid(command, 0)
            Path(files, "code.new").write_text(str(os.waitstatus_to_exitcode(status)))
            Path(files, "code.new").rename(Path(files, "code"))
            os._exit(0)
        signal.alarm(timeout)
        become(arguments, folder, environment, Path(files))
        run()


def warm_up() -> None:
    """Run a command that leaves nothing: no open file, no thread."""
    output = io.StringIO()
    with (
        tempfile.TemporaryDirectory() as folder,
        chdir(folder),
        redirect_stdout(output),
        redirect_stderr(output),
        suppress(SystemExit),
    ):
        main(FIRST, standalone_mode=False)


def become(arguments: list[str], folder: str, environment: dict[str, str], files: Path) -> None:
    """Take a command's arguments, folder, environment and streams."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    sys.path[0] = str(Path(arguments[0]).parent)
    sys.path[1:1] = [path for path in environment.get("PYTHONPATH", "").split(os.pathsep) if path]
    for number, path in enumerate((os.devnull, files / "out", files / "err")):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), number)


def run() -> None:
    """Run the command and end as Python does, but for freeing all modules, which takes a second."""
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
