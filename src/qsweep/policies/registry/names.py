"""Resolve names: MODEL@ALIAS, MODEL/VERSION, RUN (its best checkpoint) or RUN/CHECKPOINT."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

from qsweep.errors import Problem, UsageError, one_line, printable
from qsweep.policies.registry.versions import model_name
from qsweep.tracking.checkpoints import Archive, name_of
from qsweep.tracking.run_search import matching
from qsweep.tracking.store import Store, literal
from qsweep.tracking.stored_run import StoredRun

FORMS = (
    "must be MODEL@ALIAS, MODEL/VERSION, RUN or RUN/CHECKPOINT; RUN is a run's name, its id or the id's end"
)
LISTED = 20
"""Most names or runs that one message lists."""


@dataclass(frozen=True)
class Target:
    """The checkpoint that a name stands for.

    checkpoint: its name, or None for the run's last. model, version: the registered version, empty if
    the name is a run's. metrics: the run's test metrics, if they belong to this checkpoint; run_name and
    metrics are empty for a version, whose files contain them.
    """

    run_id: str
    checkpoint: str | None
    run_name: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    model: str = ""
    version: str = ""


def as_stored(name: str) -> str:
    """Return a name with the slash of an environment's id, as in ns/Env-v0@best, replaced as in stores."""
    match = re.fullmatch(r"([^/]+)/([^/]*-v[0-9][^/]*)((?:/[^/]*)?)", name)
    return f"{match[1]}_{match[2]}{match[3]}" if match and match[1] not in (".", "..", "~") else name


def parts_of(name: str) -> list[str]:
    """Return the one or two parts of a name, separated by a slash; that of an environment's id is replaced.

    Raises UsageError for an invalid name, in particular a path that leaves its folder.
    """
    parts = as_stored(name).split("/")
    bad = len(parts) > 2 or any(part in ("", ".", "..") for part in parts)
    if bad or not name.isprintable() or "\\" in name:
        raise UsageError([Problem("name", FORMS, name)])
    return parts


def is_path(name: str) -> bool:
    """Return whether a name is written as the path of a folder: with a leading . / or ~, or a trailing /."""
    return re.match(r"[./~]|.*/$", name) is not None


def resolve(store: Store, name: str) -> Target:
    """Return the checkpoint that `name` stands for in a store.

    A run is found by its name, its id, or the end or beginning of its id (six hex digits or more). Raises
    UsageError if the name has none of the forms, is unknown, or is the name of several runs.
    """
    parts = parts_of(name)
    if len(parts) == 2:
        return _with_slash(store, name, *parts)
    model, at, alias = parts[0].rpartition("@")
    registered = _model(store, model) if at else None
    if registered is None:
        return _of_run(_run(store, parts[0]), None)
    model = registered.name
    if alias not in registered.aliases:
        raise _unknown(store, name, "is not the alias of any version")
    return _of_version(store, name, model, str(registered.aliases[alias]))


def _with_slash(store: Store, name: str, head: str, tail: str) -> Target:
    if re.fullmatch("[0-9]{1,9}", tail):
        registered = _model(store, head)
        if registered is None:
            raise _unknown(store, name, "is not a version of a registered model")
        return _of_version(store, name, registered.name, str(int(tail)))
    match = re.fullmatch("ep([0-9]{1,9})", tail)
    if match is None:
        raise UsageError([Problem("name", FORMS, name, "checkpoint names look like ep017500")])
    return _of_run(_run(store, head), name_of(int(match[1])))


def _model(store: Store, name: str) -> Any:
    """Return the registered model of a name, or of an environment's id; None if there is none."""
    found = _ask(lambda: store.client.get_registered_model(name))
    other = model_name(name)
    return found or (_ask(lambda: store.client.get_registered_model(other)) if other != name else None)


def _ask(ask: Callable[[], Any]) -> Any:
    """Return the store's answer to a query, or None if it has no such entity.

    Raises UsageError if the store fails.
    """
    try:
        return ask()
    except Exception as error:
        code = getattr(error, "error_code", None)
        if code is None:  # not an MlflowException, which this module does not import
            raise
        if code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        reason = one_line(error)
        raise UsageError([Problem("--uri", "the store did not answer", reason)]) from error


