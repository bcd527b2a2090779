"""A finite Markov decision process as Gymnasium's toy text writes it, and the errors of one that is none."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from qsweep.environments.textbook.table_environment import Outcomes
from qsweep.errors import Problem, UsageError
from qsweep.system.arrays import Floats

KEY = "env.kwargs.source"
PRECISION = 1e-6
"""The difference from 1 of a sum of float32 probabilities: it is rounding, and the row is normalised."""
EXACT = 1e-12
"""The difference from 1 of a sum of float64 probabilities, which are used as they are."""
LARGEST = 1e100
"""The largest reward."""
MOST_OUTCOMES = 2_000_000
"""The maximum number of outcomes of a process, each a few hundred bytes of memory."""


@dataclass(frozen=True)
class Process:
    """Transition tables, and the number of actions in each state, the first ones.

    p: see `Outcomes`; every state has rows for all actions. start: float64[states], or None if it is not
    given.
    """

    p: Outcomes
    available: tuple[int, ...]
    start: Any = None

    @property
    def ended(self) -> list[int]:
        """The states in which an episode has ended: every action stays there and ends it."""
        return [
            state
            for state, actions in self.p.items()
            if all(row[1] == state and row[3] for outcomes in actions.values() for row in outcomes)
        ]

    def hash(self, start: Floats) -> str:
        """Return 16 hex digits that identify the tables and a start distribution."""
        rows = [
            (state, action, *outcome)
            for state, actions in self.p.items()
            for action, outcomes in actions.items()
            for outcome in outcomes
        ]
        digest = hashlib.sha256(np.array(rows, np.float64).tobytes())
        digest.update(np.array([*start, *self.available], np.float64).tobytes())
        return digest.hexdigest()[:16]


def wrong(rule: str, given: object = None, remedy: str = "", key: str = KEY) -> UsageError:
    """Return the error of a process that cannot be used."""
    return UsageError([Problem(key, rule, given, remedy)])


def distribution(chances: Sequence[float], what: str, remedy: str, key: str = KEY) -> list[float]:
    """Return probabilities whose sum is 1: as they are, or normalised if they are rounded to float32.

    what: where they are, in words. Raises UsageError if they are no distribution.
    """
    values = np.asarray(chances, np.float64)
    if not np.isfinite(values).all() or values.min(initial=0.0) < 0:
        bad = values[~(np.isfinite(values) & (values >= 0))][0]
        raise wrong(f"must have probabilities from 0 to 1; {what} has {bad:g}", key=key)
    total = float(values.sum())
    if abs(total - 1) > PRECISION:
        raise wrong(f"must have probabilities that sum to 1; {what} sums to {total:.10g}", None, remedy, key)
    normal: list[float] = (values if abs(total - 1) <= EXACT else values / total).tolist()
    return normal


def check_size(outcomes: int) -> None:
    """Raise UsageError if a process has too many outcomes."""
    if outcomes > MOST_OUTCOMES:
        raise wrong(f"must have at most {MOST_OUTCOMES:,} outcomes that can occur; it has {outcomes:,}")


def check_reward(reward: float, what: str) -> None:
    """Raise UsageError if a reward is not finite, or too large to compute with."""
    if not abs(reward) <= LARGEST:
        rule = f"must have finite rewards, from -{LARGEST:g} to {LARGEST:g}; {what} has {reward:g}"
        raise wrong(rule)
