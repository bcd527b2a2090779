"""Stores that several MLflow releases made, written and read without MLflow."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from qsweep.policies.registry.promotion import register
from qsweep.report.loading.curves import load_curves
from qsweep.tracking import tracker
from qsweep.tracking.run_search import every_run
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.tables import schema, shape
from tests.policies.registry.test_promotion import candidate, registered
from tests.support.postgresql import PostgreSQL
from tests.support.releases import MEANS, releases, script
from tests.support.stores import RECORD, Ask, Rows, record, timeless

OLDEST, NEWEST = releases("sqlite")[0], releases("sqlite")[-1]
FILLED = ("tags", "params", "latest_metrics", "metrics", "inputs")


def installed_as(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept the schema version of a release, as if its MLflow were installed."""
    [version] = re.findall(r"alembic_version \(version_num\) VALUES \('(\w+)'\)", script(release, "sqlite"))
    monkeypatch.setattr(schema, "installed", lambda: (version, frozenset({version})))


def asking(database: Path) -> Ask:
    def ask(query: str, given: Sequence[object] = ()) -> Rows:
        with closing(sqlite3.connect(database)) as connection, connection:
            return connection.execute(query, given).fetchall()

    return ask


def made(release: str, file: Path) -> Path:
    """Make the store of a release, with its rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(f"BEGIN;\n{script(release, 'sqlite')}COMMIT;")
    return file


def emptied(ask: Ask) -> None:
    """Delete the rows of all runs, and all experiments but the default one."""
    for table in (*FILLED, "runs", "experiment_tags"):
        ask(f"DELETE FROM {table}", ())
    ask("DELETE FROM experiments WHERE experiment_id != 0", ())


def left(ask: Ask, store: Store) -> tuple[dict[str, Rows], Rows]:
    """Return the rows of the recorded run, and of its experiment."""
    [(run_id, number)] = ask("SELECT run_uuid, experiment_id FROM runs WHERE name = 'buckets=20'", ())
    tags = "SELECT key, value FROM experiment_tags WHERE experiment_id = ?"
    about = ask("SELECT name, lifecycle_stage, workspace FROM experiments WHERE experiment_id = ?", (number,))
    assert store.differs == ""
    return timeless(run_id, ask), [*about, *ask(tags, (number,))]


def without_folder(rows: dict[str, Rows]) -> dict[str, Rows]:
    """Leave out the artifact folder, which was that of another machine."""
    return {**rows, "runs": [row[:-1] for row in rows["runs"]]}


@pytest.mark.parametrize("release", releases("sqlite"))
def test_a_run_in_the_store_of_a_release(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run's rows, written without MLflow, equal those of the client of the MLflow that made the store."""
    installed_as(release, monkeypatch)
    database = made(release, tmp_path / "mlflow.db")
    ask, store = asking(database), open_store(f"sqlite:///{database}")
    [(stocks, points)] = ask("SELECT run_uuid, count(*) FROM metrics", ())
    expected = left(ask, store)
    read = every_run(store)[stocks]
    curves = load_curves([stocks], ["train/return_avg", "train/epsilon"], uri=store.uri)
    assert (read.name, read.experiment, len(read.params), points) == ("buckets=20", "My lakes", 3, 14)
    emptied(ask)
    run = tracker(store).open(RECORD)
    record(run)
    found = left(ask, store)
    assert without_folder(found[0]) == without_folder(expected[0])
    assert found[1] == expected[1]
    again = load_curves([run.run_id], ["train/return_avg", "train/epsilon"], uri=store.uri)
    assert again["value"].tolist() == pytest.approx(curves["value"].tolist(), nan_ok=True)
    assert len(curves) == 10
    assert "client" not in vars(store)


