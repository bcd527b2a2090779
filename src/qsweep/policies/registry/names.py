"""Resolve names: MODEL@ALIAS, MODEL/VERSION, RUN (its best checkpoint) or RUN/CHECKPOINT."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial

from qsweep.errors import Problem, UsageError, printable
from qsweep.policies.registry.known_names import ask, known, listed, search, unknown
from qsweep.policies.registry.versions import (
    CHECKPOINT,
    RUN_ID,
    aliases_of,
    is_ours,
    model_name,
    version_of,
)
from qsweep.tracking.checkpoints import Archive, name_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

FORMS = (
    "must be MODEL@ALIAS, MODEL/VERSION, RUN or RUN/CHECKPOINT; RUN is a run's name, its id or the id's end"
)
BEST, NEWEST = "best", ("last", "latest", "newest")


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
    found = _model(store, model) if at else None
    if found is None:
        run = _found(store, parts[0])
        return _of_run(run, None) if run else _meant(store, name, parts[0])
    model, aliases = found
    if alias.isdecimal():
        return _with_slash(store, name, model, alias)
    if alias not in aliases:
        raise unknown(store, name, "is not the alias of any version")
    return _of_version(store, name, model, aliases[alias])


def _meant(store: Store, name: str, word: str) -> Target:
    """Return what a word stands for that is no name, if that is one thing.

    `best` is the best version of the only model; a model or an environment's preset, its best version;
    `last` and `latest`, the newest run; the beginning of a run's name, that run.
    """
    from qsweep.plan.presets import environment_ids  # imports Hydra

    wanted = environment_ids().get(word, word)
    bests = [name for name in known(store) if name.endswith(f"@{BEST}")]
    chosen = (
        bests if word in (BEST, f"@{BEST}") else [b for b in bests if b == f"{model_name(wanted)}@{BEST}"]
    )
    if len(chosen) == 1:
        return resolve(store, chosen[0])
    if chosen:
        raise UsageError([Problem("name", "may be any of several", name, f"one of: {listed(chosen)}")])
    begun = [run for run in search(store) if word in NEWEST or run.name.startswith(f"{word},")]
    if begun and (word in NEWEST or len({run.name for run in begun}) == 1):
        return _of_run(begun[0], None)
    if wanted != word or word in (BEST, f"@{BEST}"):
        remedy = "first: qsweep train" + ("" if wanted == word else f" env={word}")
        raise UsageError([Problem("name", "has no registered version yet", name, remedy)])
    raise unknown(store, word, "is not the name or id of a run")


def _with_slash(store: Store, name: str, head: str, tail: str) -> Target:
    if re.fullmatch("[0-9]{1,9}", tail):
        found = _model(store, head)
        if found is not None:
            return _of_version(store, name, found[0], str(int(tail)))
        run = _found(store, head)
        if run is None:
            raise unknown(store, name, "is not a version of a registered model")
        return _of_run(run, name_of(int(tail)))
    if tail == BEST:
        found = _model(store, head)
        return resolve(store, f"{found[0]}@{BEST}") if found else _of_run(_run(store, head), None)
    if tail == "last":
        return replace(_of_run(_run(store, head), None), checkpoint=None, metrics={})
    match = re.fullmatch("ep([0-9]{1,9})", tail)
    if match is None:
        raise UsageError([Problem("name", FORMS, name, "checkpoint names look like ep017500")])
    return _of_run(_run(store, head), name_of(int(match[1])))


def _model(store: Store, name: str) -> tuple[str, Mapping[str, str]] | None:
    """Return the name and aliases of a model, named or of an environment's id; None if there is none."""
    for model in dict.fromkeys((name, model_name(name))):
        aliases: Mapping[str, str] | None = ask(partial(aliases_of, store, model))
        if aliases is not None:
            return model, aliases
    return None


def _of_version(store: Store, name: str, model: str, version: str) -> Target:
    found = ask(lambda: version_of(store, model, version))
    if found is None:
        raise unknown(store, name, "is not a registered version")
    if not is_ours(found.tags):
        raise UsageError([Problem("name", "is a model version that qsweep did not register", name)])
    return Target(found.tags[RUN_ID], found.tags[CHECKPOINT], model=model, version=version)


def _run(store: Store, run: str) -> StoredRun:
    """Return the run with a name or id. Raises UsageError if there is none."""
    found = _found(store, run)
    if found is None:
        raise unknown(store, run, "is not the name or id of a run")
    return found


def _found(store: Store, run: str) -> StoredRun | None:
    """Return the newest run of a name, of those that have ended if any has; else the run with an id."""
    part = run if re.fullmatch("[0-9a-f]{6,32}", run) else ""
    runs = list({found.run_id: found for found in search(store, run, part)}.values())
    if not runs:
        return None
    called = [found for found in runs if found.name == run]
    if called:
        return max(called, key=lambda found: (found.status != "RUNNING", found.started, found.run_id))
    if len(runs) > 1:
        latest = sorted(runs, key=lambda found: -found.started)
        several = [f"{found.run_id} (started {_started(found)})" for found in latest]
        rule = f"is part of the ids of {len(runs)} runs"
        raise UsageError([Problem("name", rule, run, f"give more of it; newest first: {listed(several)}")])
    return runs[0]


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
