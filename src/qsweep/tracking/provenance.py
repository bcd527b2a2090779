"""The provenance of a run: code, versions and machine."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("gymnasium", "numpy", "numba", "hydra-core", "mlflow", "pandas")

RESULT_SOURCES = ("environments", "learning", "policies/evaluation", "seeds.py")
"""The parts of qsweep that determine a run's result."""


@lru_cache(maxsize=1)
def code() -> str:
    """Return a hash, of twelve hex digits, of the source that determines a run's result."""
    root = Path(__file__).parents[1]
    paths = [path for name in RESULT_SOURCES for path in sorted((root / name).rglob("*.py")) or [root / name]]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=1)
def provenance() -> Mapping[str, str]:
    """Return the tags for code, versions and machine; determined once per process."""
    return {
        "qsweep.version": version("qsweep"),
        "qsweep.code": code(),
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
