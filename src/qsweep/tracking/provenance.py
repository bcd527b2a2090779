"""Where a run comes from: code, versions, machine."""

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


DECIDING = ("environments", "learning", "policies/evaluation", "seeds.py")
"""The parts of qsweep that decide what a run comes to."""


@lru_cache(maxsize=1)
def code() -> str:
    """Twelve hex digits of the source that decides what a run comes to."""
    root = Path(__file__).parents[1]
    paths = [path for name in DECIDING for path in sorted((root / name).rglob("*.py")) or [root / name]]
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:12]


@lru_cache(maxsize=1)
def provenance() -> Mapping[str, str]:
    """Tags that say which code, on which versions, on which machine; found once per process."""
    return {
        "qsweep.version": version("qsweep"),
        "qsweep.code": code(),
        "qsweep.packages": json.dumps({name: version(name) for name in PACKAGES}),
        "qsweep.python": platform.python_version(),
        "qsweep.platform": platform.platform(),
        **_git(),
    }


def _git() -> Mapping[str, str]:
    """The commit of the repository that the command is run in, and whether files differ from it."""
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
