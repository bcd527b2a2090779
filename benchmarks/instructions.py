"""How many instructions a training step takes, counted by valgrind: no machine and no load changes that."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

REFERENCE = str(Path(__file__).with_name("reference_loop.py"))
SWITCH = """
#include <valgrind/callgrind.h>
void begin(void) { CALLGRIND_START_INSTRUMENTATION; CALLGRIND_ZERO_STATS; }
void end(const char *name) { CALLGRIND_DUMP_STATS_AT(name); CALLGRIND_STOP_INSTRUMENTATION; }
"""
PLAIN = {"NUMBA_CPU_NAME": "x86-64-v2", "NUMBA_CPU_FEATURES": "+sse4.2", "PYTHONHASHSEED": "0"}
"""Code for a processor that valgrind knows, whatever this one is."""


def absent() -> str:
    """Why instructions cannot be counted here, or empty."""
    for tool in ("valgrind", "cc"):
        if shutil.which(tool) is None:
            return f"{tool} is not installed"
    return (
        "" if Path("/usr/include/valgrind/callgrind.h").exists() else "valgrind's headers are not installed"
    )


def per_step() -> dict[str, float]:
    """Instructions per step of qsweep's loop and of the reference loop, in double precision both."""
    with tempfile.TemporaryDirectory(prefix="qsweep-count-") as name:
        folder = Path(name)
        library = folder / "switch.so"
        build = ["cc", "-x", "c", "-", "-shared", "-fPIC", "-O1", "-o", str(library)]
        subprocess.run(build, input=SWITCH, text=True, check=True)
        settings = {**os.environ, **PLAIN, "NUMBA_CACHE_DIR": str(folder / "numba")}
        loops = [sys.executable, REFERENCE, str(library)]
        subprocess.run(loops, cwd=folder, env=settings, check=True, capture_output=True)  # compiles
        counted = [
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            "--callgrind-out-file=counts",
            *loops,
        ]
        ran = subprocess.run(counted, cwd=folder, env=settings, check=True, capture_output=True, text=True)
        steps = json.loads(ran.stdout)
        counts = dict(_count(file) for file in folder.glob("counts.*"))
    return {loop: _per_step(loop, counts, steps) for loop in ("qsweep", "reference")}


def _count(file: Path) -> tuple[str, int]:
    """What a dump is of, and its instructions."""
    text = file.read_text()
    [name] = re.findall(r"^desc: Trigger: Client Request: (.*)$", text, re.MULTILINE)
    [total] = re.findall(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)[:1]
    return name, int(total)


def _per_step(loop: str, counts: dict[str, int], steps: dict[str, int]) -> float:
    (fewer, some), (more, many) = sorted((steps[key], counts[key]) for key in steps if key.startswith(loop))
    return (many - some) / (more - fewer)


if __name__ == "__main__":
    print(absent() or per_step())
