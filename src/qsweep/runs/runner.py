"""The wiring of runs: config -> engine -> files -> tracker."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from qsweep.config import Config, config_hash, environment_hash, flatten, record, variant_hash
from qsweep.environments.description import is_standard
from qsweep.environments.resolved import Resolved
from qsweep.learning.training import Block, State, train_blocks
from qsweep.policies.evaluation import TEST_FILE, Evaluator
from qsweep.policies.optimum import optimum
from qsweep.runs.progress import Progressing
from qsweep.runs.stopwatch import Stopwatch
from qsweep.system.atomic_files import write_text
from qsweep.system.interrupts import StopRequests
from qsweep.system.liveness import announce
from qsweep.tracking import RunLog, RunRecord, Status, Tracker, checkpoints, episodes
from qsweep.tracking.curves import Points
from qsweep.tracking.provenance import code, provenance
from qsweep.tracking.recorder import Recorder
from qsweep.tracking.unfinished import Progress, forget, progress_of, working_folder

UNTRACKED = ("tracking.name", "tracking.parent", "tracking.resume", "tracking.durable_seconds")
"""Keys that say how a run is recorded rather than what it is; of a sweep's keys all do."""

DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
"""The one in C where there is one: ten times faster."""


@dataclass(frozen=True)
class Work:
    """A run to be: its resolved config and environment, its name, and what a user types to run it again.

    figures: whether it draws its own; a sweep draws those of all its runs. run_id: the unfinished run
    that it goes on with, if any.
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
    """How a run ended.

    metrics: the summary metrics of the run, and the last value of its curves, by name. scores: on validation
    starts, of its judged checkpoints, in order.
    """

    name: str
    run_id: str
    episodes: int
    metrics: Mapping[str, float]
    scores: list[float] = field(default_factory=list)


def run(works: Sequence[Work], progress: Progressing, tracking: Tracker) -> list[Outcome]:
    """Train and record runs that differ only by their seed, side by side.

    On an error they end FAILED, on SIGINT or SIGTERM KILLED, with all that was recorded so far; the
    error is raised again.
    """
    timer = Stopwatch(len(works))
    with StopRequests() as stop, _all_recorded(works, tracking, timer) as runs:
        for number, block in timer.timed(
            train_blocks([work.resolved for work in works], runs[0].left.state())
        ):
            for _ in runs[number].hear(block):
                stop.check()
            progress.update(block)
            stop.check()
        for each in runs:
            each.judge_checkpoints()
            stop.check()
    return [each.outcome() for each in runs]


@contextmanager
def _all_recorded(works: Sequence[Work], tracking: Tracker, timer: Stopwatch) -> Iterator[list[_Recording]]:
    """Runs in the log, which end in the order in which they began.

    Their ids sort so: a row behind all others in an index of the store costs a third of one in their midst.
    """
    with ExitStack() as begun, ExitStack() as ended:
        logs = [_recorded(work, tracking, timer) for work in works]
        runs = [begun.enter_context(log) for log in logs]
        for log in reversed(logs):
            ended.push(log)
        begun.pop_all()
        yield runs


@contextmanager
def _recorded(work: Work, tracking: Tracker, timer: Stopwatch) -> Iterator[_Recording]:
    """A run in the log, which ends as what is done in here does; nothing that was recorded is lost."""
    with ExitStack() as stack:  # what is durable stays until the log has heard of the end
        # Of a run that goes on, the folder first: another process may have it in hand.
        left = stack.enter_context(working_folder(progress_of(work.run_id))) if work.run_id else None
        log = _opened(work, tracking)
        status: Status = "FAILED"
        summary: dict[str, float] = {}
        tags: dict[str, str] = {}
        try:
            left = left or stack.enter_context(working_folder(progress_of(log.run_id)))
            recording = _Recording(work, left, log, timer)
            try:
                with recording:
                    yield recording
            finally:
                summary, tags = {} if recording.goes_on else recording.summary(), recording.tags()
                if recording.whole:  # it is done, whatever becomes of those beside it
                    status = "FINISHED"
        except KeyboardInterrupt:
            status = status if recording.whole else "KILLED"
            raise
        finally:
            if timer.broken:  # by the environment: it may be another one when the run is begun again
                forget(log.run_id)
            log.close(status, summary, tags)


def _opened(work: Work, tracking: Tracker) -> RunLog:
    record = run_record(work.resolved, work.name, work.command)
    return tracking.reopen(work.run_id, record) if work.run_id else tracking.open(record)


class _Recording(AbstractContextManager["_Recording"]):
    """One run while it trains: who hears of its blocks, and what comes of it.

    whole: whether it was trained and judged to its end, and all of that is kept.
    """

    def __init__(self, work: Work, left: Progress, log: RunLog, timer: Stopwatch) -> None:
        self._work, self._log, self._timer = work, log, timer
        self.left = replace(left, config=config_hash(work.config), code=code())
        self._evaluator = Evaluator(work.resolved)
        self._summary: dict[str, float] = {}
        self._judged = self.whole = False
        self._keep_config()
        self._recorder = Recorder(work.config, log, self.left, about(work.resolved))
        for path in self.left.files(checkpoints.FILE_NAME):
            for end, table in checkpoints.Archive(path).tables(self._evaluator.evaluated):
                log.log(self._evaluator.evaluate(end, table))
        self._settled = time.monotonic()

    def hear(self, block: Block) -> Iterator[None]:
        """Record the next block, now and then so that it is durable; yields after each checkpoint judged."""
        self._recorder.add(block)
        for points in self._evaluator.receive(block):
            self._log.log(points)
            yield
        if block.state and self._log.run_id:
            self._perhaps_settle(block.end, block.state)

    def _perhaps_settle(self, done: int, state: Callable[[], State]) -> None:
        every, more = self._work.config.tracking.durable_seconds, done < self._work.config.episodes
        if not every or not more or time.monotonic() - self._settled < every:
            return
        if reached := state():
            self._recorder.make_durable(self._seconds, reached)
        self._settled = time.monotonic()

    def judge_checkpoints(self) -> None:
        """What the chosen checkpoint is worth, beside the optimum where that is known."""
        result = self._evaluator.result()
        result.write(self.left.folder / TEST_FILE)
        self._log.keep(self.left.folder / TEST_FILE, "evaluation")
        self._summary = result.metrics()
        best = optimum(self._work.config.env)
        if best is not None:
            gap = best - float(result.test.returns.mean())
            self._summary |= {"optimum/return": best, "optimum/gap": gap}
        self._judged = True

    def __exit__(self, *error: object) -> None:
        """Hand everything that was recorded to the log, as artifacts."""
        folder, keep = self.left.folder, self._log.keep
        self._recorder.close()
        keep(folder / episodes.FILE_NAME)
        if self._recorder.episodes:
            keep(folder / checkpoints.FILE_NAME, "checkpoints")
        if self._work.figures and self._recorder.points and self._log.run_id:
            self._draw(self._recorder.points)
        self.whole = self._judged

    def _draw(self, points: Points) -> None:
        from qsweep.pictures.learning_curve import learning_curve  # few runs draw

        config, path = self._work.config, self.left.folder / "learning_curve.png"
        learning_curve(points, config.window, f"{config.env.id}  {self._work.name}").save(path)
        self._log.keep(path, "figures")

    def _keep_config(self) -> None:
        path = self.left.folder / "config.yaml"
        write_text(path, yaml.dump(record(self._work.config), Dumper=DUMPER, sort_keys=False))
        self._log.keep(path)

    @property
    def goes_on(self) -> bool:
        """Whether it may be gone on with: what sums it up is said at its end, and no value of that twice."""
        return not self.whole and self._recorder.durable > 0

    @property
    def _seconds(self) -> float:
        return self.left.seconds + self._timer.seconds

    def summary(self) -> dict[str, float]:
        """The summary metrics."""
        return self._summary | {
            "train/steps": float(self._recorder.steps),
            "train/seconds": self._seconds,
        }

    def tags(self) -> dict[str, str]:
        """What is known of a run only at its end."""
        if self._recorder.q_table is None:
            return {}
        return {"qsweep.qtable_sha256": checkpoints.sha256(self._recorder.q_table)}

    def outcome(self) -> Outcome:
        """How the run ended."""
        metrics = self.summary() | self._recorder.last_values
        scores = list(self._evaluator.scores)
        return Outcome(self._work.name, self._log.run_id, self._recorder.episodes, metrics, scores)


def run_record(resolved: Resolved, name: str, command: str) -> RunRecord:
    """What is known of a run before it starts: the params and tags that it will carry."""
    config = resolved.config
    flat = {
        key: value
        for key, value in flatten(record(config)).items()
        if key not in UNTRACKED and not key.startswith("sweep.")
    }
    tags = {
        "qsweep.variant": variant_hash(config),
        "qsweep.config": config_hash(config),
        "qsweep.environment": environment_hash(config.env),
        "qsweep.standard": str(is_standard(config.env, resolved.description)).lower(),
        "qsweep.command": command,
        **provenance(),
    }
    if config.tracking.uri != "none":
        tags |= announce().tags
    if config.sweep.name:
        tags["qsweep.sweep"] = config.sweep.name
    params = {k: v if isinstance(v, str) else json.dumps(v, separators=(",", ":")) for k, v in flat.items()}
    return RunRecord(name, config.tracking.experiment or config.env.id, params, tags, config.tracking.parent)


def about(resolved: Resolved) -> dict[str, Any]:
    """What a checkpoint archive says of itself: the config, and the grid its tables lie on."""
    return {"config": record(resolved.config), "grid": dataclasses.asdict(resolved.grid)}
