"""Random streams: every generator of a run is derived here from its one seed, and passed on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VALIDATION, TEST, PLAY = 2**30, 2**31, 3 * 2**30
"""The first seed of the validation, test and play starts; training environments use smaller seeds."""

_HALF = 2**64 - 1


@dataclass(frozen=True)
class Streams:
    """The independent random streams of one run.

    table: generator of the initial Q-table. exploration: 64-bit key of the exploration draws.
    environment: seed of the training environment's first reset, below `VALIDATION`.
    """

    table: np.random.Generator
    exploration: int
    environment: int


def streams(seed: int) -> Streams:
    """Derive a run's streams from its seed with `SeedSequence.spawn`, so that no two runs share one."""
    table, exploration, environment = np.random.SeedSequence(seed).spawn(3)
    return Streams(
        table=np.random.default_rng(table),
        exploration=int(exploration.generate_state(1, np.uint64)[0]),
        environment=int(environment.generate_state(1, np.uint32)[0]) >> 2,
    )


def validation(episodes: int) -> range:
    """Return one start seed per validation episode, the same ones for every run."""
    return range(VALIDATION, VALIDATION + episodes)


def test(episodes: int) -> range:
    """Return one start seed per test episode, the same ones for every run, so that runs can be paired."""
    return range(TEST, TEST + episodes)


def play(episodes: int, first: int = 0) -> range:
    """Return start seeds for watching a policy, after skipping `first`; no selection or score uses them."""
    return range(PLAY + first, PLAY + first + episodes)


def random_play() -> tuple[int, np.random.Generator]:
    """Return the environment's seed and the action generator of random play, the same for every run."""
    environment, actions = np.random.SeedSequence(PLAY).spawn(2)
    return int(environment.generate_state(1, np.uint32)[0]) >> 2, np.random.default_rng(actions)


def bootstrap() -> np.random.Generator:
    """Return the generator that resamples a test score for its interval, the same for every run."""
    return np.random.default_rng(np.random.SeedSequence(TEST))


def generator_state(generator: np.random.Generator) -> npt.NDArray[np.uint64]:
    """Return the state of a PCG64 generator, uint64[6]."""
    state = generator.bit_generator.state
    assert state["bit_generator"] == "PCG64"
    numbers = [state["state"]["state"], state["state"]["inc"]]
    halves = [half for number in numbers for half in (number >> 64, number & _HALF)]
    return np.array([*halves, state["has_uint32"], state["uinteger"]], np.uint64)


def restored_generator(state: npt.NDArray[np.uint64]) -> np.random.Generator:
    """Return a PCG64 generator in the state that `generator_state` returned."""
    high, low, inc_high, inc_low, has_uint32, uinteger = (int(number) for number in state)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": high << 64 | low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
