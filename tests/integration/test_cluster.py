"""A sweep over a real Ray cluster, and over the processes that submitit starts in place of Slurm's."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMESPACES = ("unshare", "--map-root-user", "--net", "--pid", "--fork", "--mount-proc", "--kill-child")
"""A machine within the machine: no network but its own loopback, and all its processes die with the first."""

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def can_be_alone() -> bool:
    """Whether this machine gives us such namespaces."""
    if not shutil.which("unshare"):
        return False
    inner = ("unshare", "--uts", "--mount", "true")
    return subprocess.run([*NAMESPACES, *inner], capture_output=True).returncode == 0


def sweep_in_namespaces(folder: Path, launcher: str) -> list[tuple[str, str, str]]:
    """Run tests/integration/two_nodes.py; name, status and stage of the runs in its server's database."""
    command = [*NAMESPACES, sys.executable, "-m", "tests.integration.two_nodes", str(folder), launcher]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    ran = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=400)
    said = "\n".join(f"{log.name}:\n{log.read_text()[-3000:]}" for log in folder.glob("*.log"))
    assert ran.returncode == 0, f"{ran.stderr}\n{said}"
    with closing(sqlite3.connect(folder / "server.db")) as connection:
        return list(connection.execute("SELECT name, status, lifecycle_stage FROM runs"))


@pytest.mark.timeout(450)
@pytest.mark.parametrize(("launcher", "module"), [("ray", "ray"), ("slurm", "submitit")])
def test_a_worker_is_killed_mid_sweep(tmp_path: Path, launcher: str, module: str) -> None:
    """Its run is run again: each has finished exactly once, and what was killed lies in the trash.

    Ray: two nodes, of which the second, where the worker dies, has a host name and a folder of its own.
    Slurm: submitit's own local executor, for there is no Slurm here.
    """
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    if not can_be_alone():
        pytest.skip("no namespaces here, and Ray listens on every interface")
    runs = sweep_in_namespaces(tmp_path, launcher)
    active = Counter((name, status) for name, status, stage in runs if stage == "active")
    assert active == Counter([("seed", "FINISHED"), *((f"seed={seed}", "FINISHED") for seed in range(12))])
    assert [status for _, status, stage in runs if stage == "deleted"] == ["KILLED"]
