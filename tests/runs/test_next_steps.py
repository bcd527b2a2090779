"""What a run and a multirun end with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from qsweep.runs.next_steps import after_multirun, after_run
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import StoredRun

RUN_ID = "01a22a98ae987979aaa29d4d9c66a6a5"


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store in the current folder."""
    assert workdir == Path.cwd()
    return open_store("local")


def stored(store: Store, name: str) -> StoredRun:
    assert store.artifacts is not None
    return StoredRun(RUN_ID, name, "e", "1", "FINISHED", 0, f"{store.artifacts}/e/{RUN_ID}/artifacts")


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("tutorial_2000,seed=0", "tutorial_2000,seed=0"),
        ("buckets=[20,30],seed=0", "'buckets=[20,30],seed=0'"),
        ("env.id=ns_Env-v0,seed=0", "env.id=ns/Env-v0,seed=0"),
        ("-odd", RUN_ID[-12:]),
        ("n" * 49, RUN_ID[-12:]),
    ],
)
def test_the_commands_after_a_run_name_it(name: str, typed: str, store: Store) -> None:
    """They can be typed as they are: names are quoted, and a long one is replaced by the end of the id."""
    assert list(after_run(store, stored(store, name), "ns/Env-v0")) == [
        f"next      qsweep play {typed} --video agent.mp4",
        f"          qsweep video {typed}",
        f"          qsweep report {typed}",
    ]


def test_the_learning_curve_is_named_if_it_is_here(store: Store) -> None:
    """Its path is relative to the current folder; a run on a server has none here."""
    run = stored(store, "a")
    curve = Path(run.artifacts) / "figures" / "learning_curve.png"
    curve.parent.mkdir(parents=True)
    curve.touch()
    first = next(iter(after_run(store, run, "E-v0")))
    assert first == f"curve     {curve.relative_to(Path.cwd())}"
    server = replace(store, uri="http://host:5000", artifacts=None)
    remote = replace(run, artifacts="mlflow-artifacts:/1/a")
    assert next(iter(after_run(server, remote, "E-v0"))) == (
        "next      qsweep play a --video agent.mp4 --uri http://host:5000"
    )


def test_the_commands_after_a_multirun(store: Store) -> None:
    """Its report comes first, then the model that its winner was registered as, or its runs."""
    assert list(after_multirun(store, "buckets,seed", ["Taxi-v4"])) == [
        "next      qsweep report buckets,seed",
        "          qsweep play Taxi-v4@best --video agent.mp4",
        "          qsweep video Taxi-v4@best",
    ]
    assert list(after_multirun(store, "a b", [])) == [
        "next      qsweep report 'a b'",
        "          qsweep runs 'a b'",
    ]


@pytest.mark.parametrize(("named", "given"), [("http://host:5000", " --uri local"), ("local", ""), ("", "")])
def test_a_store_that_is_not_the_default_is_named(
    named: str, given: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands work in the store of the run, also if MLFLOW_TRACKING_URI names another one."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", named)
    lines = [*after_run(store, stored(store, "a"), "E-v0"), *after_multirun(store, "s", [])]
    assert all(line.endswith(given) for line in lines)
    assert any("--uri" in line for line in lines) == bool(given)


def test_the_server_that_the_variable_names_is_not_repeated(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the default."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://host:5000")
    server = replace(store, uri="http://host:5000", artifacts=None)
    assert "--uri" not in "".join(
        after_run(server, replace(stored(store, "a"), artifacts="mlflow-artifacts:/1/a"), "E")
    )