def _of_version(store: Store, name: str, model: str, version: str) -> Target:
    found = _ask(lambda: store.client.get_model_version(model, version))
    if found is None:
        raise _unknown(store, name, "is not a registered version")
    run_id, checkpoint = (found.tags.get(f"qsweep.{key}", "") for key in ("run_id", "checkpoint"))
    if not re.fullmatch("[0-9a-f]{32}", run_id) or not re.fullmatch("ep[0-9]{6,9}", checkpoint):
        raise UsageError([Problem("name", "is a model version that qsweep did not register", name)])
    return Target(run_id, checkpoint, model=model, version=version)


def _run(store: Store, run: str) -> StoredRun:
    filters = [] if "'" in run and '"' in run else [f"attributes.run_name = {literal(run)}"]
    if re.fullmatch("[0-9a-f]{6,32}", run):
        filters += [f"attributes.run_id LIKE '{part}'" for part in (f"%{run}", f"{run}%")]
    runs = {found.run_id: found for where in filters for found in _search(store, where)}
    if not runs:
        raise _unknown(store, run, "is not the name or id of a run")
    if len(runs) > 1:
        latest = sorted(runs.values(), key=lambda found: -found.started)
        several = [f"{found.run_id} (started {_started(found)})" for found in latest]
        rule = f"is the name of {len(runs)} runs"
        raise UsageError([Problem("name", rule, run, f"give an id; newest first: {_listed(several)}")])
    return next(iter(runs.values()))


def _search(store: Store, where: str = "") -> list[StoredRun]:
    """Return the latest runs of qsweep that match one of MLflow's filters, newest first."""
    return [run for run in _ask(lambda: matching(store, where)) or () if run.trained]


def _started(run: StoredRun) -> str:
    return f"{datetime.fromtimestamp(run.started / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _of_run(run: StoredRun, checkpoint: str | None) -> Target:
    """Return a run's checkpoint; None: its best one, or its last if none was evaluated."""
    episodes = run.metrics.get("best_episode", 0.0)
    best = name_of(int(episodes)) if 0 < episodes < 1e9 else None
    chosen = checkpoint or best
    of_best = best is not None and chosen == best
    scores = {key: value for key, value in run.metrics.items() if of_best and key.startswith("test/")}
    return Target(run.run_id, chosen, printable(run.name), scores)


def checkpoint_in(archive: Archive, target: Target) -> str:
    """Return the name of a target's checkpoint in its run's archive.

    Raises UsageError, naming the nearest checkpoints, if it is not in the archive.
    """
    names = archive.names()
    checkpoint = target.checkpoint or names[-1]
    if checkpoint in names:
        return checkpoint
    near = sorted(names, key=lambda name: abs(int(name[2:]) - int(checkpoint[2:])))[:2]
    remedy = f"nearest: {', '.join(near)}; there are {len(names)}, the last is {names[-1]}"
    raise UsageError([Problem("name", "is not a checkpoint of this run", checkpoint, remedy)])


def _unknown(store: Store, name: str, rule: str) -> UsageError:
    known = _known(store)
    near = get_close_matches(name, known, n=3) or get_close_matches(name, known, n=1, cutoff=0.3)
    remedy = f"known: {_listed(near or known)}" if known else "the store is empty: run qsweep train"
    return UsageError([Problem("name", rule, name, remedy)])


def _known(store: Store) -> list[str]:
    """Return the names of all aliases, versions and recent runs, newest first."""
    models = store.client.search_registered_models(max_results=1000)
    aliases = [f"{model.name}@{alias}" for model in models for alias in model.aliases]
    versions = [f"{found.name}/{found.version}" for found in store.client.search_model_versions()]
    runs = [run.name for run in _search(store)]
    return list(dict.fromkeys([*aliases, *versions, *runs]))


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return ", ".join(words[:LISTED]) + more
