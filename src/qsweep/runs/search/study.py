"""The study: an optuna database beside the MLflow store, resumed by name, also after kill -9."""

from __future__ import annotations

import json
import sqlite3
import uuid
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock, Timeout
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, RandomSampler
from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from qsweep.errors import Problem, UsageError, one_line
from qsweep.runs.search.settings import PREFIX
from qsweep.runs.search.spaces import Space
from qsweep.tracking.store import database_of, local_database
from qsweep.tracking.tables.sqlite_database import create_once

DATABASE = "optuna.db"
FACTS = "qsweep.facts"
"""The user attribute of a study that says what all its trials have in common."""
OVERRIDES, RUNS, SEEDS, MEAN, STANDARD_ERROR = "overrides", "runs", "seeds", "mean", "standard_error"
WORKER, RETRY_OF, ERROR = "worker", "retry_of", "error"
"""User attributes of a trial, which optuna-dashboard shows.

runs: the MLflow ids. seeds: how many are done. worker: the process that runs the trial. retry_of: the number
of the interrupted trial whose parameters this one has. error: why it failed.
"""
FIXED = "fixed_params"
"""optuna's system attribute of a queued trial: its parameters."""
SamplerOfTrial = Callable[[int], BaseSampler]
"""Makes the sampler of a trial from the trial's number."""
BUSY_SECONDS = 60.0
"""How long SQLite waits for a locked database."""


def database(uri: str) -> Path:
    """Return the database of the studies: beside that of a `tracking.uri`, or in mlruns/ of this folder."""
    return (database_of(uri) or local_database()).with_name(DATABASE)


def ended_trials(path: Path, name: str) -> dict[int, FrozenTrial]:
    """Return the complete trials of a study by the number that they have in one without interruptions.

    In the order of these numbers. Raises UsageError if there is no such study.
    """
    try:
        study = optuna.load_study(study_name=name, storage=_storage(path))
    except KeyError:
        raise UsageError([Problem(f"{PREFIX}.study", "is no study of this store", name)]) from None
    trials = study.get_trials(deepcopy=False)
    numbers = _numbers(trials)
    complete = {numbers[trial.number]: trial for trial in trials if trial.state == TrialState.COMPLETE}
    return dict(sorted(complete.items()))


def _numbers(trials: Collection[FrozenTrial]) -> dict[int, int]:
    """Return the number of each trial in a study without interruptions, by its number in this one.

    A retry has that of the trial that it repeats. A new trial counts when it has a worker, which it gets once
    all its parameters are drawn: if its process died before, the next one draws the same.
    """
    numbers: dict[int, int] = {}
    drawn = 0
    for trial in trials:
        repeated = trial.user_attrs.get(RETRY_OF)
        if repeated in numbers:
            numbers[trial.number] = numbers[repeated]
        elif WORKER in trial.user_attrs or repeated is not None:  # of a half-drawn trial, by earlier versions
            numbers[trial.number] = drawn
            drawn += 1
    return numbers


def best_of(trials: Collection[FrozenTrial]) -> tuple[str, ...]:
    """Return the overrides of the best of complete trials; of equal ones, the first."""
    best = max(trials, key=lambda trial: float(trial.user_attrs[MEAN]))
    return tuple(best.user_attrs[OVERRIDES])


