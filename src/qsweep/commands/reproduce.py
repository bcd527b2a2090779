"""`qsweep reproduce`: train a run again from its record and compare the last Q-table bit by bit."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qsweep.config import config_hash
from qsweep.environments.resolved import Resolved, Start
from qsweep.errors import Problem, UsageError, printable
from qsweep.learning.conduct import conduct
from qsweep.learning.training import train_blocks
from qsweep.plan.resolution import recorded
from qsweep.policies.policy import readable
from qsweep.policies.registry.names import resolve as find
from qsweep.report.loading.archives import archive
from qsweep.runs.progress import RunProgress
from qsweep.system.atomic_files import temporary_folder
from qsweep.system.untrusted_files import read_yaml
from qsweep.tracking.checkpoints import name_of, sha256
from qsweep.tracking.provenance import provenance
from qsweep.tracking.result_code import code_of
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import CONFIG, FROM_CHECKPOINT, FROM_RUN, NOTES, StoredRun

RECORD = "config.yaml"
TABLE = "qsweep.qtable_sha256"
COMPARED = ("version", "code", "python", "platform", "git_commit", "git_dirty")
"""Tags that may explain, like the packages, why a run is not reproduced."""


@dataclass(frozen=True)
class Reproduction:
    """The result of training a run again.

    recorded, found: SHA-256 of the last Q-table, then and now. recorded_config, config: the hash of
    config.yaml, then and now. differences: of code, versions and machine, in words. notes: what the
    environment does that a seed does not control.
    """

    run_name: str
    run_id: str
    episodes: int
    seconds: float
    recorded: str
    found: str
    recorded_config: str
    config: str
    differences: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        """True if the last Q-table is identical to the bit."""
        return self.recorded == self.found

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"run       {self.run_name} ({self.run_id})"
        yield f"trained   {self.episodes:,} episodes in {self.seconds:.2f} s"
        yield f"recorded  {self.recorded}"
        yield f"now       {self.found}"
        if self.config == self.recorded_config:
            yield f"config    {RECORD} is unchanged ({self.config})"
        else:
            yield f"config    {RECORD} was changed: recorded {self.recorded_config}, now {self.config}"
        yield from (f"differs   {difference}" for difference in self.differences)
        yield from (f"warning   {note}" for note in self.notes)
        if not self.differences:
            yield "differs   nothing: code, packages, Python and platform are as recorded"
        yield "reproduced: the last Q-table is identical to the bit" if self.equal else "NOT reproduced"


def reproduce(store: Store, name: str) -> Reproduction:
    """Train the run that `name` stands for again, without recording anything.

    Raises UsageError if there is no such run, it did not finish, or its record cannot be used here.
    """
    run_id = find(store, name).run_id
    with readable(f"run {run_id}"):
        run = run_of(store, run_id)
    _check_finished(run)
    resolved = _with_start(store, run, _recorded(store, run))
    started = time.perf_counter()
    found, episodes = _train(resolved)
    return Reproduction(
        run_name=printable(run.name),
        run_id=run_id,
        episodes=episodes,
        seconds=time.perf_counter() - started,
        recorded=run.tags[TABLE],
        found=found,
        recorded_config=run.tags[CONFIG],
        config=config_hash(resolved.config),
        differences=tuple(differences(run.tags, {"qsweep.code": code_of(resolved), **provenance()})),
        notes=tuple(dict.fromkeys([*_notes(run), *conduct(resolved)])),
    )


def _check_finished(run: StoredRun) -> None:
    if run.status != "FINISHED":
        rule = "must have finished, so that there is a last Q-table"
        raise UsageError([Problem("run", rule, run.name, f"its status is {run.status}")])
    missing = [key for key in (TABLE, CONFIG) if key not in run.tags]
    if missing:
        raise UsageError([Problem("run", f"has no tag {missing[0]}", run.name)])


def _recorded(store: Store, run: StoredRun) -> Resolved:
    """Return the resolved config of a run's record, with the engine that the run used.

    Raises UsageError, naming the file, if it is missing, damaged or not valid here.
    """
    where = f"run {run.run_id}: {RECORD}"
    with readable(where), temporary_folder() as scratch:
        path = file_of(store, run.run_id, run.artifacts, RECORD, Path(scratch))
        try:
            return recorded(read_yaml(path))
        except UsageError as error:
            raise UsageError(
                dataclasses.replace(problem, key=f"{where}: {problem.key}") for problem in error.problems
            ) from error


def _with_start(store: Store, run: StoredRun, resolved: Resolved) -> Resolved:
    """Return a run with the trained Q-table that it started from, if any: checkpoint 0 of its history."""
    if resolved.config.initial_q.from_ is None:
        return resolved
    with archive(store, run.run_id, run.artifacts) as history:
        start = Start(
            history.q_table(name_of(0)), run.tags.get(FROM_RUN, ""), run.tags.get(FROM_CHECKPOINT, "")
        )
    return dataclasses.replace(resolved, start=start)


def _notes(run: StoredRun) -> list[str]:
    return [printable(note) for note in run.tags.get(NOTES, "").splitlines()]


def _train(resolved: Resolved) -> tuple[str, int]:
    """Return the hash of the last Q-table, and the number of episodes: `steps` may end before `episodes`."""
    with RunProgress(resolved.config.episodes, resolved.config.window) as progress:
        for _, block in train_blocks([resolved]):
            progress.update(block)
    return sha256(block.tables[-1]), block.spans[-1].end


def differences(recorded: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    """Yield the differences of code, packages and machine between a run's tags and now, in words."""
    for key in (f"qsweep.{name}" for name in COMPARED):
        yield from _difference(key, recorded.get(key), now.get(key))
    then, here = _packages(recorded), _packages(now)
    for package in dict.fromkeys([*then, *here]):
        yield from _difference(f"qsweep.packages: {package}", then.get(package), here.get(package))
    if recorded.get("qsweep.git_dirty") == now.get("qsweep.git_dirty") == "true":
        yield "qsweep.git_dirty: files had uncommitted changes, then and now, which are not recorded"


def _packages(tags: Mapping[str, str]) -> dict[str, str]:
    try:
        found = json.loads(tags.get("qsweep.packages", "{}"))
    except ValueError:  # another program's
        return {}
    return found if isinstance(found, dict) else {}


def _difference(key: str, then: str | None, now: str | None) -> Iterator[str]:
    if then != now:
        yield f"{key}: recorded {then or 'nothing'}, now {now or 'nothing'}"
