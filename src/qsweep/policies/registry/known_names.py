"""The names in a store, for messages about one that is not in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

from qsweep.errors import Problem, UsageError, one_line
from qsweep.policies.registry.versions import aliases_of, every_version
from qsweep.tracking.run_search import matching
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import StoredRun

LISTED = 20
"""Most names or runs that one message lists."""


def ask(question: Callable[[], Any]) -> Any:
    """Return the store's answer to a query, or None if it has no such entity.

    Raises UsageError if the store fails.
    """
    try:
        return question()
    except Exception as error:
        code = getattr(error, "error_code", None)
        if code is None:  # not an MlflowException, which this module does not import
            raise
        if code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        reason = one_line(error)
        raise UsageError([Problem("--uri", "the store did not answer", reason)]) from error


def search(store: Store, name: str | None = None, part: str = "") -> list[StoredRun]:
    """Return the latest runs of qsweep, newest first; those with a name or part of an id, if one is given."""
    return [run for run in ask(lambda: matching(store, name, part)) or () if run.trained]


def unknown(store: Store, name: str, rule: str) -> UsageError:
    """Return the error about a name that is not in a store, with the similar ones that are."""
    words = known(store)
    near = get_close_matches(name, words, n=3) or get_close_matches(name, words, n=1, cutoff=0.3)
    remedy = f"known: {listed(near or words)}" if words else "the store is empty: run qsweep train"
    return UsageError([Problem("name", rule, name, remedy)])


def known(store: Store) -> list[str]:
    """Return the names of all aliases, versions and recent runs, newest first."""
    found = every_version(store)
    models = dict.fromkeys(version.name for version in found)
    aliases = [f"{model}@{alias}" for model in models for alias in aliases_of(store, model) or ()]
    versions = [f"{version.name}/{version.version}" for version in found]
    runs = [run.name for run in search(store)]
    return list(dict.fromkeys([*aliases, *versions, *runs]))


def listed(words: Sequence[str]) -> str:
    """Return words as a list of at most LISTED."""
    more = f" and {len(words) - LISTED} more" if len(words) > LISTED else ""
    return ", ".join(words[:LISTED]) + more
