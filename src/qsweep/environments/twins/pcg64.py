"""Numpy's default random numbers, PCG64, as a plain function of a state that can be kept and copied.

O'Neill (2014), PCG XSL RR 128/64. Gymnasium's environments draw from numpy's; a twin draws the same here.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Stream = npt.NDArray[np.uint64]
"""uint64[4]: the high and low half of the 128-bit state, and of its increment."""

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_HIGH_FACTOR, _LOW_FACTOR = np.uint64(0x2360ED051FC65DA4), np.uint64(0x4385DF649FCCF645)


def stream(seed: int) -> Stream:
    """Where `numpy.random.Generator(PCG64(SeedSequence(seed)))` begins, as Gymnasium seeds it."""
    state: Any = np.random.PCG64(np.random.SeedSequence(seed)).state
    halves = [half for value in state["state"].values() for half in divmod(value, 2**64)]
    return np.array(halves, np.uint64)


def _high_product(a: Any, b: Any) -> Any:
    """The high 64 of the 128 bits of a product."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    middle = a_high * b_low + ((a_low * b_low) >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF)


def uniform(random: Stream) -> float:
    """The next number of a stream, uniform in [0, 1): what `Generator.random()` gives."""
    high, low, high_step, low_step = random[0], random[1], random[2], random[3]
    product = low * _LOW_FACTOR
    new_high = _high_product(low, _LOW_FACTOR) + high * _LOW_FACTOR + low * _HIGH_FACTOR + high_step
    new_low = product + low_step
    if new_low < product:
        new_high = new_high + np.uint64(1)
    random[0], random[1] = new_high, new_low
    turn, mixed = new_high >> np.uint64(58), new_high ^ new_low
    bits = (mixed >> turn) | (mixed << ((np.uint64(64) - turn) & np.uint64(63)))
    return float(bits >> np.uint64(11)) * 2.0**-53
