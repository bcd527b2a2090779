"""Execution of runs: config -> engine -> files -> tracker."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any

import yaml

from qsweep.config import Config, config_hash, environment_hash, flatten, record, variant_hash
from qsweep.environments.description import is_standard
from qsweep.environments.resolved import Resolved
from qsweep.learning.conduct import conduct
from qsweep.learning.training import Block, State, train_blocks
from qsweep.policies.evaluation.evaluator import TEST_FILE, Evaluator, evaluated_episodes
from qsweep.policies.optimum import optimum
from qsweep.policies.optimum.random_policy import random_return
from qsweep.runs.faults import Faults
from qsweep.system.atomic_files import write_bytes, write_text
from qsweep.system.interrupts import StopRequests
from qsweep.system.liveness import announce
from qsweep.tracking import RunLog, RunRecord, Status, Tracker, checkpoints, episodes, visits
from qsweep.tracking.curves import Points
from qsweep.tracking.provenance import own_tags, provenance
from qsweep.tracking.recorder import Recorder
from qsweep.tracking.result_code import code_of
from qsweep.tracking.stored_run import FROM_CHECKPOINT, FROM_RUN, NOTES
from qsweep.tracking.system_metrics import measured
from qsweep.tracking.unfinished import Progress, forget, progress_of, working_folder

UNTRACKED = (
    *("tracking.name", "tracking.parent", "tracking.resume", "tracking.durable_seconds"),
    *("tracking.user", "tracking.note", "tracking.tags", "tracking.system_metrics", "sweep."),
)
"""Beginnings of keys that only affect how a run is recorded."""

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The C implementation if available: ten times faster."""


@dataclass(frozen=True)
class Work:
    """A run to execute: its resolved config, its name, and the command line that repeats it.

    figures: whether it draws its own (a sweep's report covers all its runs). run_id: the unfinished run to
    resume, or "".
    """

    resolved: Resolved
    name: str
    command: str
    figures: bool = True
    run_id: str = ""

    @property
    def config(self) -> Config:
        """The resolved config."""
        return self.resolved.config


@dataclass(frozen=True)
class Outcome:
    """The result of a run.

    metrics: name -> summary metric or last value of a curve. scores: of the evaluated checkpoints on
    validation starts, in order. notes: what its environment does that a seed does not control.
    """

    name: str
    run_id: str
    episodes: int
    metrics: Mapping[str, float]
    scores: list[float] = field(default_factory=list)
    notes: Sequence[str] = ()


@dataclass
class Ending:
    """The end of one of several runs. run_id: of its record, "" if there is none. outcome: if it finished.

    unrecorded: the error that left its record incomplete, if one did.
    """

    run_id: str = ""
    outcome: Outcome | None = None
    unrecorded: Exception | None = None


class InterleavedFailure(Exception):
    """An error in one of several interleaved runs, which ended them all."""

    def __init__(self, error: Exception, endings: Sequence[Ending]) -> None:
        super().__init__(str(error))
        self.error, self.endings = error, endings


def run(works: Sequence[Work], receive: Callable[[Block], None], tracking: Tracker) -> list[Outcome]:
    """Train and record runs that differ only by their seed, interleaved.

    receive: called with each block. On an error the runs end FAILED, on SIGINT or SIGTERM KILLED, keeping all
    records so far; the error is raised again, of several runs as InterleavedFailure.
    """
    endings = [Ending() for _ in works]
    try:
        _run(works, receive, tracking, endings)
    except Exception as error:
        if len(works) == 1:
            raise
        raise InterleavedFailure(error, endings) from error
    return [ending.outcome for ending in endings if ending.outcome]


def _run(
    works: Sequence[Work], receive: Callable[[Block], None], tracking: Tracker, endings: Sequence[Ending]
) -> None:
    faults = Faults()
    recorded = [_recorded(*each, tracking, faults) for each in zip(works, endings, strict=True)]
    with StopRequests() as stop, _all_open(recorded) as runs:
        for number, block in faults.watched(
            train_blocks([work.resolved for work in works], runs[0].saved.state())
        ):
            for _ in runs[number].record_block(block):
                stop.check()
            receive(block)
            stop.check()
        for each in runs:
            each.evaluate_checkpoints(stop.check)
            stop.check()


