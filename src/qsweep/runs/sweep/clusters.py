"""Requirements of cluster launchers."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec

from qsweep.errors import Problem

NEEDS = {"ray": "ray", "slurm": "submitit"}
"""Cluster launcher -> the module it needs, installed by the extra of the same name."""


def cluster_problems(chosen: str, uri: str) -> Iterator[Problem]:
    """Find what a cluster's launcher lacks: its package, or a tracking server that all machines reach."""
    if chosen not in NEEDS:
        return
    if find_spec(NEEDS[chosen]) is None:
        remedy = f"pip install 'qsweep[{chosen}]'"
        yield Problem("hydra/launcher", f"needs {NEEDS[chosen]}, which is not installed", chosen, remedy)
    if uri != "none" and not uri.startswith("http"):
        rule = f"must be none, or a tracking server that all machines can reach, with hydra/launcher={chosen}"
        yield Problem("tracking.uri", rule, uri, "tracking=server")
