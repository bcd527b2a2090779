"""The durable study: an optuna database beside the MLflow store, resumed by name, safe from kill -9."""

from __future__ import annotations

import json
import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import optuna
from filelock import FileLock, Timeout
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from qsweep.errors import Problem, UsageError
from qsweep.runs.search.settings import PREFIX
from qsweep.runs.search.spaces import Space
from qsweep.system.atomic_files import sync_folder
from qsweep.tracking.store import local_database

DATABASE = "optuna.db"
FACTS, PARENT = "qsweep.facts", "qsweep.parent"
WORKER, AGAIN, ERROR = "worker", "again", "error"
"""User attributes of a trial: who asked for it; the number of the trial that it repeats; why it failed."""
BUSY_SECONDS = 60.0


def database(uri: str) -> Path:
    """Where the studies of a `tracking.uri` lie: beside its database, or in this folder's mlruns/."""
    if uri.startswith("sqlite:///"):
        return Path(uri.removeprefix("sqlite:///")).absolute().with_name(DATABASE)
    return local_database().with_name(DATABASE)


class SearchStudy:
    """One process's hold on a study, to be used as a context manager.

    A lock file that the kernel lets go of when the process dies, however it dies, tells trials under way
    from those that nobody will end any more. Writers take turns behind another lock, so that none meets
    a locked database, and no two are asked the same while one is asking.
    """

    def __init__(self, name: str, path: Path, sampler: BaseSampler, facts: Mapping[str, object]) -> None:
        """Open or begin the study called `name`.

        facts: what makes its trials comparable; a study that was begun with other ones is refused.
        Raises UsageError where it cannot be opened.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = _storage(path)
        self._workers = path.with_name(f"{path.stem}-workers")
        self._workers.mkdir(exist_ok=True)
        self._worker = uuid.uuid4().hex
        self._alive = FileLock(self._lock_of(self._worker))
        self._turn = FileLock(path.with_suffix(".lock"))
        with self._turn:
            self.study = optuna.create_study(
                storage=storage, sampler=sampler, study_name=name, direction="maximize", load_if_exists=True
            )
            _check_facts(self.study, facts)

    def __enter__(self) -> SearchStudy:
        """Begin to search: take over what dead processes have left."""
        self._alive.acquire()
        with self.writing():
            for trial in self._running():
                if not self._is_alive(trial.user_attrs.get(WORKER, "")):
                    self._give_back(trial)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop: what is still under way will be asked again when the study is resumed."""
        try:
            with self.writing():
                for trial in self._running():
                    if trial.user_attrs.get(WORKER) == self._worker:
                        self._give_back(trial)
        finally:
            self._alive.release()
            self._lock_of(self._worker).unlink(missing_ok=True)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A turn to write to the study."""
        with self._turn:
            yield

    def ask(self, space: Space) -> Trial:
        """A new trial, or one that was given back. To be called in `writing`."""
        trial = self.study.ask(space.distributions)
        trial.set_user_attr(WORKER, self._worker)
        return trial

    def counted(self) -> int:
        """How many trials have ended, are under way or wait, without those that were given back."""
        trials = self.study.get_trials(deepcopy=False)
        return sum(1 for trial in trials if trial.state != TrialState.FAIL or ERROR in trial.user_attrs)

    @property
    def parent(self) -> str:
        """The MLflow run under which the study's runs are nested; "" before it is known."""
        return str(self.study.user_attrs.get(PARENT, ""))

    @parent.setter
    def parent(self, run_id: str) -> None:
        with self.writing():
            self.study.set_user_attr(PARENT, run_id)

    def _running(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _give_back(self, trial: FrozenTrial) -> None:
        """Fail a trial that nobody will end, its values to be tried again; killed between, it is repeated."""
        trials = self.study.get_trials(deepcopy=False)
        if trial.params and not any(other.user_attrs.get(AGAIN) == trial.number for other in trials):
            waiting = create_trial(
                state=TrialState.WAITING,
                system_attrs={"fixed_params": trial.params},
                user_attrs={AGAIN: trial.number},
            )
            self.study.add_trial(waiting)
        self.study.tell(trial.number, state=TrialState.FAIL)

    def _is_alive(self, worker: str) -> bool:
        """Whether a process still holds its lock. Without a name a trial's process died while asking."""
        path = self._lock_of(worker)
        if not worker or not path.exists():
            return False
        try:
            with FileLock(path, timeout=0):
                path.unlink(missing_ok=True)
        except Timeout:
            return True
        return False

    def _lock_of(self, worker: str) -> Path:
        return self._workers / f"{worker}.lock"


def _storage(path: Path) -> RDBStorage:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.exists() or not path.stat().st_size:
                _create(path)
        return _opened(path)
    except (OSError, SQLAlchemyError, sqlite3.Error, RuntimeError) as error:
        # RuntimeError: the schema of another version of optuna, whose message names its upgrade
        rule = "needs a readable and writable database, made by this version of optuna"
        raise UsageError(
            [Problem(f"{PREFIX}.study", rule, str(path), " ".join(str(error).split()))]
        ) from None


def _opened(path: Path) -> RDBStorage:
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}})


def _create(path: Path) -> None:
    """Make the database aside: a process that dies meanwhile leaves none half-made."""
    aside = path.with_suffix(".new")
    for left in path.parent.glob(f"{aside.name}*"):
        left.unlink()
    _opened(aside).engine.dispose()
    with sqlite3.connect(aside) as connection:
        connection.execute("PRAGMA journal_mode=WAL")  # who looks at the study does not hold it up
    connection.close()
    with aside.open("rb") as file:
        os.fsync(file.fileno())
    aside.replace(path)
    sync_folder(path.parent)


def _check_facts(study: optuna.Study, facts: Mapping[str, object]) -> None:
    """Note what makes a new study's trials comparable; refuse to go on with one of other trials."""
    told = {key: json.loads(json.dumps(value)) for key, value in facts.items()}
    known = study.user_attrs.get(FACTS)
    if known is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(FACTS, told)
        return
    remedy = f"start a new one with {PREFIX}.study=NAME"
    if known is None or study.direction != StudyDirection.MAXIMIZE:
        rule = "is a study that qsweep did not create"
        raise UsageError([Problem(f"{PREFIX}.study", rule, study.study_name, remedy)])
    changed = [key for key in {**known, **told} if known.get(key) != told.get(key)]
    if changed:
        rule = f"was started with different {', '.join(changed)}"
        raise UsageError([Problem(f"{PREFIX}.study", rule, study.study_name, remedy)])


def load(name: str, path: Path) -> optuna.Study:
    """A study, to look at. Raises UsageError where there is none of that name."""
    with suppress(KeyError):
        if path.exists():
            return optuna.load_study(study_name=name, storage=_opened(path))
    raise UsageError([Problem(f"{PREFIX}.study", "is not a known study", name)])
