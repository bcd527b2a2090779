"""Requirements of cluster launchers."""

from __future__ import annotations

from collections.abc import Iterator

from qsweep.errors import Problem
from qsweep.system import extras

LAUNCHERS = ("ray", "slurm")
"""Launchers of clusters; each needs the extra of the same name."""


def cluster_problems(chosen: str, uri: str) -> Iterator[Problem]:
    """Find what a cluster's launcher lacks: its package, or a tracking server that all machines reach."""
    if chosen not in LAUNCHERS:
        return
    yield from extras.problems(chosen, "hydra/launcher", chosen)
    if uri != "none" and not uri.startswith("http"):
        rule = f"must be none, or a tracking server that all machines can reach, with hydra/launcher={chosen}"
        yield Problem("tracking.uri", rule, uri, "tracking=server")
