"""The provenance of a run: versions and machine; `result_code` has its code."""

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
    """Return the tags for versions and machine; determined once per process."""
    return {
        "qsweep.version": version("qsweep"),
        "qsweep.packages": json.dumps({name: version(name) for name in PACKAGES}),
        "qsweep.python": platform.python_version(),
        "qsweep.platform": platform.platform(),
        **_git(),
    }


def _git() -> Mapping[str, str]:
    """Return tags for the current folder's commit and whether files differ from it; none without git."""
    command = ["git", "status", "--porcelain=v2", "--branch", "--untracked-files=no"]
    try:
        ran = subprocess.run(command, cwd=Path.cwd(), capture_output=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return {}
    lines = ran.stdout.decode(errors="replace").splitlines()
    commits = [line.removeprefix("# branch.oid ") for line in lines if line.startswith("# branch.oid ")]
    if not commits or commits[0] == "(initial)":
        return {}
    changed = any(not line.startswith("#") for line in lines)
    return {"qsweep.git_commit": commits[0], "qsweep.git_dirty": str(changed).lower()}
