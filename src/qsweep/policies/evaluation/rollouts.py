"""Greedy rollouts: the returns of a Q-table without exploration, from given start seeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from qsweep.environments.facts import facts
from qsweep.environments.failures import EnvironmentFailure, failure
from qsweep.environments.grid import Grid, Lattice, lattice, locate
from qsweep.environments.guarded import MOST, REWARD, GuardedEnv
from qsweep.environments.resolved import Setting
from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Twin
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import intrinsics_for
from qsweep.learning.compiler.packing import Packed, pack
from qsweep.learning.engines.loop import Starts
from qsweep.policies.evaluation.greedy_loop import GreedyBatch, GreedyLane, greedy_action, greedy_episodes
from qsweep.system.arrays import Floats, Ints, QTable

LANES = 16
"""Number of episodes that run side by side."""
STEPS, GYMNASIUM_STEPS = 2 * 10**7, 10**5
"""Steps, at most, between two looks at whether to stop: about a second of either kind."""

LOCAL = ("random", "state", "observation", "cell", "at", "total")
LATTICE = tuple(f"lattice.{name}" for name in Lattice._fields)
FIXED = (*(f"{name}.0" for name in LOCAL), "lattice.low.0", "lattice.scale.0", "lattice.buckets.0")
"""Arrays of a lane, those of the grid, and lengths that are the same for all grids; see `packing`."""


@dataclass(frozen=True)
class Rollouts:
    """Greedy episodes, one for each start seed.

    returns float64[n], undiscounted; lengths int32[n], steps; terminated bool[n], otherwise
    truncated by the step limit.
    """

    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    terminated: npt.NDArray[np.bool_]

    def successes(self, env_id: str) -> npt.NDArray[np.bool_] | None:
        """Return which episodes succeeded, bool[n], or None if the environment defines no success."""
        match facts(env_id).success:
            case "terminated":
                return self.terminated
            case "truncated":
                return ~self.terminated
            case "rewarded":
                return self.returns > 0
        return None


def roll_out(
    setting: Setting, q_table: QTable, seeds: Sequence[int], check: Callable[[], object] = lambda: None
) -> Rollouts:
    """Run one episode of the greedy policy of `q_table` from the start state of each seed.

    Ties go to the first action; the setting's step limit truncates. A twin, if the setting has one, gives
    the same numbers as the environment. check: called about every second; raises if it shall stop. Raises
    EnvironmentFailure for a return that is no finite number.
    """
    size = max(1, (STEPS if setting.twin else GYMNASIUM_STEPS) // setting.max_steps)
    parts = []
    for first in range(0, len(seeds), size):
        some = seeds[first : first + size]
        if setting.twin:
            parts.append(_compiled(setting, setting.twin, q_table, some))
        else:
            parts.append(_gymnasium(setting, q_table, some))
        _check(setting, q_table, some, parts[-1])
        check()
    columns = zip(*((part.returns, part.lengths, part.terminated) for part in parts), strict=True)
    return parts[0] if len(parts) == 1 else Rollouts(*map(np.concatenate, columns))


def _values(setting: Setting, q_table: QTable) -> tuple[Floats, Ints]:
    """Return the values of each cell, float64[cells, actions], and its greedy action, int64[cells]."""
    q = np.ascontiguousarray(q_table).reshape(setting.grid.cells, -1)
    return q, q.argmax(axis=1)


def returns_from(setting: Setting, q_table: QTable, states: Floats, observations: Floats) -> Floats:
    """Return the return of the greedy policy from each state of a twin that draws no random numbers.

    states [n, k] and observations [n, dimensions]; the step limit counts from there. returns [n].
    """
    assert setting.twin
    starts = Starts(states, observations, np.zeros((0, 6), np.uint64))
    return _from(setting, setting.twin, q_table, starts, len(states)).returns


def _compiled(setting: Setting, twin: Twin, q_table: QTable, seeds: Sequence[int]) -> Rollouts:
    return _from(setting, twin, q_table, _starts(twin, seeds), len(seeds))


def _from(setting: Setting, twin: Twin, q_table: QTable, starts: Starts, n: int) -> Rollouts:
    rollouts = Rollouts(np.empty(n), np.empty(n, np.int32), np.empty(n, np.bool_))
    q, best = _values(setting, q_table)
    batch = GreedyBatch(
        starts=starts,
        constants=twin.constants,
        max_steps=setting.max_steps,
        q=q,
        best=best,
        next=np.zeros(1, np.int64),
        cells=np.zeros((LANES, setting.grid.tilings), np.int64),
        returns=rollouts.returns,
        lengths=rollouts.lengths,
        terminated=rollouts.terminated,
    )
    _kernel(twin)(_lanes(twin, setting.grid).words.copy(), batch)
    return rollouts


@lru_cache(maxsize=8)
def _lanes(twin: Twin, grid: Grid) -> Packed:
    cell, at, total = np.zeros(1, np.int64), np.zeros(6, np.int64), np.zeros(1)
    lane = GreedyLane(stream(0), *twin.buffers(), lattice(grid), cell, at, total)
    return pack([lane] * LANES, FIXED, LANES, LOCAL, LATTICE)


@lru_cache(maxsize=8)
def _starts(twin: Twin, seeds: Sequence[int]) -> Starts:
    if twin.start is None:
        return Starts(*twin.starts(np.random.default_rng(0), 0), np.stack([stream(seed) for seed in seeds]))
    starts = (twin.start(np.random.default_rng(seed), 1) for seed in seeds)
    states, observations = zip(*starts, strict=True)
    return Starts(np.concatenate(states), np.concatenate(observations), np.zeros((0, 6), np.uint64))


@lru_cache(maxsize=8)
def _kernel(twin: Twin) -> Callable[..., None]:
    """Compile `greedy_episodes` for a twin, for any grid."""
    from numba import boolean, float64, int32, int64, typeof, void
    from numba.types import NamedTuple

    from qsweep.learning.engines.trigonometry import vectorised

    _, observation = twin.buffers()
    grid = Grid((0.0,) * len(observation), (1.0,) * len(observation), (1,) * len(observation))
    tables = (float64[:, ::1], int64[::1], int64[::1], int64[:, ::1])
    results = (float64[::1], int32[::1], boolean[::1])
    starts = typeof(_starts(twin, range(1)))
    batch = NamedTuple((starts, typeof(twin.constants), int64, *tables, *results), GreedyBatch)
    names = {
        "reset": twin.reset,
        "step": twin.step,
        "qsweep.learning.engines.loop.LANES": LANES,
        "qsweep.learning.engines.loop.PADDED": True,
        **intrinsics_for(_lanes(twin, grid).packing),
        **vectorised(),
    }
    return compiled(greedy_episodes, void(int64[:, ::1], batch), names)  # type: ignore[no-any-return]


def roll_out_by(setting: Setting, act: Callable[[list[float]], int], seeds: Sequence[int]) -> Rollouts:
    """Run one episode from the start state of each seed, in the environment itself.

    act: observation -> the environment's action. Raises EnvironmentFailure as the environment does.
    """
    with setting.open() as env:
        episodes = [_episode(env, act, seed, setting.max_steps) for seed in seeds]
    returns, lengths, terminated = zip(*episodes, strict=True)
    return Rollouts(np.array(returns), np.array(lengths, np.int32), np.array(terminated, np.bool_))


def _gymnasium(setting: Setting, q_table: QTable, seeds: Sequence[int]) -> Rollouts:
    q, best = _values(setting, q_table)
    where, cells = lattice(setting.grid), np.zeros(setting.grid.tilings, np.int64)

    def act(numbers: list[float]) -> int:
        locate(where, np.array(numbers), cells)
        return greedy_action(q, best, cells) + setting.description.first_action

    return roll_out_by(setting, act, seeds)


def _episode(
    env: GuardedEnv, act: Callable[[list[float]], int], seed: int, max_steps: int
) -> tuple[float, int, bool]:
    total, length, terminated, truncated = 0.0, 0, False, False
    try:
        seen = env.reset(seed)
        while not (terminated or truncated or length >= max_steps):
            length += 1
            seen, reward, terminated, truncated = env.step(act(seen))
            total += reward
    except EnvironmentFailure as failed:
        raise failed.at(_place(seed, length)) from failed
    return total, length, terminated


def _place(seed: int, step: int) -> str:
    return f"in the greedy episode from seed {seed}, at step {step}"


def _check(setting: Setting, q_table: QTable, seeds: Sequence[int], rollouts: Rollouts) -> None:
    """Raise EnvironmentFailure if a return is no finite number, or so large that means overflow."""
    good = np.abs(rollouts.returns) <= MOST
    if good.all():
        return
    number = int(np.flatnonzero(~good)[0])
    found, length = float(rollouts.returns[number]), int(rollouts.lengths[number])
    if setting.twin:  # an episode of so many steps, bisected: no sum becomes finite again
        low, one = 0, range(seeds[number], seeds[number] + 1)
        while length - low > 1:
            middle = (low + length) // 2
            shorter = replace(setting, env=replace(setting.env, max_steps=middle))
            one_return = _compiled(shorter, setting.twin, q_table, one).returns[0]
            low, length = (middle, length) if abs(one_return) <= MOST else (low, middle)
    what = f"gave rewards whose sum is {found:g}"
    raise failure(setting.env.id, "step", what, REWARD).at(_place(seeds[number], length))
