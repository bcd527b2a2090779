"""The provenance of a run: versions and machine; `result_code` has its code."""

from __future__ import annotations

import json
import platform
import subprocess
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from qsweep.config import Tracking
from qsweep.tracking.users import USER, user_of

PACKAGES = ("gymnasium", "numpy", "numba", "hydra-core", "mlflow", "pandas")


NOTE = "mlflow.note.content"
"""The tag that MLflow's UI shows as a run's Description."""


def own_tags(tracking: Tracking) -> dict[str, str]:
    """Return the tags that say whose a run is, and those that the user gave it."""
    texts = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in tracking.tags.items()
    }
    note = {NOTE: tracking.note} if tracking.note else {}
    return {**texts, **note, USER: user_of(tracking.uri, tracking.user)}


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
