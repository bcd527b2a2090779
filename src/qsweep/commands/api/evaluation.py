"""Greedy episodes of a policy on held-out starts, summarised."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qsweep import seeds
from qsweep.commands.play import MOST
from qsweep.errors import Problem, UsageError
from qsweep.policies.evaluation.bootstrap import mean_interval
from qsweep.policies.evaluation.exact import exact_evaluation
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.policy import Policy
from qsweep.report.displays import html_table, titled


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Greedy episodes, one for each start.

    returns float64[n]: undiscounted sums of rewards. lengths int32[n]: steps. success: the share of episodes
    that succeeded, None if the environment does not define it. exact: the expected return under the step
    limit, None where it cannot be computed.
    """

    env_id: str
    returns: npt.NDArray[np.float64]
    lengths: npt.NDArray[np.int32]
    success: float | None
    exact: float | None

    @property
    def mean(self) -> float:
        """The mean return."""
        return float(self.returns.mean())

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% bootstrap interval of the mean return; NaN with one episode."""
        return mean_interval(self.returns) if len(self.returns) > 1 else (np.nan, np.nan)

    def __repr__(self) -> str:
        return "\n".join(f"{name:<16}{value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        return titled(f"{self.env_id}: {len(self.returns):,} greedy episodes", html_table(self._rows()))

    def _rows(self) -> Iterator[tuple[str, str]]:
        low, high = self.interval
        yield "mean return", f"{self.mean:.4g} (95% {low:.4g} to {high:.4g})"
        if self.exact is not None:
            yield "expected return", f"{self.exact:.4g} (exact)"
        yield "worst, best", f"{self.returns.min():g}, {self.returns.max():g}"
        yield "mean length", f"{self.lengths.mean():.1f} steps"
        if self.success is not None:
            yield "success", f"{self.success:.1%}"


def evaluate(policy: Policy, episodes: int) -> Evaluation:
    """Play greedy episodes from starts that training, validation and test do not use.

    Raises UsageError if `episodes` is out of range or the environment cannot be made here.
    """
    if not 1 <= episodes <= MOST:
        raise UsageError([Problem("episodes", f"must be a whole number from 1 to {MOST:,}", episodes)])
    setting = policy.setting()
    rollouts = roll_out(setting, policy.q_table, seeds.play(episodes))
    exact, successes = exact_evaluation(setting), rollouts.successes(policy.env_id)
    return Evaluation(
        policy.env_id,
        rollouts.returns,
        rollouts.lengths,
        None if successes is None else float(successes.mean()),
        exact.of(policy.q_table) if exact else None,
    )
