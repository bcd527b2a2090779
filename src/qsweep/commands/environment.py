"""`qsweep env`: what there is to know about an environment before training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from qsweep.environments.facts import Facts, action_names, dimension_names, facts
from qsweep.environments.resolved import Resolved
from qsweep.plan.composition import load_resolved
from qsweep.plan.conf import conf_folder
from qsweep.plan.mistakes import environment_override, understood
from qsweep.plan.presets import OWN_CONFIGS, environment_ids
from qsweep.policies.optimum import optimum

DEFAULT_PRESET = "mountain_car"
"""The preset of runs, sweeps and experiments that choose none."""
ENDINGS = {
    "terminated": "the goal is reached",
    "truncated": "the episode lasts to the step limit",
    "rewarded": "the return is above 0",
}
"""`Facts.success` in words."""


def describe_environment(name: str, overrides: Sequence[str] = ()) -> str:
    """Return a description of an environment as text of several lines.

    name: a preset of the group env, or a Gymnasium id. overrides: as for `qsweep train`, such as buckets=40.
    Raises UsageError if the environment cannot be made, or suits no Q-table.
    """
    run, preset = resolved_environment(name, understood(overrides).words)
    lines = [run.env.id, *(f"{label:<13}{text}" for label, text in _lines(run, preset))]
    return "\n".join(lines)


def resolved_environment(name: str, overrides: Sequence[str] = ()) -> tuple[Resolved, str | None]:
    """Return a config in an environment, and the packaged preset of that environment, if there is one.

    Arguments and errors are those of `describe_environment`.
    """
    own = (OWN_CONFIGS / "env" / f"{name}.yaml").is_file()
    chosen = f"env={name}" if own else environment_override(name)
    preset = chosen.removeprefix("env=")
    if preset in environment_ids():
        return load_resolved([chosen, *overrides]), preset
    return load_resolved([chosen if own else f"env.id={name}", *overrides]), None


def _lines(run: Resolved, preset: str | None) -> Iterator[tuple[str, str]]:
    """Yield pairs of a label, empty for further lines, and a text."""
    known = facts(run.env.id)
    about = run.description
    yield from _listed("observation", _dimensions(run))
    actions = action_names(run.env.id, about.actions, about.first_action)
    numbers = range(about.first_action, about.first_action + about.actions)
    yield "actions", ", ".join(f"{n} {name}" for n, name in zip(numbers, actions, strict=True))
    tilings = f"{run.grid.tilings} tilings, " if run.grid.tilings > 1 else ""
    yield "Q-table", f"{tilings}{run.grid.cells:,} cells x {about.actions} actions"
    yield "episode", f"at most {run.max_steps:,} steps" + _success(known)
    best = optimum(run.env)
    yield "optimum", "unknown" if best is None else f"{best:.6g}, the highest expected return"
    if known.solved is not None:
        yield "solved", f"from a mean return of {known.solved:g}, by Gymnasium's registry"
    yield (
        "engine",
        "compiled: a twin with identical results"
        if run.twin
        else "gymnasium: steps of the environment itself",
    )
    if preset:
        yield from _listed("presets", _commands(preset))


def _listed(label: str, texts: Sequence[str]) -> Iterator[tuple[str, str]]:
    yield from ((label if number == 0 else "", text) for number, text in enumerate(texts))


def _dimensions(run: Resolved) -> list[str]:
    """Return a line per dimension: its name, bounds and buckets."""
    grid, found = run.grid, run.description.dimensions
    names = dimension_names(run.env.id, len(found))
    if len(found) == 1 and found[0].values is not None:
        return [f"state: {found[0].values:,} values"]
    lines = []
    for d, (name, dimension) in enumerate(zip(names, found, strict=True)):
        if dimension.values is not None:
            lines.append(f"{name}: {dimension.values:,} values")
            continue
        own = (
            ""
            if (dimension.low, dimension.high) == (grid.low[d], grid.high[d])
            else _own(dimension.low, dimension.high)
        )
        width = (
            "learned edges" if grid.edges else f"{(grid.high[d] - grid.low[d]) / grid.buckets[d]:.4g} wide"
        )
        lines.append(f"{name}: {grid.low[d]:g} to {grid.high[d]:g}, {grid.buckets[d]} buckets, {width}{own}")
    return lines


def _own(low: float, high: float) -> str:
    return f" (the environment's bounds: {low:g} to {high:g})"


def _success(known: Facts) -> str:
    return f"; success: {ENDINGS[known.success]}" if known.success else ""


def _commands(preset: str) -> list[str]:
    """Return the commands of the presets that train in an environment."""
    given = [] if preset == DEFAULT_PRESET else [f" env={preset}"]
    commands = [f"qsweep train{''.join(given)}"]
    for group, form in (
        ("experiment", "qsweep train +experiment={}"),
        ("sweep", "qsweep train -m +sweep={}"),
    ):
        files = sorted((conf_folder() / group).glob("*.yaml"))
        commands += [form.format(file.stem) for file in files if _env(file) == preset]
    return commands


def _env(file: Path) -> str:
    """Return the environment's preset that a preset of a sweep or an experiment chooses."""
    for entry in yaml.safe_load(file.read_text()).get("defaults", ()):
        if isinstance(entry, dict) and "override /env" in entry:
            return str(entry["override /env"])
    return DEFAULT_PRESET
