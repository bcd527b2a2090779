"""Where a run comes from: code, versions, machine."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("gymnasium", "numpy", "numba", "hydra-core", "mlflow", "pandas")


@lru_cache(maxsize=1)
def provenance() -> Mapping[str, str]:
    """Tags that say which code, on which versions, on which machine; found once per process."""
    return {
        "qsweep.version": version("qsweep"),
        "qsweep.packages": json.dumps({name: version(name) for name in PACKAGES}),
        "qsweep.python": platform.python_version(),
        "qsweep.platform": platform.platform(),
        **_git(),
    }


def _git() -> Mapping[str, str]:
    """The commit of the repository that the command is run in, and whether files differ from it."""
    try:
        commit = _output("rev-parse", "HEAD")
        changed = _output("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {"qsweep.git_commit": commit, "qsweep.git_dirty": str(bool(changed)).lower()}


def _output(*arguments: str) -> str:
    command = ["git", *arguments]
    ran = subprocess.run(command, cwd=Path.cwd(), capture_output=True, check=True, timeout=10)
    return ran.stdout.decode().strip()
