from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qsweep.learning.compiler.notice import BEGIN, END

CODE = """
from numba import int64
import qsweep.learning.compiler.compilation as compiling
from made import twice, thrice
one, other = (compiling.compiled(f, int64(int64), what=what) for f, what in ((twice, NAME), (thrice, "")))
assert (one(2), other(2)) == (4, 6)
"""


@pytest.mark.integration
@pytest.mark.parametrize(("name", "said"), [("sarsa for a maze", "sarsa for a maze"), ("", "loops")])
def test_the_message_is_printed_once_and_not_for_cached_code(tmp_path: Path, name: str, said: str) -> None:
    """A process that compiles two functions prints one message; a second one loads them and prints none."""
    (tmp_path / "made.py").write_text(
        "def twice(x):\n    return 2 * x\n\n\ndef thrice(x):\n    return 3 * x\n"
    )
    settings = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    messages = [
        subprocess.run(
            [sys.executable, "-c", f"NAME = {name!r}\n{CODE}"],
            cwd=tmp_path,
            env=settings,
            capture_output=True,
            check=True,
            text=True,
        ).stderr
        for _ in range(2)
    ]
    assert messages == [f"{BEGIN}{said}{END}\n", ""]
