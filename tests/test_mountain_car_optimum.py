"""What benchmarks/mountain_car_optimum.py measures, beside the optimum that is shipped."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from scipy.ndimage import map_coordinates  # type: ignore[import-untyped]

from qsweep.policies.optimum import mountain_car
from qsweep.system.arrays import Floats


@pytest.fixture
def measuring(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, as a module."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "benchmarks"))
    return import_module("mountain_car_optimum")


@pytest.mark.slow
def test_a_coarse_grids_policy_does_no_better(measuring: ModuleType) -> None:
    """It comes close to the shipped optimum and does not beat it."""
    best = mountain_car.expected_return(200)
    coarse = measuring.measure(grid=(401, 281), starts=5000)
    assert best - 0.3 < coarse.attained < best
    assert coarse.predicted < coarse.attained


@pytest.mark.slow
def test_mountain_cars_optimum_measured_anew(measuring: ModuleType) -> None:
    """The published grid gives the shipped numbers, up to what another machine's cosine may change."""
    measured = measuring.measure()
    assert measured.attained == pytest.approx(mountain_car.expected_return(200), abs=1e-3)
    assert measured.attained == pytest.approx(measured.predicted, abs=0.1)
    assert set(measured.steps) == set(mountain_car.STEPS)


def faster(values: Floats, start: float, steps: int, slack: float) -> bool:
    """Whether a search finds the goal within `steps`, through the dynamics themselves.

    Goes through all states from which the grid's `values` [positions, velocities] put the goal
    within `slack` of the steps left, and of those that lie very close together, the best.
    """
    low, spacing = np.array([-1.2, -0.07]), np.array([1.8, 0.14]) / (np.array(values.shape) - 1)
    position, velocity = np.array([start]), np.zeros(1)
    for left in range(steps - 1, -1, -1):
        pushed = velocity - 0.0025 * np.cos(3 * position)
        velocity = np.clip(np.concatenate([pushed - 0.001, pushed, pushed + 0.001]), -0.07, 0.07)
        position = np.clip(np.tile(position, 3) + velocity, -1.2, 0.6)
        velocity[(position == -1.2) & (velocity < 0)] = 0.0
        if np.any((position >= 0.5) & (velocity >= 0)):
            return True
        states = np.stack([position, velocity], axis=1)
        need = -map_coordinates(values, ((states - low) / spacing).T, order=1, mode="nearest")
        order = np.argsort(need)[: np.count_nonzero(need <= left + slack)]
        cells = np.floor(position[order] / 2e-4) * 2**20 + np.floor(velocity[order] / 2e-5)
        first = order[np.unique(cells, return_index=True)[1]]
        position, velocity = position[first], velocity[first]
    return False


@pytest.mark.slow
def test_a_search_hardly_finds_a_faster_way_up_the_mountain(measuring: ModuleType) -> None:
    """What a wide search gains on the shipped numbers averages below 0.02 steps over 25 starts.

    That it finds ways as fast as they say shows that it searches well.
    """
    grid = (1601, 1121)
    values = measuring.values_on(measuring.axes_of(grid)).reshape(grid).astype(np.float64)
    needed = np.repeat([*mountain_car.STEPS], [*mountain_car.STEPS.values()])[::-1]  # fewest on the right
    ranks = np.arange(500, mountain_car.STARTS, 4000)
    gains, attained = [], []
    for rank in ranks:
        place = -0.6 + 0.2 * (rank + 0.5) / mountain_car.STARTS
        gains.append(faster(values, place, needed[rank] - 1, slack=1.0))
        attained.append(faster(values, place, needed[rank], slack=1.0))
    assert np.mean(gains) < 0.02
    assert np.mean(attained) > 0.98
