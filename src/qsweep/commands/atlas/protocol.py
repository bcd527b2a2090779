"""The protocol of the atlas, whose numbers are in protocol.yaml, and the commands that carry it out."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from qsweep.errors import Problem, UsageError, closest

FILE = Path(__file__).with_suffix(".yaml")
MARGIN = 4
"""Episodes that a run may train, relative to the number of usual ones in its budget: some end early."""


@dataclass(frozen=True)
class Budget:
    """How much a cell may use.

    steps: of each run. trials: settings that are tried, each with every one of the tuning seeds.
    """

    name: str
    steps: int
    trials: int
    tuning_seeds: int


@dataclass(frozen=True, eq=False)
class Entry:
    """An environment of the atlas. chosen: the overrides that make it. episode: steps of a usual episode.

    search: the keys that are searched in it only, its discretisation.
    """

    name: str
    chosen: tuple[str, ...]
    episode: int
    search: Mapping[str, str]


@dataclass(frozen=True)
class Protocol:
    """What is the same in the whole atlas. algorithms: name -> the keys that are searched for it only."""

    budgets: Mapping[str, Budget]
    environments: Mapping[str, Entry]
    algorithms: Mapping[str, Mapping[str, str]]
    search: Mapping[str, str]
    fixed: Mapping[str, Any]
    first_seed: int
    seeds: int
    checkpoints: int


@dataclass(frozen=True)
class Cell:
    """An algorithm on an environment within a budget: one number of the atlas's table."""

    entry: Entry
    algorithm: str
    budget: Budget

    @property
    def tuned(self) -> str:
        """The name of the search, and of its study."""
        return f"{self.reported}_tuned"

    @property
    def reported(self) -> str:
        """The name of the sweep whose runs are reported."""
        return f"atlas_{self.budget.name}_{self.entry.name}_{self.algorithm}"

    def __str__(self) -> str:
        return f"{self.entry.name} {self.algorithm}"


@cache
def protocol() -> Protocol:
    """Return the packaged protocol."""
    text = yaml.safe_load(FILE.read_text())
    environments = {
        name: Entry(name, tuple(about["chosen"]), about["episode"], about.get("search", {}))
        for name, about in text["environments"].items()
    }
    budgets = {name: Budget(name, **about) for name, about in text["budgets"].items()}
    rest = {key: text[key] for key in ("algorithms", "search", "fixed", "first_seed", "seeds", "checkpoints")}
    return Protocol(budgets=budgets, environments=environments, **rest)


def cells(given: Protocol, budget: str, environments: Iterable[str], algorithms: Iterable[str]) -> list[Cell]:
    """Return the cells of a budget, environment by environment. Empty lists choose all.

    Raises UsageError with every name that is unknown.
    """
    problems = [
        *_unknown("--budget", [budget], given.budgets),
        *_unknown("--env", environments, given.environments),
        *_unknown("--algorithm", algorithms, given.algorithms),
    ]
    if problems:
        raise UsageError(problems)
    return [
        Cell(given.environments[environment], algorithm, given.budgets[budget])
        for environment in list(environments) or given.environments
        for algorithm in list(algorithms) or given.algorithms
    ]


def _unknown(option: str, names: Iterable[str], known: Iterable[str]) -> Iterator[Problem]:
    for name in names:
        if name not in known:
            yield Problem(option, "must be in the atlas", name, closest(name, known))


def tuning(given: Protocol, cell: Cell) -> list[str]:
    """Return the words after `qsweep train` of the search for the best setting of a cell.

    The trials of a number have the same values of the shared keys in every cell: random numbers are drawn
    for these first.
    """
    searched = {**given.search, **given.algorithms[cell.algorithm], **cell.entry.search}
    return [
        *("-m", "hydra/sweeper=qsweep_optuna", "hydra.sweeper.sampler=random"),
        f"hydra.sweeper.trials={cell.budget.trials}",
        f"hydra.sweeper.parallel={cell.budget.trials}",
        f"hydra.sweeper.seeds=range({cell.budget.tuning_seeds})",
        *_shared(given, cell, cell.tuned),
        *(f"{key}={values}" for key, values in searched.items()),
    ]


def reporting(given: Protocol, cell: Cell, chosen: Sequence[str]) -> list[str]:
    """Return the words after `qsweep train` of the runs that are reported.

    chosen: the overrides of the best setting.
    """
    last = given.first_seed + given.seeds
    seeds = f"seed=range({given.first_seed},{last})"
    return ["-m", *_shared(given, cell, cell.reported), *chosen, seeds]


def _shared(given: Protocol, cell: Cell, name: str) -> list[str]:
    usual = max(1, cell.budget.steps // cell.entry.episode)
    every = max(1, usual // given.checkpoints)
    return [
        *cell.entry.chosen,
        f"algorithm={cell.algorithm}",
        *(f"{key}={value}" for key, value in given.fixed.items()),
        f"steps={cell.budget.steps}",
        f"episodes={MARGIN * usual}",
        f"checkpoint_every={every}",
        f"evaluation.checkpoints={MARGIN * given.checkpoints}",
        f"sweep.name={name}",
        f"tracking.experiment=atlas_{cell.budget.name}",
        *("registry.promote=never", "sweep.report=never"),
    ]


def as_typed(words: Sequence[str]) -> str:
    """Return a command as a user types it."""
    return shlex.join(["qsweep", "train", *words])
