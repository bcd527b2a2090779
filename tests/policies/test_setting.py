from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from qsweep.environments import discretizer
from qsweep.environments.grid import Grid
from qsweep.environments.resolved import Resolved
from qsweep.plan.composition import load_resolved
from qsweep.policies.policy import Policy
from qsweep.policies.setting import setting_of_archive
from qsweep.report.q_tables import layout_of
from qsweep.runs.runner import about
from qsweep.tracking.checkpoints import FILE_NAME, Archive, History
from tests.environments.test_resolved import never

EDGES = ((-0.9, -0.5, 0.1), (-0.02, 0.01))
"""Not those that random play gives."""


def archived(folder: Path, resolved: Resolved) -> Archive:
    """An archive of a run, with one checkpoint."""
    with History(folder / FILE_NAME, resolved.shape, about(resolved)) as history:
        history.add(10, np.random.default_rng(0).normal(size=resolved.shape))
    return Archive(folder / FILE_NAME)


def learned() -> Resolved:
    """Return a run whose grid has other edges than would be learned now."""
    resolved = load_resolved(["discretizer=quantile", "buckets=[4,3]"])
    return replace(resolved, grid=replace(resolved.grid, edges=EDGES))


def test_an_archive_has_its_own_grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Policies, rollouts and pictures use the edges in the archive, not ones learned now."""
    archive = archived(tmp_path, learned())
    for name in ("_observations", "learned_edges", "grid"):
        monkeypatch.setattr(discretizer, name, never)
    assert archive.grid.edges == EDGES
    setting = setting_of_archive(archive)
    policy = Policy.from_checkpoint(archive, "ep000010")
    assert setting.grid == policy.grid == policy.setting().grid == archive.grid
    [panel] = layout_of(archive).panels
    assert panel.x.edges.tolist() == [-1.2, *EDGES[0], 0.6]
    assert panel.y.edges.tolist() == [-0.07, *EDGES[1], 0.07]


def test_an_archive_of_another_shape(tmp_path: Path) -> None:
    """An archive whose grid does not match its tables is refused."""
    resolved = load_resolved(["buckets=[4,3]"])
    with History(tmp_path / FILE_NAME, (3, 4, 3), about(resolved)) as history:
        history.add(10, np.zeros((3, 4, 3)))
    with pytest.raises(ValueError, match=r"shape \(3, 4, 3\), not \(4, 3, 3\)"):
        setting_of_archive(Archive(tmp_path / FILE_NAME))


@pytest.mark.parametrize("tilings", [1, 3])
def test_settings_of_an_archive_and_of_its_run(tmp_path: Path, tilings: int) -> None:
    """An archive gives the grid, the spaces and the step limit of its run, and no twin."""
    tiles = [] if tilings == 1 else ["discretizer=tiles", f"tilings={tilings}"]
    resolved = load_resolved(["env=cart_pole", "buckets=3", *tiles])
    setting = setting_of_archive(archived(tmp_path, resolved))
    assert isinstance(setting.grid, Grid)
    assert (setting.grid, setting.description) == (resolved.grid, resolved.description)
    assert (setting.max_steps, setting.twin) == (resolved.max_steps, None)
