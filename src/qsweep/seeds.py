"""One seed enters a run; every generator is derived from it here, and passed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VALIDATION, TEST, PLAY = 2**30, 2**31, 3 * 2**30
"""Where the seeds of validation, test and play starts begin; training environments are seeded below all."""

_HALF = 2**64 - 1


@dataclass(frozen=True)
class Streams:
    """The independent random streams of one run.

    table: generator of the first Q-table. exploration: 64-bit key of the exploration draws.
    environment: what the training environment's first reset is seeded with, below `VALIDATION`.
    """

    table: np.random.Generator
    exploration: int
    environment: int


def streams(seed: int) -> Streams:
    """Derive a run's streams from its seed (SeedSequence spawns, so no two runs share one)."""
    table, exploration, environment = np.random.SeedSequence(seed).spawn(3)
    return Streams(
        table=np.random.default_rng(table),
        exploration=int(exploration.generate_state(1, np.uint64)[0]),
        environment=int(environment.generate_state(1, np.uint32)[0]) >> 2,
    )


def validation(episodes: int) -> range:
    """One start seed for each validation episode, the same for every run."""
    return range(VALIDATION, VALIDATION + episodes)


def test(episodes: int) -> range:
    """One start seed for each test episode, the same for every run, so that runs can be paired."""
    return range(TEST, TEST + episodes)


def play(episodes: int, first: int = 0) -> range:
    """Start seeds to watch a policy on, the first `first` left out; nothing is chosen or measured on them."""
    return range(PLAY + first, PLAY + first + episodes)


def exploring() -> tuple[int, np.random.Generator]:
    """The seed of the environment of random play and the generator of its actions, alike in every run."""
    environment, actions = np.random.SeedSequence(PLAY).spawn(2)
    return int(environment.generate_state(1, np.uint32)[0]) >> 2, np.random.default_rng(actions)


def bootstrap() -> np.random.Generator:
    """The generator of a test score's interval, the same for every run."""
    return np.random.default_rng(np.random.SeedSequence(TEST))


def generator_state(generator: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Where a PCG64 generator stands, uint64[6]."""
    known = generator.bit_generator.state
    assert known["bit_generator"] == "PCG64"
    numbers = [known["state"]["state"], known["state"]["inc"]]
    halves = [half for number in numbers for half in (number >> 64, number & _HALF)]
    return np.array([*halves, known["has_uint32"], known["uinteger"]], np.uint64)


def generator_at(state: npt.NDArray[np.uint64]) -> np.random.Generator:
    """A PCG64 generator that stands where `generator_state` said."""
    high, low, inc_high, inc_low, has_uint32, uinteger = (int(number) for number in state)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
