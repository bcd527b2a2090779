"""Hydra's own options: unknown ones, and those that have no effect here, are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig, OmegaConf

from qsweep.errors import Problem, closest
from qsweep.plan.conf import composed
from qsweep.plan.overrides import GROUPS, for_hydra
from qsweep.plan.presets import SEARCH_PATH

INEFFECTIVE = {
    "hydra.mode": "-m asks for a multirun",
    "hydra.run": "mlruns/ is in the current folder; hydra.sweep.dir sets the folder of a multirun",
    "hydra.help": "see qsweep train --help",
    "hydra.hydra_help": "see qsweep train --help",
    "hydra.env": "set environment variables in the shell",
}
"""Nodes that qsweep does not use, with a remedy."""
PRESET = {"hydra.run.dir": ".", "hydra.mode": None}
"""Keys of them that a preset may have set, with the values in conf/train.yaml."""

OTHERS = {
    "hydra.sweeper.direction": "remove it: the score is always maximised",
    "hydra.sweeper.n_jobs": "did you mean hydra.sweeper.parallel?",
    "hydra.sweeper.study_name": "did you mean hydra.sweeper.study?",
    "hydra.sweeper.storage": "remove it: studies are in mlruns/optuna.db",
    "hydra.sweeper.search_space": "did you mean hydra.sweeper.params?",
}
"""Options of Hydra's sweeper for Optuna that have another name here, or none, with a remedy."""


def known_options(given: Sequence[Override]) -> tuple[list[Override], list[Problem]]:
    """Return the overrides without Hydra options that do not exist, and a problem for each of those."""
    typed = [o for o in given if _sets_option(o)]
    if not typed:
        return [*given], []
    others = (o.input_line or "" for o in given if o not in typed and not o.is_sweep_override())
    config = composed(
        tuple(line for line in others if line.lstrip("+").startswith((*GROUPS, "hydra")))
    ).config
    problems = []
    for override in typed:
        known, key = _siblings(config, override.key_or_group)
        if key not in known:
            remedy = OTHERS.get(key) or closest(key, known)
            problems.append(Problem(override.key_or_group, "is not a key", override.input_line, remedy))
    wrong = {problem.key for problem in problems}
    return [o for o in given if o.key_or_group not in wrong], problems


def _sets_option(override: Override) -> bool:
    key = override.key_or_group
    added = override.is_add() or override.is_force_add()
    free = override.is_delete() or (added and not key.startswith("hydra.sweeper."))
    return for_hydra(override) and "/" not in key and f"{key}=" != SEARCH_PATH and not free


def _siblings(config: DictConfig, key: str) -> tuple[list[str], str]:
    """Return the keys beside a key, and the key itself; if its node does not exist, those of the nearest."""
    path = key.split(".")
    for length in range(len(path) - 1, 0, -1):
        node = OmegaConf.select(config, ".".join(path[:length]))
        if isinstance(node, DictConfig):
            prefix = ".".join(path[:length])
            return [f"{prefix}.{name!s}" for name in node], ".".join(path[: length + 1])
    return [], key


def ineffective_problems(given: Sequence[Override], config: DictConfig, multirun: bool) -> Iterator[Problem]:
    """Yield a problem for each option that has no effect, on the command line or in a preset.

    config: as composed. Without -m only the search path has an effect, among those on the command line.
    """
    typed = {o.key_or_group: o.input_line or "" for o in given if for_hydra(o)}
    for key, line in typed.items():
        node = next((node for node in INEFFECTIVE if f"{key}.".startswith(f"{node}.")), None)
        if node:
            yield Problem(key, "has no effect in qsweep", line, INEFFECTIVE[node])
        elif not multirun and f"{key}=" != SEARCH_PATH:
            yield Problem(key, "has no effect in a single run", line, "remove it, or add -m for a multirun")
    for key, default in PRESET.items():
        value = OmegaConf.select(config, key)
        if value != default and key not in typed:
            remedy = INEFFECTIVE[key.removesuffix(".dir")]
            yield Problem(key, "has no effect in qsweep, in a preset either", str(value), remedy)
