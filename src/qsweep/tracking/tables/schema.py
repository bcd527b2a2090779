"""Which version of MLflow's tables a store has: known here, or older or newer than this MLflow's."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from qsweep.errors import Problem, UsageError

KNOWN = frozenset({"dc11669786a5"})
"""Versions whose tables `run_tables` writes (MLflow 3.17); others are left to MLflow itself."""

_REVISION = re.compile(r"^(revision|down_revision)\b[^=\n]*=\s*(.*)$", re.MULTILINE)
_NAME = re.compile(r"[\"'](\w+)[\"']")


@lru_cache(maxsize=1)
def installed() -> tuple[str, frozenset[str]]:
    """The newest version that the installed MLflow has tables for, and all it can upgrade from.

    They are read from MLflow's migrations without importing it, which takes a second.
    """
    found = find_spec("mlflow")
    assert found is not None
    assert found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "store" / "db_migrations" / "versions"
    revisions: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for file in folder.glob("*.py"):
        for kind, names in _REVISION.findall(file.read_text()):
            revisions[kind].update(_NAME.findall(names))
    [newest] = revisions["revision"] - revisions["down_revision"]
    return newest, frozenset(revisions["revision"])


def check(found: Collection[str], place: str, upgrade: Iterable[str]) -> str:
    """The version of the tables, of those `found` in `alembic_version`, where it is this MLflow's.

    place: the store, as the message names it. upgrade: the commands that would upgrade it. Raises
    UsageError where it is older or newer than this MLflow; nothing is ever migrated unasked.
    """
    newest, all_of_them = installed()
    if set(found) == {newest}:
        return newest
    if len(found) != 1:
        rule, remedy = "the store's tables have no schema version, or several", "restore it from a backup"
    elif set(found) <= all_of_them:
        rule = "the store was made by an older MLflow than the installed one"
        remedy = f"back it up, then run: {' or '.join(upgrade)}"
    else:
        rule, remedy = "the store was made by a newer MLflow than the installed one", "install a newer MLflow"
    version = ", ".join(sorted(found)) or "none"
    raise UsageError([Problem("tracking.uri", f"{rule} (version {version})", place, remedy)])


def make_tables(uri: str, artifacts: Path) -> None:
    """Make MLflow's tables in an empty database, given as SQLAlchemy's URI."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    silence_migrations()
    SqlAlchemyStore(uri, str(artifacts)).engine.dispose()


def silence_migrations() -> None:
    """From now on MLflow's migrations, of which there are dozens, are not logged one by one."""
    for talkative in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
