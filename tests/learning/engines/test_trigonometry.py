from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from qsweep.environments.twins import trigonometry as twins
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.engines import trigonometry
from qsweep.system.arrays import Floats


@pytest.fixture(scope="module")
def compare() -> Callable[[Floats, Floats], int]:
    """Return the function that compares both functions with libm's."""
    from numba import float64, int64

    made: Any = compiled(trigonometry.differences, int64(float64[::1], float64[:, ::1]))
    return made  # type: ignore[no-any-return]


def test_both_equal_libm_or_are_not_used(compare: Callable[[Floats, Floats], int]) -> None:
    """On millions of angles, all that twins may compute, each has libm's bits if the start-up test passed."""
    random = np.random.default_rng(1)
    bounds = (1e-6, 0.13, 0.43, 0.9, 1.8, 3.6, 7.0, 1e3, 1e7)
    angles = np.concatenate([random.uniform(-bound, bound, 200_000) for bound in bounds])
    cells = np.arange(-1_000_000, 1_000_000) / 2.0**18
    for tested in (angles, cells):
        found = np.empty((4, len(tested)))
        assert compare(tested, found) == 0 or not trigonometry.same_as_libm()
        assert np.allclose(found[:2], found[2:], rtol=0.0, atol=1e-15)


def test_zeros_and_tiny_angles(compare: Callable[[Floats, Floats], int]) -> None:
    """Zero keeps its sign, and the smallest numbers are their own sines."""
    angles, found = np.array([0.0, -0.0, 5e-324, -1e-300]), np.empty((4, 4))
    compare(angles, found)
    assert found[0].tolist() == [1.0] * 4
    assert found[1].tobytes() == angles.tobytes()


def one_differs(_angles: Floats, _found: Floats) -> int:
    """Return 1, as `differences` does on a machine whose libm gives another bit for one angle."""
    return 1


def test_on_a_difference_loops_call_libm(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one angle has another bit in libm, neither function is replaced."""
    trigonometry.same_as_libm.cache_clear()
    monkeypatch.setattr(trigonometry, "differences", one_differs)
    assert trigonometry.vectorised() == {}
    trigonometry.same_as_libm.cache_clear()


def test_uncompiled_twins_call_libm() -> None:
    """In the interpreter the functions are those of Python's math module."""
    assert (twins.cos(0.3), twins.sin(0.3)) == (math.cos(0.3), math.sin(0.3))


def test_the_table_is_exact() -> None:
    """Sine and cosine of each 128th, each with its rest, add up to a square of 1."""
    sines, cosines = trigonometry.TABLE.reshape(-1, 4)[:, 0], trigonometry.TABLE.reshape(-1, 4)[:, 2]
    steps = np.arange(len(sines)) / 128
    assert sines.tolist() == [math.sin(step) for step in steps]
    assert cosines.tolist() == [math.cos(step) for step in steps]
