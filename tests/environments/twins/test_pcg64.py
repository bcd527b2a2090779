"""Random integers as numpy's generator draws them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.environments.twins.pcg64 import integer, stream, uniform
from qsweep.learning.compiler.compilation import compiled
from qsweep.seeds import generator_state

LARGEST = 2**32 - 1
SIZES = st.integers(2, 60) | st.integers(2, LARGEST) | st.sampled_from([2**31 + 1, 3 * 2**30, LARGEST])


@cache
def machine_codes() -> tuple[Any, Any]:
    """Return `integer` and `uniform`, compiled."""
    from numba import float64, int64, uint64

    random = uint64[::1]
    return compiled(integer, int64(random, int64)), compiled(uniform, float64(random))


@pytest.mark.parametrize("functions", [machine_codes, lambda: (integer, uniform)], ids=["compiled", "plain"])
@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 2**64), sizes=st.lists(SIZES | st.none(), max_size=60))
def test_numpys_integers(functions: Any, seed: int, sizes: list[int | None]) -> None:
    """Integers below any number are numpy's, between floats too; so is the state that they leave."""
    draw, fraction = functions()
    random, generator = stream(seed), np.random.default_rng(seed)
    with np.errstate(over="ignore"):  # the products are meant to overflow
        for n in sizes:
            if n is None:
                assert fraction(random) == generator.random()
            else:
                assert draw(random, n) == generator.integers(n)
    assert random.tolist() == generator_state(generator).tolist()


def test_the_numbers_that_are_drawn_again() -> None:
    """For n of three quarters of 2^32, a quarter of the 32-bit draws is rejected and drawn again."""
    draw, _ = machine_codes()
    random, generator = stream(1), np.random.default_rng(1)
    assert [draw(random, 3 * 2**30) for _ in range(3000)] == generator.integers(3 * 2**30, size=3000).tolist()


def test_a_choice_is_an_integer() -> None:
    """An element that numpy chooses of a list is the one with the integer's number."""
    draw, _ = machine_codes()
    random, generator = stream(5), np.random.default_rng(5)
    for deck in ["CDHS", "JQK", "A23456789TJQK", "ab"] * 200:
        assert deck[draw(random, len(deck))] == generator.choice([*deck])
