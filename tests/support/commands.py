"""The `qsweep` command in a process of its own that is forked from one that has imported everything.

Importing takes seconds of each command, and more than most tests need for all else. What is imported when,
and what a command does when it is killed, is tested with `QSWEEP`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from tests.support.messages import without_notice

QSWEEP = str(Path(sys.executable).with_name("qsweep"))
"""The installed command."""
ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 300


def run_command(arguments: Sequence[str], folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run `qsweep` with these arguments in a folder; return its exit code and what it printed.

    But for the notice that it compiles, which depends on what ran on the machine before. With settings of
    the environment, which imports may read, the installed command runs in a new process.
    """
    command = [QSWEEP, *arguments]
    ran = _new_process(command, folder, settings) if settings else _fork(command, folder)
    ran.stderr = without_notice(ran.stderr)
    return ran


def _new_process(
    command: list[str], folder: Path, settings: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **settings}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )


def _fork(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    server = _server()
    assert server.stdin
    assert server.stdout
    with tempfile.TemporaryDirectory() as made:
        out, err = Path(made, "out"), Path(made, "err")
        request = [command, str(folder), dict(os.environ), str(out), str(err)]
        print(json.dumps(request), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return subprocess.CompletedProcess(command, code, out.read_text(), err.read_text())


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process that commands are forked from; it ends with this one, which closes its stdin."""
    command = [sys.executable, "-m", "tests.support.command_server", str(TIMEOUT_SECONDS)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