@contextmanager
def _all_open(logs: Sequence[AbstractContextManager[_Recording]]) -> Iterator[list[_Recording]]:
    """Open runs in the tracker and close them in the same order.

    Their ids ascend in that order, and appending to an index costs a third of inserting into it.
    """
    with ExitStack() as begun, ExitStack() as ended:
        runs = [begun.enter_context(log) for log in logs]
        for log in reversed(logs):
            ended.push(log)
        begun.pop_all()
        yield runs


@contextmanager
def _recorded(work: Work, ending: Ending, tracking: Tracker, faults: Faults) -> Iterator[_Recording]:
    """Open a run in the tracker and close it with the status of the block, without losing records."""
    with ExitStack() as stack:  # keeps checkpoints until the log is closed
        # A resumed run's folder is locked first: another process may be executing it.
        saved = stack.enter_context(working_folder(progress_of(work.run_id))) if work.run_id else None
        notes = conduct(work.resolved)
        record = run_record(work.resolved, work.name, work.command, notes)
        log = tracking.reopen(work.run_id, record) if work.run_id else tracking.open(record)
        ending.run_id = log.run_id
        status: Status = "FAILED"
        summary: dict[str, float] = {}
        tags: dict[str, str] = {}
        try:
            saved = saved or stack.enter_context(working_folder(progress_of(log.run_id)))
            recording = _Recording(work, saved, log, notes)
            try:
                with recording, measured(work.config.tracking, log.run_id):
                    yield recording
            finally:
                summary, tags = {} if recording.resumable else recording.summary(), recording.tags()
                if recording.complete:
                    status = "FINISHED"
        except KeyboardInterrupt:
            status = status if recording.complete else "KILLED"
            raise
        finally:
            if faults.broken:  # by the environment, which may be fixed before the run is repeated
                forget(log.run_id)
            try:
                log.close(status, summary, tags)
            except Exception as error:
                ending.unrecorded = error
                raise
            if status == "FINISHED":
                ending.outcome = recording.outcome()
                forget(log.run_id)  # even if an interleaved run fails


