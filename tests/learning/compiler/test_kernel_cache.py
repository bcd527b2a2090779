from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qsweep.learning.compiler.notice import BEGIN

CODE = """
from numba import int64
import qsweep.learning.compiler.compilation as compiling
from made import twice
print("ready", flush=True)
input()
print(compiling.compiled(twice, int64(int64))(2))
"""


@pytest.mark.integration
def test_one_process_compiles_and_the_others_wait(tmp_path: Path) -> None:
    """Of processes that need the same code at the same time, one compiles it."""
    (tmp_path / "made.py").write_text("def twice(x):\n    return 2 * x\n")
    settings = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    settings.pop("NUMBA_CACHE_DIR", None)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", CODE],
            cwd=tmp_path,
            env=settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    ended = [process.communicate("\n") for process in processes]
    assert [answer for answer, _ in ended] == ["4\n"] * 3
    assert sum(said.count(BEGIN) for _, said in ended) == 1
