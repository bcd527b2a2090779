"""Numpy's default random generator, PCG64, as a plain function of a state that can be stored and copied.

O'Neill (2014), PCG XSL RR 128/64. Gymnasium's environments draw from numpy's generator; with this function
a twin draws the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.seeds import generator_state

Stream = npt.NDArray[np.uint64]
"""uint64[6]: the high and low half of the 128-bit state, and of its increment; 1 if half of the last bits is
kept for the next integer, otherwise 0; and that half, 32 bits."""
KEPT, HALF = 4, 5

_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_ZERO, _ONE = np.uint64(0), np.uint64(1)
HIGH_FACTOR, LOW_FACTOR = np.uint64(0x2360ED051FC65DA4), np.uint64(0x4385DF649FCCF645)


def stream(seed: int) -> Stream:
    """Return the initial state of numpy's generator of a seed, which Gymnasium uses."""
    return generator_state(np.random.default_rng(seed))


def high_product(a: Any, b: Any) -> Any:
    """Return the high 64 of the 128 bits of a product."""
    a_high, a_low, b_high, b_low = a >> _HALF, a & _LOW, b >> _HALF, b & _LOW
    middle = a_high * b_low + ((a_low * b_low) >> _HALF)
    other = a_low * b_high + (middle & _LOW)
    return a_high * b_high + (middle >> _HALF) + (other >> _HALF)


def _bits(random: Stream) -> Any:
    """Return the next 64 bits of a stream."""
    high, low, high_step, low_step = random[0], random[1], random[2], random[3]
    product = low * LOW_FACTOR
    new_high = high_product(low, LOW_FACTOR) + high * LOW_FACTOR + low * HIGH_FACTOR + high_step
    new_low = product + low_step
    if new_low < product:
        new_high = new_high + _ONE
    random[0], random[1] = new_high, new_low
    rotation, mixed = new_high >> np.uint64(58), new_high ^ new_low
    return (mixed >> rotation) | (mixed << ((np.uint64(64) - rotation) & np.uint64(63)))


def uniform(random: Stream) -> float:
    """Return the next number of a stream, uniform in [0, 1), as `Generator.random()` does."""
    return float(_bits(random) >> np.uint64(11)) * 2.0**-53


def integer(random: Stream, n: int) -> int:
    """Return the next integer in [0, n), as `Generator.integers(n)` does; n is from 2 to 2^32 - 1.

    It is also the index of the element that `Generator.choice` returns of n. Lemire (2019), "Fast random
    integer generation in an interval": a product with 32 random bits, which are drawn again where some
    integers would be more likely.
    """
    count = np.uint64(n)
    product = _half_bits(random) * count
    if product & _LOW < count:
        threshold = (_LOW - count + _ONE) % count
        while product & _LOW < threshold:
            product = _half_bits(random) * count
    return int(product >> _HALF)


def _half_bits(random: Stream) -> Any:
    """Return the next 32 bits: the lower half of 64 new ones, then their upper half."""
    if random[KEPT] != _ZERO:
        random[KEPT] = _ZERO
        return random[HALF]
    bits = _bits(random)
    random[KEPT], random[HALF] = _ONE, bits >> _HALF
    return bits & _LOW