@pytest.mark.parametrize("release", releases("sqlite"))
def test_models_in_the_store_of_a_release(
    release: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows of two models, written without MLflow, equal those of the client of that MLflow."""
    installed_as(release, monkeypatch)
    database = made(release, tmp_path / "mlflow.db")
    ask, expected = asking(database), registered(database)
    for table in shape.REGISTRY:
        ask(f"DELETE FROM {table}", ())
    store = open_store(f"sqlite:///{database}")
    for seed, mean in enumerate(MEANS):
        assert register(store, candidate(store, [mean, mean - 1], seed)).better
    assert comparable(registered(database)) == comparable(expected)
    assert "client" not in vars(store)


def comparable(found: dict[str, Rows]) -> dict[str, Rows]:
    """Leave out values that name a run, or the versions of packages."""
    tags = [row for row in found["model_version_tags"] if not re.fullmatch("[0-9a-f]{32}", str(row[2]))]
    return {**found, "model_version_tags": tags}


@pytest.mark.integration
@pytest.mark.parametrize("release", releases("postgresql"))
def test_a_run_in_the_postgresql_store_of_a_release(
    release: str, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in a PostgreSQL database that the release made."""
    import psycopg

    installed_as(release, monkeypatch)
    for name, value in postgresql.environment.items():
        monkeypatch.setenv(name, value)
    database = postgresql.create_database()
    postgresql.execute(script(release, "postgresql"), database)
    store = open_store(postgresql.uri(database), create=False)
    with psycopg.connect(postgresql.secret_uri(database), autocommit=True) as connection:

        def ask(query: str, given: Sequence[object] = ()) -> Rows:
            cursor = connection.execute(query.replace("?", "%s").encode(), given)
            return cursor.fetchall() if cursor.description else []

        expected = left(ask, store)
        emptied(ask)
        record(tracker(store).open(RECORD))
        found = left(ask, store)
    assert without_folder(found[0]) == without_folder(expected[0])
    assert found[1] == expected[1]
    assert "client" not in vars(store)


def test_four_releases_are_kept() -> None:
    """Stores of the oldest declared release, the newest and some between are kept, for both databases."""
    assert len(releases("sqlite")) >= 4
    assert releases("sqlite") == releases("postgresql")
    declared = re.search(r'"mlflow>=([\d.]+),', Path("pyproject.toml").read_text())
    assert declared is not None
    assert OLDEST.startswith(f"{declared[1]}.")


DRIFT = {
    "a new column": ("ALTER TABLE runs ADD owner VARCHAR(32)", ""),
    "a new column with a default": ("ALTER TABLE tags ADD rank INTEGER NOT NULL DEFAULT 0", ""),
    "a new index": ("CREATE INDEX by_value ON params (value)", ""),
    "a new table": ("CREATE TABLE run_owners (run_uuid VARCHAR(32) NOT NULL, owner TEXT NOT NULL)", ""),
    "a trigger elsewhere": (
        "CREATE TRIGGER seen AFTER INSERT ON inputs BEGIN SELECT RAISE(FAIL, 'no'); END",
        "",
    ),
    "a required column": (
        "DROP TABLE params; CREATE TABLE params (key VARCHAR(250) NOT NULL, value TEXT NOT NULL,"
        " run_uuid VARCHAR(32) NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (key, run_uuid))",
        "in table params, column owner is new and must not be empty",
    ),
    "a renamed column": (
        "ALTER TABLE runs RENAME status TO state",
        "in table runs, column status does not exist",
    ),
    "a generated column": (
        "ALTER TABLE runs DROP user_id; ALTER TABLE runs ADD user_id TEXT AS ('unknown')",
        "in table runs, column user_id does not exist",
    ),
    "numbers for names": (
        "ALTER TABLE experiment_tags DROP value; ALTER TABLE experiment_tags ADD value INTEGER",
        "in table experiment_tags, column value has type INTEGER, not text",
    ),
    "no type": (
        "ALTER TABLE experiment_tags DROP value; ALTER TABLE experiment_tags ADD value",
        "in table experiment_tags, column value has type none, not text",
    ),
    "another scope": (
        "DROP TABLE tags; CREATE TABLE tags (key VARCHAR(250) NOT NULL, value TEXT, run_uuid TEXT NOT NULL,"
        " tenant TEXT NOT NULL DEFAULT 'default', PRIMARY KEY (key, run_uuid, tenant))",
        "in table tags, the unique keys are (key, run_uuid, tenant), not (key, run_uuid)",
    ),
    "another unique key": (
        "CREATE UNIQUE INDEX once ON metrics (run_uuid, key, step)",
        "in table metrics, the unique keys are (is_nan, key, run_uuid, step, timestamp, value) and"
        " (key, run_uuid, step), not (is_nan, key, run_uuid, step, timestamp, value)",
    ),
    "a unique expression": (
        "CREATE UNIQUE INDEX once ON runs (lower(name))",
        "in table runs, the unique keys are (an expression) and (run_uuid), not (run_uuid)",
    ),
    "a trigger": (
        "CREATE TRIGGER seen AFTER INSERT ON tags BEGIN SELECT RAISE(FAIL, 'no'); END",
        "in table tags, there are triggers",
    ),
    "a view": (
        "ALTER TABLE params RENAME TO all_params; CREATE VIEW params AS SELECT * FROM all_params",
        "there is no table params",
    ),
    "no table": ("DROP TABLE registered_model_aliases", "there is no table registered_model_aliases"),
    "without workspaces, as before MLflow 3.10": (
        "DROP TABLE experiments; CREATE TABLE experiments (experiment_id INTEGER NOT NULL PRIMARY KEY,"
        " name TEXT NOT NULL UNIQUE, artifact_location TEXT, lifecycle_stage TEXT, creation_time BIGINT,"
        " last_update_time BIGINT)",
        "in table experiments, column workspace does not exist",
    ),
}
"""Kind of change -> a statement, and the difference that is found; empty if the tables can be used."""


@pytest.mark.parametrize("kind", DRIFT)
def test_a_changed_schema(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are written directly only if a row without MLflow is complete; else the difference is named."""
    installed_as(NEWEST, monkeypatch)
    database = made(NEWEST, tmp_path / "mlflow.db")
    statement, differs = DRIFT[kind]
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(statement)
    store = open_store(f"sqlite:///{database}")
    assert store.differs == differs
    assert (store.tables is None) == bool(differs)
    if store.tables is not None:
        record(tracker(store).open(RECORD))


POSTGRESQL_DRIFT = {
    "a new column": ("ALTER TABLE runs ADD owner VARCHAR(32)", ""),
    "an identity": (
        "ALTER TABLE runs ADD number BIGINT GENERATED ALWAYS AS IDENTITY",
        "",
    ),
    "a required column": (
        "TRUNCATE params; ALTER TABLE params ADD owner TEXT NOT NULL",
        "in table params, column owner is new and must not be empty",
    ),
    "a generated column": (
        "ALTER TABLE runs DROP user_id;"
        " ALTER TABLE runs ADD user_id TEXT GENERATED ALWAYS AS ('unknown') STORED",
        "in table runs, column user_id does not exist",
    ),
    "a time": (
        "ALTER TABLE runs ALTER start_time TYPE TIMESTAMPTZ USING to_timestamp(start_time / 1000)",
        "in table runs, column start_time has type timestamp with time zone, not integer",
    ),
    "another unique key": (
        "CREATE UNIQUE INDEX once ON experiment_tags (experiment_id) INCLUDE (key)",
        "in table experiment_tags, the unique keys are (experiment_id) and (experiment_id, key),"
        " not (experiment_id, key)",
    ),
    "a trigger": (
        "CREATE FUNCTION seen() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
        " CREATE TRIGGER seen BEFORE INSERT ON runs FOR EACH ROW EXECUTE FUNCTION seen()",
        "in table runs, there are triggers",
    ),
    "a view": (
        "ALTER TABLE params RENAME TO all_params; CREATE VIEW params AS SELECT * FROM all_params",
        "there is no table params",
    ),
}


@pytest.mark.integration
@pytest.mark.parametrize("kind", POSTGRESQL_DRIFT)
def test_a_changed_postgresql_schema(
    kind: str, postgresql: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same in PostgreSQL."""
    installed_as(NEWEST, monkeypatch)
    for name, value in postgresql.environment.items():
        monkeypatch.setenv(name, value)
    database = postgresql.create_database()
    statement, differs = POSTGRESQL_DRIFT[kind]
    postgresql.execute(script(NEWEST, "postgresql"), database)
    postgresql.execute(statement, database)
    assert open_store(postgresql.uri(database), create=False).differs == differs


SQL = {shape.TEXT: "TEXT", shape.INTEGER: "BIGINT", shape.REAL: "FLOAT", shape.BOOLEAN: "BOOLEAN"}


def test_every_column_that_is_used_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store with nothing but the known columns suffices to record, resume, register and read runs."""
    installed_as(NEWEST, monkeypatch)
    database = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript("\n".join(statements()))
        connection.execute("INSERT INTO alembic_version VALUES (?)", (schema.installed()[0],))
        connection.commit()
    store = open_store(f"sqlite:///{database}")
    assert store.differs == ""
    run = tracker(store).open(RECORD)
    record(run)
    tracker(store).reopen(run.run_id, RECORD).close("KILLED", {}, {})
    for seed, mean in enumerate(MEANS):
        register(store, candidate(store, [mean, mean - 1], seed))
    assert every_run(store)[run.run_id].status == "KILLED"
    assert len(load_curves([run.run_id], uri=store.uri)) == 11
    assert "client" not in vars(store)


def statements() -> list[str]:
    """Return the statements that create each known table with its known columns."""
    found = ["CREATE TABLE alembic_version (version_num TEXT);"]
    for name, table in {**shape.RUNS, **shape.REGISTRY}.items():
        columns = [f"{column} {SQL[kind]}" for column, kind in table.written.items()]
        columns += [
            f"{column} {SQL[kind]}" for column, kind in table.read.items() if column != "experiment_id"
        ]
        if name == "experiments":
            columns.append("experiment_id INTEGER PRIMARY KEY")
        keys = [f"UNIQUE ({', '.join(key)})" for key in table.keys if key != {"experiment_id"}]
        found.append(f"CREATE TABLE {name} ({', '.join([*columns, *keys])});")
    return found
