"""`qsweep play`: greedy episodes of a policy by name: a summary, and on request a film or a window."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from qsweep import names, seeds
from qsweep.config import Env
from qsweep.discretizer import Grid
from qsweep.dynamics import has_twin
from qsweep.environments import describe, make
from qsweep.evaluation.judging import mean_interval
from qsweep.evaluation.rollouts import Rollouts, roll_out
from qsweep.interrupts import StopRequests
from qsweep.policy import RECORD, Policy
from qsweep.problems import Problem, UsageError
from qsweep.pulling import URIS, fetch
from qsweep.tracking.store import open_store

if TYPE_CHECKING:  # PyAV, Pillow and matplotlib are for who films
    from qsweep.pictures.agent_video import Film

MOST = 10**6
"""Episodes, at most."""
LISTED = 20
"""Returns that are listed one by one, at most."""


@dataclass(frozen=True)
class Stage:
    """The environment of a policy, as rollouts need it (evaluation's `Setting`)."""

    env: Env
    make: Callable[[], Any]
    encode: Callable[[Any], list[float]]
    grid: Grid
    first_action: int
    max_steps: int

    @classmethod
    def of(cls, policy: Policy) -> Stage:
        """Where a policy plays.

        Raises UsageError where its environment cannot be made here, or is another one than it knows.
        """
        env = Env(policy.env_id, max_steps=policy.max_steps, kwargs=dict(policy.kwargs))
        found = describe(env)
        known = (len(policy.grid.buckets), policy.actions, policy.first_action)
        here = (len(found.dimensions), found.actions, found.first_action)
        if known != here:
            rule = f"the policy has {_shape(*known)}, the environment {_shape(*here)}"
            raise UsageError([Problem("name", rule, policy.env_id, "pull or train it again")])
        made = partial(make, env, policy.max_steps)
        return cls(env, made, found.encode, policy.grid, policy.first_action, policy.max_steps)


def _shape(dimensions: int, actions: int, first: int) -> str:
    return f"{dimensions} dimensions and actions {first} to {first + actions - 1}"


@dataclass(frozen=True)
class Played:
    """What came of playing. film: what was written to `files`, of the first episode."""

    policy: Policy
    starts: range
    rollouts: Rollouts
    files: Sequence[Path] = ()
    film: Film | None = None

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        origin, count = self.policy.origin, len(self.starts)
        version = f", registered as {origin['model']}/{origin['version']}" if "model" in origin else ""
        run = f"{origin['run_name']} ({origin['run_id']})"
        yield f"{self.policy.env_id}  checkpoint {origin['checkpoint']} of run {run}{version}"
        yield (
            f"played    {count:,} episode{'s' * (count > 1)}, greedy, from start seeds {self.starts[0]} to "
            f"{self.starts[-1]}, which no training, validation or test uses"
        )
        yield f"return    {self._return()}"
        if count <= LISTED:
            yield f"returns   {' '.join(f'{total:g}' for total in self.rollouts.returns)}"
        successes = self.rollouts.successes(self.policy.env_id)
        if successes is not None:
            yield f"success   {successes.mean():.1%}: {successes.sum():,} of {count:,}"
        yield f"length    mean {self.rollouts.lengths.mean():.1f} steps"
        if self.film:
            width, height = self.film.size
            yield (
                f"wrote     {', '.join(map(str, self.files))}: the first episode, {self.film.frames:,} "
                f"frames of {width} x {height} pixels, {self.film.fps:g} a second"
            )

    def _return(self) -> str:
        returns = self.rollouts.returns
        digits = 1 if abs(returns).max() >= 10 else 3
        mean, worst, best = (f"{x:.{digits}f}" for x in (returns.mean(), returns.min(), returns.max()))
        if len(returns) == 1:
            return mean
        low, high = (f"{x:.{digits}f}" for x in mean_interval(returns, seeds.bootstrap()))
        return f"mean {mean} (95% {low} to {high}), worst {worst}, best {best}"


def play(
    name: str,
    episodes: int = 10,
    first: int = 0,
    files: Sequence[Path] = (),
    window: bool = False,
    force: bool = False,
    uri: str = "local",
) -> Played:
    """Roll the greedy policy of `name` out from `episodes` play starts, the first `first` left out.

    files: an .mp4, a .gif or both to write the first episode to; window: show all episodes in one.
    Raises UsageError for a name that stands for nothing, a file that exists or cannot be written, an
    environment that cannot be made or drawn, a window without a display.
    """
    if problems := [*_range_problems(episodes, first), *_file_problems(files, force)]:
        raise UsageError(problems)
    if window:
        check_display()
    policy = named(name, uri)
    stage, starts = Stage.of(policy), seeds.play(episodes, first)
    compiled = has_twin(policy.env_id) and not policy.kwargs
    rollouts = roll_out(stage, compiled, policy.q_table, starts)
    made = _film(stage, policy, starts[0], files) if files else None
    if window:
        show(stage, policy, starts)
    return Played(policy, starts, rollouts, files, made)


def _range_problems(episodes: int, first: int) -> Iterator[Problem]:
    if not 1 <= episodes <= MOST:
        yield Problem("--episodes", f"must be a whole number from 1 to {MOST:,}", episodes)
    if not 0 <= first < 2**30 - MOST:
        yield Problem("--seed", f"must be a whole number from 0 to {2**30 - MOST - 1:,}", first)


def _file_problems(files: Sequence[Path], force: bool) -> Iterator[Problem]:
    for path in files:
        if path.suffix.lower() not in OPTIONS