class _Recording(AbstractContextManager["_Recording"]):
    """One run while it trains: passes blocks to recorder and evaluation, and collects the results.

    complete: whether it is fully trained, evaluated and recorded.
    """

    def __init__(self, work: Work, saved: Progress, log: RunLog, notes: Sequence[str]) -> None:
        self._work, self._log, self._notes = work, log, notes
        self._seconds, self._compile_seconds = saved.seconds, 0.0
        self.saved = replace(saved, config=config_hash(work.config), code=code_of(work.resolved))
        self._evaluator = Evaluator(work.resolved)
        self._summary: dict[str, float] = {}
        self._evaluated = self.complete = False
        self._keep_config()
        start = work.resolved.start
        self._recorder = Recorder(
            work.config,
            log,
            self.saved,
            about(work.resolved),
            start.q_table if start else None,
            stored_checkpoints(work.config),
        )
        for path in self.saved.files(checkpoints.FILE_NAME):
            for end, table in checkpoints.Archive(path).stored_tables(self._evaluator.evaluated):
                log.log(self._evaluator.evaluate(end, table))
        self._checkpointed = time.monotonic()

    def record_block(self, block: Block) -> Iterator[None]:
        """Record the next block, with occasional checkpoints; yield after each evaluated checkpoint."""
        self._seconds += block.seconds
        self._compile_seconds += block.compile_seconds
        self._recorder.add(block)
        for points in self._evaluator.receive(block):
            self._log.log(points)
            yield
        if block.state and self._log.run_id:
            self._checkpoint_if_due(block.end, block.state)

    def _checkpoint_if_due(self, done: int, state: Callable[[], State]) -> None:
        every, more = self._work.config.tracking.durable_seconds, done < self._work.config.episodes
        if not every or not more or time.monotonic() - self._checkpointed < every:
            return
        if reached := state():
            self._recorder.make_durable(self._seconds, reached)
        self._checkpointed = time.monotonic()

    def evaluate_checkpoints(self, check: Callable[[], object]) -> None:
        """Evaluate the chosen checkpoint, and compare it with the optimum and random actions if known.

        check: called about every second, and raises if the run shall stop.
        """
        for points in self._evaluator.evaluate_last():
            self._log.log(points)
        result = self._evaluator.result(check)
        result.write(self.saved.folder / TEST_FILE)
        self._log.keep(self.saved.folder / TEST_FILE, "evaluation")
        self._summary = result.metrics()
        best = optimum(self._work.config.env)
        if best is not None:
            self._summary |= {"optimum/return": best, "optimum/gap": best - result.score}
        by_chance = random_return(self._work.config.env)
        if by_chance is not None:
            self._summary["random/return"] = by_chance
        self._evaluated = True

    def __exit__(self, *error: object) -> None:
        """Log all recorded files as artifacts."""
        folder, keep = self.saved.folder, self._log.keep
        self._recorder.close()
        keep(folder / episodes.FILE_NAME)
        if self._recorder.episodes:
            keep(folder / checkpoints.FILE_NAME, "checkpoints")
        if (folder / visits.FILE_NAME).exists():
            keep(folder / visits.FILE_NAME, "checkpoints")
        if self._work.figures and self._recorder.points and self._log.run_id:
            self._draw(self._recorder.points)
        self.complete = self._evaluated

    def _draw(self, points: Points) -> None:
        from qsweep.pictures.learning_curve import learning_curve  # few runs draw

        config, path = self._work.config, self.saved.folder / "learning_curve.png"
        drawn = BytesIO()
        learning_curve(points, config.window, f"{config.env.id}  {self._work.name}").save(drawn, "png")
        write_bytes(path, drawn.getvalue())
        self._log.keep(path, "figures")

    def _keep_config(self) -> None:
        path = self.saved.folder / "config.yaml"
        write_text(path, yaml.dump(record(self._work.config), Dumper=DUMPER, sort_keys=False))
        self._log.keep(path)

    @property
    def resumable(self) -> bool:
        """True if it may be resumed later; its summary is then logged only at its final end."""
        return not self.complete and self._recorder.durable > 0

    def summary(self) -> dict[str, float]:
        """Return the summary metrics."""
        return self._summary | {
            "train/steps": float(self._recorder.steps),
            "train/seconds": self._seconds,
            "train/compile_seconds": self._compile_seconds,
        }

    def tags(self) -> dict[str, str]:
        """Return the tags that are known only at the end of a run."""
        if self._recorder.q_table is None:
            return {}
        return {"qsweep.qtable_sha256": checkpoints.sha256(self._recorder.q_table)}

    def outcome(self) -> Outcome:
        """Return the result of the run."""
        metrics = self.summary() | self._recorder.last_values
        scores = list(self._evaluator.scores)
        return Outcome(
            self._work.name, self._log.run_id, self._recorder.episodes, metrics, scores, self._notes
        )


def run_record(resolved: Resolved, name: str, command: str, notes: Sequence[str] = ()) -> RunRecord:
    """Return the name, params and tags of a run, known before it starts. notes: as in its outcome."""
    config = resolved.config
    flat = {key: value for key, value in flatten(record(config)).items() if not key.startswith(UNTRACKED)}
    tags = {
        "qsweep.variant": variant_hash(config),
        "qsweep.config": config_hash(config),
        "qsweep.environment": environment_hash(config.env),
        "qsweep.standard": str(is_standard(config.env, resolved.description)).lower(),
        "qsweep.command": command,
        "qsweep.code": code_of(resolved),
        **provenance(),
        **own_tags(config.tracking),
    }
    if config.tracking.uri != "none":
        tags |= announce().tags
    if resolved.start:
        tags |= {FROM_RUN: resolved.start.run_id, FROM_CHECKPOINT: resolved.start.checkpoint}
    if notes:
        tags[NOTES] = "\n".join(notes)
    if config.sweep.name:
        tags["qsweep.sweep"] = config.sweep.name
    params = {k: v if isinstance(v, str) else json.dumps(v, separators=(",", ":")) for k, v in flat.items()}
    return RunRecord(name, config.tracking.experiment or config.env.id, params, tags, config.tracking.parent)


def stored_checkpoints(config: Config) -> frozenset[int] | None:
    """Return the checkpoints whose tables are stored, besides the first and the last one; None: of all.

    With the compiled engine, training again gives all others within a second.
    """
    if config.engine != "compiled":
        return None
    count = config.evaluation.checkpoints
    return frozenset(evaluated_episodes(config.episodes, config.checkpoint_every, count))


def about(resolved: Resolved) -> dict[str, Any]:
    """Return the description stored in a checkpoint archive: config and grid of its tables."""
    return {"config": record(resolved.config), "grid": dataclasses.asdict(resolved.grid)}
