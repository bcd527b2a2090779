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
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.messages import without_notice

QSWEEP = str(Path(sys.executable).with_name("qsweep"))
"""The installed command."""
ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 300
POLL_SECONDS = 0.01


@dataclass(frozen=True)
class Command:
    """A command that runs, or has ended. files: a folder with what it printed and its exit code."""

    words: Sequence[str]
    files: Path

    @property
    def pid(self) -> int:
        """The process's id."""
        while not (file := self.files / "pid").exists():
            time.sleep(POLL_SECONDS)
        return int(file.read_text())

    def poll(self) -> int | None:
        """Return the exit code of a command that has ended, else None."""
        code = self.files / "code"
        return int(code.read_text()) if code.exists() else None

    def wait(self) -> subprocess.CompletedProcess[str]:
        """Return its exit code and what it printed.

        But for the notice that it compiles, which depends on what ran on the machine before.
        """
        while (code := self.poll()) is None:
            assert _server().poll() is None, "the server of commands has ended"
            time.sleep(POLL_SECONDS)
        out, err = ((self.files / name).read_text() for name in ("out", "err"))
        return subprocess.CompletedProcess(self.words, code, out, without_notice(err))


def start_command(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ
) -> Command:
    """Start `qsweep` with these arguments in a folder; it is killed after five minutes."""
    command = Command([QSWEEP, *arguments], Path(tempfile.mkdtemp(dir=_outputs().name)))
    request = [command.words, str(folder), dict(environment), str(command.files)]
    print(json.dumps(request), file=_server().stdin, flush=True)
    return command


def run_command(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Run `qsweep` with these arguments in a folder to its end."""
    return start_command(arguments, folder, environment).wait()


def run_installed(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str] = os.environ
) -> subprocess.CompletedProcess[str]:
    """Run the installed command, which, unlike a fork, closes its databases when it ends."""
    ran = subprocess.run(
        [QSWEEP, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
    )
    ran.stderr = without_notice(ran.stderr)
    return ran


@cache
def _outputs() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="commands-")  # removed when this process ends


@cache
def _server() -> subprocess.Popen[str]:
    """Start the process that commands are forked from; it ends with this one, which closes its stdin."""
    command = [sys.executable, "-m", "tests.support.command_server", str(TIMEOUT_SECONDS)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True)