class SearchStudy:
    """A study that this process takes part in, as a context manager.

    Each process holds a lock file, which the kernel releases when the process dies. So trials that still run
    are known from trials that no process will end. Processes write in turn, behind another lock: none meets
    a locked database, and each is asked for a trial that knows of all others.
    """

    def __init__(
        self,
        name: str,
        path: Path,
        sampler: SamplerOfTrial,
        pruner: BasePruner,
        facts: Mapping[str, object],
    ) -> None:
        """Open or create the study called `name`.

        facts: what all its trials have in common; a study with other facts is refused.
        Raises UsageError if the study cannot be opened.
        """
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = _storage(path)
        self._sampler = sampler
        self._workers = path.with_name(f"{path.stem}-workers")
        self._workers.mkdir(exist_ok=True)
        self._worker = uuid.uuid4().hex
        self._alive = FileLock(self._lock_of(self._worker))
        self.writing = FileLock(path.with_suffix(".lock"))
        with self.writing:
            self.study = optuna.create_study(
                storage=storage,
                pruner=pruner,
                study_name=name,
                direction="maximize",
                load_if_exists=True,
            )
            _check_facts(self.study, facts)

    def __enter__(self) -> SearchStudy:
        """Requeue the trials that dead processes have left."""
        self._alive.acquire()
        with self.writing:
            for trial in self._running():
                if not self._is_alive(trial.user_attrs.get(WORKER, "")):
                    self._requeue(trial)
        return self

    def __exit__(self, *_: object) -> None:
        """Requeue the trials that this process has not ended."""
        try:
            with self.writing:
                for trial in self._running():
                    if trial.user_attrs.get(WORKER) == self._worker:
                        self._requeue(trial)
        finally:
            self._alive.release()
            self._lock_of(self._worker).unlink(missing_ok=True)

    def ask(self, space: Space) -> Trial:
        """Return a requeued trial, or else a new one. To be called with the lock `writing`."""
        return ask(self.study, self._sampler, space, self._worker)

    def number_of(self, trial: int) -> int:
        """Return the number of a trial in a study without interruptions."""
        return _numbers(self.study.get_trials(deepcopy=False))[trial]

    def count_trials(self) -> int:
        """Count the trials that have ended, run or wait; not interrupted ones, which are requeued."""
        trials = self.study.get_trials(deepcopy=False)
        return sum(1 for trial in trials if trial.state != TrialState.FAIL or ERROR in trial.user_attrs)

    def _running(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _requeue(self, trial: FrozenTrial) -> None:
        """Fail a trial that no process will end, and queue its parameters as a new trial, once.

        A process killed in between leaves both trials; the next one finds the queued trial by RETRY_OF.
        """
        trials = self.study.get_trials(deepcopy=False)
        params = _params(trial)
        if params and not any(other.user_attrs.get(RETRY_OF) == trial.number for other in trials):
            waiting = create_trial(
                state=TrialState.WAITING,
                system_attrs={FIXED: params},
                user_attrs={RETRY_OF: trial.number},
            )
            self.study.add_trial(waiting)
        self.study.tell(trial.number, state=TrialState.FAIL)

    def _is_alive(self, worker: str) -> bool:
        """Return whether a process holds its lock; one that died while asking left a trial without worker."""
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


def ask(study: optuna.Study, sampler: SamplerOfTrial, space: Space, worker: str) -> Trial:
    """Return a queued trial, or else a new one, drawn by the sampler of its number, retries not counted.

    A study that is resumed, or shared by several processes, therefore stays repeatable and draws nothing
    twice.
    """
    study.sampler = sampler(len({*_numbers(study.get_trials(deepcopy=False)).values()}))
    trial = study.ask(space.distributions)
    trial.set_user_attr(WORKER, worker)
    study.sampler = RandomSampler()  # a GridSampler would stop `Study.optimize`, which does not run
    return trial


def _params(trial: FrozenTrial) -> dict[str, Any]:
    """Return all parameters of a trial; none of a new one whose process died while it drew them."""
    if RETRY_OF in trial.user_attrs:
        return dict(trial.system_attrs[FIXED])
    return trial.params if WORKER in trial.user_attrs else {}


def _storage(path: Path) -> RDBStorage:
    try:
        create_once(path, lambda new: _open(new).engine.dispose())
        return _open(path)
    except (OSError, SQLAlchemyError, sqlite3.Error, RuntimeError) as error:
        # RuntimeError: the schema of another version of optuna; its message names the upgrade
        rule = "needs a readable and writable database, made by this version of optuna"
        raise UsageError([Problem(f"{PREFIX}.study", rule, str(path), one_line(error))]) from None


def _open(path: Path) -> RDBStorage:
    return RDBStorage(f"sqlite:///{path}", engine_kwargs={"connect_args": {"timeout": BUSY_SECONDS}})


def _check_facts(study: optuna.Study, facts: Mapping[str, object]) -> None:
    """Record the facts of a new study; refuse a study with other facts."""
    given = json.loads(json.dumps(facts))
    known = study.user_attrs.get(FACTS)
    if known is None and not study.get_trials(deepcopy=False):
        study.set_user_attr(FACTS, given)
        return
    if known is None or study.direction != StudyDirection.MAXIMIZE:
        rule = "is a study that qsweep did not create"
    elif changed := [key for key in given if known.get(key) != given[key]]:
        rule = f"was started with different {', '.join(changed)}"
    else:
        return
    remedy = f"start a new one with {PREFIX}.study=NAME"
    raise UsageError([Problem(f"{PREFIX}.study", rule, study.study_name, remedy)])
