"""The schema version of MLflow's tables, compared with the installed MLflow's."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from qsweep.errors import Problem, UsageError

_REVISION = re.compile(r"^(revision|down_revision)\b[^=\n]*=\s*(.*)$", re.MULTILINE)
_NAME = re.compile(r"[\"'](\w+)[\"']")


@lru_cache(maxsize=1)
def installed() -> tuple[str, frozenset[str]]:
    """Return the installed MLflow's schema version and all versions it knows.

    They are read from MLflow's migrations without importing MLflow, which takes a second.
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


def check(found: Collection[str], place: str, upgrade: Iterable[str]) -> None:
    """Raise UsageError if a store's schema version is not the installed MLflow's.

    found: the versions in `alembic_version`. place: the store's name for messages. upgrade: the commands
    that would upgrade it: nothing is migrated without request.
    """
    newest, known = installed()
    if set(found) == {newest}:
        return
    if len(found) != 1:
        rule, remedy = "the store's tables have no schema version, or several", "restore it from a backup"
    elif set(found) <= known:
        rule = "the store was made by an older MLflow than the installed one"
        remedy = f"back it up, then run: {' or '.join(upgrade)}"
    else:
        rule, remedy = "the store was made by a newer MLflow than the installed one", "install a newer MLflow"
    version = ", ".join(sorted(found)) or "none"
    raise UsageError([Problem("tracking.uri", f"{rule} (version {version})", place, remedy)])


def make_tables(uri: str, artifacts: Path) -> None:
    """Create MLflow's tables in an empty database. uri: in SQLAlchemy's form."""
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    silence_migrations()
    SqlAlchemyStore(uri, str(artifacts)).engine.dispose()


def silence_migrations() -> None:
    """Turn off the log lines of MLflow's migrations, of which there are dozens."""
    for logger in ("alembic", "mlflow.store.db.utils"):
        logging.getLogger(logger).setLevel(logging.WARNING)
