"""The wiring of a run: config -> engine -> files -> tracker."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from qsweep import checkpoints, episodes
from qsweep.config import Config, config_hash, environment_hash, flatten, record, variant_hash
from qsweep.durable import write_text
from qsweep.environments import is_standard
from qsweep.evaluation import TEST_FILE, Judge
from qsweep.grids import grid_of
from qsweep.interrupts import StopRequests
from qsweep.optimum import optimum
from qsweep.progress import Progressing
from qsweep.recording import Recorder
from qsweep.tracking import RunLog, RunRecord, Status, tracker
from qsweep.tracking.provenance import provenance
from qsweep.training import Chunk, train

UNTRACKED = ("tracking.name", "tracking.parent", "sweep.name", "sweep.report")
"""Keys that say where a run belongs rather than what it is; they become tags, not params."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    metrics: the summary metrics of the run, and the last value of its curves, by name.
    """

    name: str
    run_id: str
    episodes: int
    metrics: Mapping[str, float]


def run(config: Config, name: str, command: str, progress: Progressing) -> Outcome:
    """Train a resolved config and record it where `config.tracking` says.

    name: the run's. command: what a user types to run it again. On an error the run ends FAILED,
    on SIGINT or SIGTERM KILLED, with all that was recorded so far; the error is raised again.
    """
    chunks = _Timed(train(config))
    with StopRequests() as stop, TemporaryDirectory(prefix="qsweep-") as temporary:
        folder = Path(temporary)
        known = config.tracking.parent is not None  # a server that has taken the parent is waited for
        log = tracker(config.tracking.uri, patient=known).open(run_record(config, name, command))
        summary: dict[str, float] = {}
        tags: dict[str, str] = {}
        status: Status = "FAILED"
        try:
            _keep_config(config, folder, log)
            judge, recorder = Judge(config), Recorder(config, log, folder, about(config))
            try:
                with recorder:
                    for chunk in chunks:
                        recorder.add(chunk)
                        for points in judge.hear(chunk):
                            log.log(points)
                        progress.update(chunk)
                        stop.check()
                summary |= _judged(config, judge, folder, log)
                stop.check()
            finally:
                summary |= {"train/steps": float(recorder.steps), "train/seconds": chunks.seconds}
                tags |= _table_tag(recorder)
                _keep(config, name, recorder, folder, log)
            status = "FINISHED"
        except KeyboardInterrupt:
            status = "KILLED"
            raise
        finally:
            log.close(status, summary, tags)
    return Outcome(name, log.run_id, recorder.episodes, summary | recorder.last_values)


class _Timed:
    """An iterator that adds up the time spent in it, without what is done with its items."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self._chunks = chunks
        self.seconds = 0.0

    def __iter__(self) -> Iterator[Chunk]:
        return self

    def __next__(self) -> Chunk:
        started = time.perf_counter()
        try:
            return next(self._chunks)
        finally:
            self.seconds += time.perf_counter() - started


def run_record(config: Config, name: str, command: str) -> RunRecord:
    """What is known of a run before it starts: the params and tags that it will carry."""
    flat = {k: v for k, v in flatten(record(config)).items() if k not in UNTRACKED}
    tags = {
        "qsweep.variant": variant_hash(config),
        "qsweep.config": config_hash(config),
        "qsweep.environment": environment_hash(config.env),
        "qsweep.standard": str(is_standard(config.env)).lower(),
        "qsweep.command": command,
        **provenance(),
    }
    if config.sweep.name:
        tags["qsweep.sweep"] = config.sweep.name
    params = {k: v if isinstance(v, str) else json.dumps(v, separators=(",", ":")) for k, v in flat.items()}
    return RunRecord(name, config.tracking.experiment or config.env.id, params, tags, config.tracking.parent)


def about(config: Config) -> dict[str, Any]:
    """What a checkpoint archive says of itself: the config, and the grid its tables lie on."""
    return {"config": record(config), "grid": dataclasses.asdict(grid_of(config))}


def _judged(config: Config, judge: Judge, folder: Path, log: RunLog) -> dict[str, float]:
    """What the chosen checkpoint is worth, beside the optimum where that is known."""
    verdict = judge.verdict()
    verdict.write(folder / TEST_FILE)
    log.keep(folder / TEST_FILE, "evaluation")
    best = optimum(config.env)
    if best is None:
        return verdict.metrics()
    gap = best.expected_return - float(verdict.test.returns.mean())
    return {**verdict.metrics(), "optimum/return": best.expected_return, "optimum/gap": gap}


def _keep_config(config: Config, folder: Path, log: RunLog) -> None:
    path = folder / "config.yaml"
    write_text(path, yaml.safe_dump(record(config), sort_keys=False))
    log.keep(path)


def _keep(config: Config, name: str, recorder: Recorder, folder: Path, log: RunLog) -> None:
    """Hand everything that was recorded to the log, as artifacts."""
    log.keep(folder / episodes.FILE_NAME)
    if recorder.episodes:
        log.keep(folder / checkpoints.FILE_NAME, "checkpoints")
    if recorder.points and config.tracking.uri != "none":
        from qsweep.report.figures import learning_curve  # matplotlib is slow to import

        figure = learning_curve(recorder.points, config.window, f"{config.env.id}  {name}")
        figure.savefig(folder / "learning_curve.png")
        log.keep(folder / "learning_curve.png", "figures")


def _table_tag(recorder: Recorder) -> dict[str, str]:
    if recorder.q_table is None:
        return {}
    return {"qsweep.qtable_sha256": checkpoints.sha256(recorder.q_table)}
