"""The pictures on a page of the atlas: its film and its chart of costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from qsweep.commands.atlas.figures import COSTS, costs
from qsweep.commands.atlas.films import FRAMES, film
from qsweep.commands.atlas.protocol import cells, protocol
from qsweep.commands.atlas.results import Page, Result, Scale
from qsweep.policies.registry.shipped import shipped, shipped_names
from qsweep.report.figures import draw, save


def page(*of: tuple[list[float], list[bool]]) -> Page:
    """Return a page of FrozenLake, of one algorithm for each pair of costs and whether runs arrived."""
    wanted = cells(protocol(), "small", ["frozen_lake"], ())
    nothing = np.zeros(0), pd.DataFrame()
    results = tuple(
        Result(cell, (), nothing[1], nothing[1], nothing[0], nothing[0], np.array(steps), np.array(arrived))
        for cell, (steps, arrived) in zip(wanted, of, strict=False)
    )
    return Page(wanted[0].entry, Scale(0.0, 1.0, True), results)


def test_the_chart_of_costs(tmp_path: Path) -> None:
    """Shares rise at the costs of the runs that arrive; an algorithm none of whose runs does stays at 0."""
    fast, none = ([1000.0, 9000.0, 4000.0], [True, False, True]), ([9000.0, 9100.0], [False, False])
    chart = costs(page(fast, none))
    assert chart is not None
    one, other = chart.lines
    assert (one.label, other.label) == ("q_learning", "double_q_learning")
    assert (one.x[0], one.x[-1], len(one.x)) == (0, 9100, COSTS)
    expected = np.where(one.x < 1000, 0, np.where(one.x < 4000, 1 / 3, 2 / 3))
    assert one.y == pytest.approx(expected)
    assert not other.y.any()
    save(draw(chart), tmp_path / "costs.png")
    with Image.open(tmp_path / "costs.png") as drawn:
        assert drawn.width > drawn.height > 400


def test_without_a_run_that_arrives_there_is_no_chart() -> None:
    """Nothing would be in it."""
    assert costs(page(([10.0], [False]))) is None


@pytest.mark.parametrize("name", shipped_names())
def test_a_film_is_small(name: str, tmp_path: Path) -> None:
    """The film of every published policy fits into a page, however long its episode is."""
    path = tmp_path / "film.gif"
    assert film(shipped(name), path)
    assert path.stat().st_size < 200_000
    with Image.open(path) as made:
        assert 1 < getattr(made, "n_frames", 1) <= FRAMES + 2


def test_an_environment_that_cannot_be_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has no film, and no file."""
    policy = shipped("atlas:windy_gridworld")
    world = "qsweep.environments.textbook.table_environment.TableEnvironment.metadata"
    monkeypatch.setattr(world, {"render_modes": []})
    assert not film(policy, tmp_path / "film.gif")
    assert not [*tmp_path.iterdir()]
