from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from qsweep.errors import UsageError
from qsweep.runs.search.pruners import pruner
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.spaces import Space, space
from qsweep.runs.search.study import SearchStudy, database, ended_trials

pytestmark = pytest.mark.slow

SPACE = space(["x=interval(0,1)"])
THREE = space(["x=interval(0,1)", "y=interval(0,1)", "z=interval(0,1)"])
FACTS = {"seeds": [0, 1]}


def opened(
    path: Path, name: str = "a", facts: dict[str, object] | None = None, points: Space = SPACE
) -> SearchStudy:
    drawn = sampler("random", 0, points)
    return SearchStudy(name, path, drawn, pruner("none"), FACTS if facts is None else facts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mlruns" / "optuna.db"


def asked(study: SearchStudy, points: Space = SPACE) -> optuna.Trial:
    with study.writing:
        return study.ask(points)


class Killed(Exception):
    """Stands for the end of a process that asked for a trial."""


def killed_while_asking(path: Path, parameters: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask for a trial as a process that dies when so many of its parameters are in the database."""
    stored = 0
    store = optuna.storages._CachedStorage.set_trial_param

    def store_some(*given: Any) -> None:
        nonlocal stored
        if stored == parameters:
            raise Killed
        store(*given)
        stored += 1

    study = opened(path, points=THREE)
    with monkeypatch.context() as patch:
        patch.setattr(optuna.storages._CachedStorage, "set_trial_param", store_some)
        study._alive.acquire()
        study._alive.release()  # as the kernel does
        with pytest.raises(Killed):
            asked(study, THREE)


def test_database_of_studies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It lies beside the MLflow database if that is a file, else in mlruns/ of the current folder."""
    monkeypatch.chdir(tmp_path)
    assert database("local") == tmp_path / "mlruns" / "optuna.db"
    assert database("none") == tmp_path / "mlruns" / "optuna.db"
    assert database("https://server") == tmp_path / "mlruns" / "optuna.db"
    assert database("sqlite:////there/is/mlflow.db") == Path("/there/is/optuna.db")


def test_resumed_by_name(path: Path) -> None:
    """A study of the same name has its trials; one of another name has none."""
    with opened(path) as study:
        study.study.tell(asked(study), 3.0)
    again = opened(path)
    assert (again.study.best_value, again.count_trials()) == (3.0, 1)
    assert opened(path, "b").count_trials() == 0


def test_maximises(path: Path) -> None:
    """Higher returns are better."""
    assert opened(path).study.direction == optuna.study.StudyDirection.MAXIMIZE


def test_other_facts_are_refused(path: Path) -> None:
    """A study is not resumed if its trials could not be compared; the message says what differs."""
    opened(path)
    with pytest.raises(UsageError, match="started with different seeds"):
        opened(path, facts={"seeds": [0, 1, 2]})


def test_a_foreign_study_is_refused(path: Path) -> None:
    """A study that qsweep did not create is left alone."""
    opened(path)
    optuna.create_study(study_name="theirs", storage=f"sqlite:///{path}").add_trial(
        optuna.trial.create_trial(value=1.0)
    )
    with pytest.raises(UsageError, match="did not create"):
        opened(path, "theirs")


def test_no_database(path: Path) -> None:
    """A file that is not a database is refused, and not changed."""
    path.parent.mkdir()
    path.write_text("my notes\n" * 100)
    with pytest.raises(UsageError, match="needs a readable and writable database"):
        opened(path)
    assert path.read_text() == "my notes\n" * 100


def test_running_trials_are_requeued(path: Path) -> None:
    """Leaving a study fails the trials that run, and queues their parameters."""
    with opened(path) as study:
        left = asked(study).params
    [failed, waiting] = study.study.get_trials()
    assert (failed.state, waiting.state) == (TrialState.FAIL, TrialState.WAITING)
    assert study.count_trials() == 1
    with opened(path) as again:
        assert asked(again).params == left


def test_an_interrupted_study_has_the_trials_of_another(path: Path) -> None:
    """Interrupted twice, once while it drew, a study tries the same points under the same numbers."""
    with opened(path, "whole") as whole:
        expected = [asked(whole).params for _ in range(5)]
        for number in range(5):
            whole.study.tell(number, number / 2)
    for asked_before in (2, 4):
        with opened(path) as study:
            for _ in range(asked_before):
                asked(study)
            study.study.ask()  # killed before it had parameters
    with opened(path) as study:
        for _ in range(5):
            trial = asked(study)
            study.study.tell(trial, trial.number / 2)
    assert [trial.params for trial in ended_trials(path, "whole").values()] == expected
    found = ended_trials(path, "a")
    assert [*found] == [0, 1, 2, 3, 4]
    assert [trial.params for trial in found.values()] == expected


@pytest.mark.parametrize("parameters", [0, 1, 2])
@pytest.mark.parametrize("what", ["a new trial", "a retry"])
def test_a_process_that_dies_while_it_draws(
    path: Path, what: str, parameters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it had drawn of a trial, the study has the points and numbers of an uninterrupted one."""
    with opened(path, "whole", points=THREE) as whole:
        expected = [asked(whole, THREE).params for _ in range(4)]
    with opened(path, points=THREE) as study:
        asked(study, THREE)
        if what == "a new trial":
            study.study.tell(0, 0.0)
    killed_while_asking(path, parameters, monkeypatch)
    with opened(path, points=THREE) as study:
        for _ in range(4 - len(ended_trials(path, "a"))):
            study.study.tell(asked(study, THREE), 0.0)
    found = ended_trials(path, "a")
    assert [*found] == [0, 1, 2, 3]
    assert [trial.params for trial in found.values()] == expected


def test_a_retry_of_a_trial_that_was_not_drawn_whole(path: Path) -> None:
    """Earlier versions left such retries: each counts as a trial of its own."""
    with opened(path) as study:
        study.study.ask()  # a process that died before it said so
        retry = optuna.trial.create_trial(
            state=TrialState.WAITING,
            system_attrs={"fixed_params": {"x": 0.25}},
            user_attrs={"retry_of": 0},
        )
        study.study.add_trial(retry)
        study.study.tell(asked(study), 1.0)
    assert {number: trial.params for number, trial in ended_trials(path, "a").items()} == {0: {"x": 0.25}}


def test_trials_of_living_processes_are_kept(path: Path) -> None:
    """A second process requeues no trial of a process that is alive."""
    with opened(path) as first:
        trial = asked(first)
        with opened(path) as second:
            assert [t.number for t in second.study.get_trials(states=(TrialState.RUNNING,))] == [trial.number]
            assert asked(second).params != trial.params
        assert first.study.get_trials()[trial.number].state == TrialState.RUNNING
        assert first.count_trials() == 2


def test_a_trial_without_parameters(path: Path) -> None:
    """A trial whose process died before it had parameters fails, and nothing is queued."""
    study = opened(path)
    study.study.ask()
    with study:
        [dead] = study.study.get_trials()
        assert (dead.state, study.count_trials()) == (TrialState.FAIL, 0)


def test_requeued_once(path: Path) -> None:
    """A process killed after it queued a trial and before it failed the old one causes no third trial."""
    study = opened(path)
    with study:
        trial = asked(study)
        waiting = optuna.trial.create_trial(
            state=TrialState.WAITING,
            system_attrs={"fixed_params": trial.params},
            user_attrs={"retry_of": trial.number},
        )
        study.study.add_trial(waiting)
    assert [t.state for t in study.study.get_trials()] == [TrialState.FAIL, TrialState.WAITING]


def test_lock_files_are_removed(path: Path) -> None:
    """A process leaves no lock file."""
    with opened(path):
        pass
    assert list((path.parent / "optuna-workers").iterdir()) == []


def test_an_incomplete_database_is_replaced(path: Path) -> None:
    """The file of a process that was killed while it created the database is replaced."""
    path.parent.mkdir()
    path.with_suffix(".new").write_text("half")
    assert opened(path).count_trials() == 0
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
