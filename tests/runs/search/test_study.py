from __future__ import annotations

import sqlite3
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from qsweep.errors import UsageError
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.spaces import space
from qsweep.runs.search.study import SearchStudy, database, load

SPACE = space(["x=interval(0,1)"])
FACTS = {"seeds": [0, 1]}


def opened(path: Path, name: str = "a", facts: dict[str, object] | None = None) -> SearchStudy:
    return SearchStudy(name, path, sampler("random", 0, SPACE), FACTS if facts is None else facts)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mlruns" / "optuna.db"


def asked(study: SearchStudy) -> optuna.Trial:
    with study.writing():
        return study.ask(SPACE)


def test_where_studies_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the MLflow database where that is a file; in the current folder's mlruns/ otherwise."""
    monkeypatch.chdir(tmp_path)
    assert database("local") == tmp_path / "mlruns" / "optuna.db"
    assert database("none") == tmp_path / "mlruns" / "optuna.db"
    assert database("https://server") == tmp_path / "mlruns" / "optuna.db"
    assert database("sqlite:////there/is/mlflow.db") == Path("/there/is/optuna.db")


def test_resumed_by_name(path: Path) -> None:
    """The same name has its trials again; another name has none."""
    with opened(path) as study:
        study.study.tell(asked(study), 3.0)
        study.parent = "run"
    again = opened(path)
    assert (again.study.best_value, again.counted(), again.parent) == (3.0, 1, "run")
    assert (opened(path, "b").counted(), opened(path, "b").parent) == (0, "")


def test_maximises(path: Path) -> None:
    """Returns are the better the higher."""
    assert opened(path).study.direction == optuna.study.StudyDirection.MAXIMIZE


def test_other_facts_are_refused(path: Path) -> None:
    """A study is not gone on with where its trials could not be compared; what differs is named."""
    opened(path)
    with pytest.raises(UsageError, match="started with different seeds"):
        opened(path, facts={"seeds": [0, 1, 2]})


def test_a_study_of_someone_elses_is_refused(path: Path) -> None:
    """A study that was not begun here is left alone."""
    opened(path)
    optuna.create_study(study_name="theirs", storage=f"sqlite:///{path}").add_trial(
        optuna.trial.create_trial(value=1.0)
    )
    with pytest.raises(UsageError, match="did not create"):
        opened(path, "theirs")


def test_no_database(path: Path) -> None:
    """A file that is no database is refused, and left as it is."""
    path.parent.mkdir()
    path.write_text("my notes\n" * 100)
    with pytest.raises(UsageError, match="needs a readable and writable database"):
        opened(path)
    assert path.read_text() == "my notes\n" * 100


def test_what_is_under_way_is_given_back(path: Path) -> None:
    """Leaving a study fails its trials under way and has the same values tried again."""
    with opened(path) as study:
        left = asked(study).params
    [failed, waiting] = study.study.get_trials()
    assert (failed.state, waiting.state) == (TrialState.FAIL, TrialState.WAITING)
    assert study.counted() == 1
    with opened(path) as again:
        assert asked(again).params == left


def test_the_living_keep_theirs(path: Path) -> None:
    """A second process takes nothing over from one that is alive."""
    with opened(path) as first:
        trial = asked(first)
        with opened(path) as second:
            assert [t.number for t in second.study.get_trials(states=(TrialState.RUNNING,))] == [trial.number]
            assert asked(second).params != trial.params
        assert first.study.get_trials()[trial.number].state == TrialState.RUNNING
        assert first.counted() == 2


def test_a_trial_that_died_while_it_was_asked(path: Path) -> None:
    """A trial that has no values yet is failed, with nothing to try again."""
    study = opened(path)
    study.study.ask()
    with study:
        [dead] = study.study.get_trials()
        assert (dead.state, study.counted()) == (TrialState.FAIL, 0)


def test_given_back_once(path: Path) -> None:
    """A process that was killed between trying again and failing the old trial leaves no third one."""
    study = opened(path)
    with study:
        trial = asked(study)
        waiting = optuna.trial.create_trial(
            state=TrialState.WAITING,
            system_attrs={"fixed_params": trial.params},
            user_attrs={"again": trial.number},
        )
        study.study.add_trial(waiting)
    assert [t.state for t in study.study.get_trials()] == [TrialState.FAIL, TrialState.WAITING]


def test_no_worker_is_left_behind(path: Path) -> None:
    """The lock files of those that are gone are gone."""
    with opened(path):
        pass
    assert list((path.parent / "optuna-workers").iterdir()) == []


def test_a_half_made_database_is_made_anew(path: Path) -> None:
    """What a process left that was killed while it made the database is in nobody's way."""
    path.parent.mkdir()
    path.with_suffix(".new").write_text("half")
    assert opened(path).counted() == 0
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_looking_at_a_study(path: Path) -> None:
    """A study is found by name; one that does not exist is not made."""
    opened(path)
    assert load("a", path).study_name == "a"
    with pytest.raises(UsageError, match="is not a known study"):
        load("b", path)
