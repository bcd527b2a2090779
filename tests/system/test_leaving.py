from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = """
import atexit, os, sys, threading, time
from qsweep.system.leaving import leaving_at_once, note_foreign_code
class Freed:
    def __del__(self): os.write(1, b"freed\\n")
kept = Freed()
kept.itself = kept
"""


def ended(body: str) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of a process whose command has this body."""
    code = f"{HEAD}\ndef command():\n    {body}\nleaving_at_once(command)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.parametrize(("given", "code"), [("", 0), ("None", 0), ("3", 3), ("True", 1), ("256 + 2", 2)])
def test_the_exit_code_is_kept(given: str, code: int) -> None:
    """Output is flushed, exit functions are called, and nothing is freed."""
    done = ended(f"atexit.register(print, 'at exit'); print('done', end=' '); sys.exit({given})")
    assert done == (code, "done at exit\n", "")


def test_threads_end_first() -> None:
    """A thread that is no daemon completes its work."""
    body = "threading.Thread(target=lambda: (time.sleep(0.2), print('thread'))).start(); sys.exit(4)"
    assert ended(body) == (4, "thread\n", "")


def test_foreign_code_is_freed() -> None:
    """An environment of a user's may count on it."""
    assert ended("note_foreign_code(); sys.exit(5)") == (5, "freed\n", "")


@pytest.mark.parametrize(
    ("body", "code", "error"), [("sys.exit('why')", 1, "why"), ("1 / 0", 1, "ZeroDivisionError")]
)
def test_other_ends_are_pythons(body: str, code: int, error: str) -> None:
    """A message and a traceback are printed as ever."""
    found, out, err = ended(body)
    assert (found, out) == (code, "freed\n")
    assert error in err


def test_output_that_cannot_be_flushed_is_an_error() -> None:
    """Python reports it, with its own exit code."""
    code = f"{HEAD}\ndef command():\n    print('lost'); sys.exit(0)\nleaving_at_once(command)"
    buffered = {key: value for key, value in os.environ.items() if key != "PYTHONUNBUFFERED"}
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-c", code], stdout=full, stderr=subprocess.PIPE, env=buffered, check=False
        )
    assert (ran.returncode, b"No space left on device" in ran.stderr) == (120, True)
