"""The first random number of an episode, computed for many seeds at once.

The seeding of numpy's PCG64 (O'Neill 2014) through `SeedSequence` (O'Neill 2015, "Developing a seed_seq
alternative"), which Gymnasium uses, on arrays of seeds: creating a generator for each takes 50 times as long.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from qsweep.environments.twins.pcg64 import HIGH_FACTOR, LOW_FACTOR, high_product
from qsweep.system.arrays import Floats

Words = npt.NDArray[np.uint32]
Halves = npt.NDArray[np.uint64]
POOL = 4
INIT_A, MULT_A = 0x43B0D7E5, 0x931E8875
INIT_B, MULT_B = 0x8B51F9DD, 0x58F38DED
MIX_LEFT, MIX_RIGHT = np.uint32(0xCA01F9DD), np.uint32(0x4973F715)
_SHIFT, _MASK = np.uint32(16), 2**32 - 1
_HALF, _ONE, _TOP = np.uint64(32), np.uint64(1), np.uint64(63)


def first_draws(seeds: npt.NDArray[np.int64]) -> Floats:
    """Return `default_rng(seed).random()` of each seed, float64[n]; seeds int64[n] are below 2^32."""
    with np.errstate(over="ignore"):  # the products are meant to overflow
        high, low, step_high, step_low = _states(_pool(seeds.astype(np.uint32)))
        step = (step_high << _ONE) | (step_low >> _TOP), (step_low << _ONE) | _ONE
        seeded = _sum(step, (high, low))  # PCG's seeding: a step from 0, the state added, another step
        new_high, new_low = _step(_step(seeded, step), step)
        rotation, mixed = new_high >> np.uint64(58), new_high ^ new_low
        bits = (mixed >> rotation) | (mixed << ((np.uint64(64) - rotation) & _TOP))
        draws: Floats = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return draws


def _step(state: tuple[Halves, Halves], step: tuple[Halves, Halves]) -> tuple[Halves, Halves]:
    """Return PCG's next state: the 128-bit product with its factor, plus the step."""
    high, low = state
    product = high_product(low, LOW_FACTOR) + high * LOW_FACTOR + low * HIGH_FACTOR, low * LOW_FACTOR
    return _sum(product, step)


def _sum(a: tuple[Halves, Halves], b: tuple[Halves, Halves]) -> tuple[Halves, Halves]:
    low = a[1] + b[1]
    return a[0] + b[0] + (low < a[1]), low


def _factors(first: int, multiplier: int) -> Iterator[tuple[np.uint32, np.uint32]]:
    """Yield the constants before and after each hash of a sequence."""
    while True:
        following = first * multiplier & _MASK
        yield np.uint32(first), np.uint32(following)
        first = following


def _hashed(words: Words, factors: Iterator[tuple[np.uint32, np.uint32]]) -> Words:
    before, after = next(factors)
    mixed = (words ^ before) * after
    return mixed ^ (mixed >> _SHIFT)


def _pool(entropy: Words) -> list[Words]:
    """Return a `SeedSequence`'s pool of seeds with one word of entropy each."""
    factors = _factors(INIT_A, MULT_A)
    pool = [_hashed(entropy if n == 0 else np.zeros_like(entropy), factors) for n in range(POOL)]
    for source in range(POOL):
        for target in range(POOL):
            if source != target:
                mixed = MIX_LEFT * pool[target] - MIX_RIGHT * _hashed(pool[source], factors)
                pool[target] = mixed ^ (mixed >> _SHIFT)
    return pool


def _states(pool: list[Words]) -> list[Halves]:
    """Return `SeedSequence.generate_state(4, uint64)`: the halves of the state and of the increment."""
    factors = _factors(INIT_B, MULT_B)
    words = [_hashed(pool[n % POOL], factors).astype(np.uint64) for n in range(2 * POOL)]
    return [low | (high << _HALF) for low, high in zip(words[::2], words[1::2], strict=True)]
