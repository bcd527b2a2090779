"""Forecast of a multirun: the runs to execute, the amount of data, the duration."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence, Set
from pathlib import Path

import numpy as np
from joblib import cpu_count

from qsweep.config import Config, config_hash, environment_hash, variant_hash
from qsweep.environments.resolved import Resolved
from qsweep.errors import UsageError
from qsweep.learning.training import train, train_blocks
from qsweep.plan.composition import Job, Plan
from qsweep.report.loading.selection import CONFIRM
from qsweep.runs.parent_run import same_sweep
from qsweep.runs.resume import decide, earlier_runs, parent_of
from qsweep.runs.runner import stored_checkpoints
from qsweep.runs.sweep.confirmation import FINALISTS, confirming_jobs
from qsweep.system.atomic_files import temporary_folder
from qsweep.tracking import RunLog
from qsweep.tracking.curves import logged_strides
from qsweep.tracking.recorder import Recorder
from qsweep.tracking.result_code import code_of
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.unfinished import Progress

POINT_BYTES = 260
"""Bytes of a point in MLflow's SQLite tables, including indices; measured."""
SAMPLED = 6
"""Maximum number of variants of which some episodes are trained to measure speed and size."""
EPISODES, MOMENT_SECONDS = 20, 0.2
"""Episodes of the first measurement; ten times as many follow until one takes this long."""
GREEDY = 0.3
"""Cost of a greedy episode relative to a training episode."""
RUN_SECONDS = 0.06
"""Overhead per run; measured."""


def dry_run(plan: Plan) -> str:
    """Return a description of what a plan would run; nothing is recorded."""
    launched = _launched(plan)
    decisions = _decisions(plan.jobs, plan.name, launched)
    found = Counter(decision for _, decision in decisions)
    jobs = [job for job, decision in decisions if decision in ("run", "resume")]
    lines = [f"{plan.name}: {len(plan.jobs):,} runs", *_counted(found)]
    confirming = _confirming(plan) if jobs or not launched else _unconfirmed(plan, launched)
    if confirming:
        key = f"registry.confirm_seeds={plan.jobs[0].config.registry.confirm_seeds}"
        up_to = "up to " if jobs else ""
        lines.append(f"  {up_to}{len(confirming):,} more, of the best variants on fresh seeds ({key})")
    if jobs or confirming:
        lines += _estimated([job.resolved for job in jobs] + confirming)
    return "\n".join([*lines, "nothing was run (sweep.dry_run=true)"])


def _counted(found: Counter[str]) -> list[str]:
    words = {
        "run": "to run",
        "resume": "to resume",
        "keep": "already finished",
        "wait": "being run by another process",
    }
    return [f"  {found[does]:,} {phrase}" for does, phrase in words.items() if found[does] or does == "run"]


Launched = tuple[Store, str]
"""The store of an earlier launch, and its parent run."""


def _decisions(jobs: Sequence[Job], name: str, launched: Launched | None) -> list[tuple[Job, str]]:
    """Return what would be done with each job of a sweep, whose earlier launch is given."""
    if not jobs:
        return []
    first = jobs[0].config
    earlier = earlier_runs(*launched, name, first.tracking) if launched else {}
    known = ((job, earlier.get(config_hash(job.config), []) if earlier else []) for job in jobs)
    return [(job, decide(runs, first.sweep.rerun, code_of(job.resolved)).does) for job, runs in known]


def _launched(plan: Plan) -> Launched | None:
    first = plan.jobs[0].config
    if first.tracking.uri == "none" or not plan.varied:
        return None
    try:
        store = open_store(first.tracking.uri, create=False)
    except UsageError:
        if first.tracking.uri.startswith("http"):
            raise
        return None  # there is no store yet
    parent = parent_of(store, first.tracking.experiment or first.env.id, same_sweep(plan))
    return (store, parent.run_id) if parent else None


def _unconfirmed(plan: Plan, launched: Launched) -> list[Resolved]:
    """Return the runs on fresh seeds that a sweep whose planned runs have finished still lacks."""
    if plan.jobs[0].config.registry.promote == "never":
        return []
    store, parent = launched
    jobs = confirming_jobs(store, plan, parent)
    decisions = _decisions(jobs, f"{plan.name}{CONFIRM}", launched)
    return [job.resolved for job, does in decisions if does in ("run", "resume")]


def _confirming(plan: Plan) -> list[Resolved]:
    """Return as many resolved configs as confirmation would train at most."""
    first = plan.jobs[0].config
    if first.tracking.uri == "none" or first.registry.promote == "never":
        return []
    found: dict[str, dict[str, Resolved]] = {}
    for job in plan.jobs:
        found.setdefault(environment_hash(job.config.env), {})[variant_hash(job.config)] = job.resolved
    finalists = [list(variants.values())[:FINALISTS] for variants in found.values() if len(variants) > 1]
    return [one for each in finalists for one in each] * first.registry.confirm_seeds


def _estimated(runs: Sequence[Resolved]) -> list[str]:
    """Return estimates of points, bytes and time, from a few episodes of some variants."""
    configs = [run.config for run in runs]
    points = sum(map(_points, configs))
    variants = list({variant_hash(run.config): run for run in runs}.values())
    step = -(-len(variants) // SAMPLED)
    measured = [_measured(run) for run in variants[::step]]
    episodes = sum(config.episodes for config in configs)
    seconds, size = episodes * np.mean(measured, axis=0)
    seconds, size = seconds + RUN_SECONDS * len(configs), size + POINT_BYTES * points
    workers = min(cpu_count(), len(configs))
    most = "at most " if any(config.steps for config in configs) else ""  # `steps` may end a run before
    return [
        f"  {most}{episodes:,} episodes, {points:,} points, about {_bytes(size)}",
        f"  {most and 'then '}about {_duration(seconds / workers)} on {workers} cores; "
        f"{len(measured)} of {len(variants)} variants were timed",
    ]


def _points(config: Config) -> int:
    strides = logged_strides(config.episodes, config.tracking.max_points, config.window)
    evaluated = min(config.evaluation.checkpoints, -(-config.episodes // config.checkpoint_every))
    return sum(-(-config.episodes // stride) for stride in strides.values()) + evaluated


def _measured(run: Resolved) -> tuple[float, float]:
    """Return the seconds and bytes per episode, after compilation, over at least MOMENT_SECONDS."""
    for _ in train(run.changed(episodes=1)):
        pass
    config = run.config
    episodes = min(EPISODES, config.episodes)
    stored = stored_checkpoints(config)
    spent, size = _written(run.changed(episodes=episodes), stored)
    while spent < MOMENT_SECONDS and episodes < config.episodes:
        episodes = min(10 * episodes, config.episodes)
        spent, size = _written(run.changed(episodes=episodes), stored)
    greedy = config.evaluation.checkpoints * config.evaluation.episodes + 2 * run.test_episodes
    share = 1 + GREEDY * greedy / config.episodes
    return spent / episodes * share, size / episodes


def _written(run: Resolved, stored: Set[int] | None) -> tuple[float, int]:
    """Train a run into temporary files; return the seconds and bytes it took. stored: as for `Recorder`."""
    log, started = RunLog(), time.perf_counter()
    with temporary_folder() as temporary:
        recorder = Recorder(run.config, log, Progress(Path(temporary)), {}, None, stored)
        for _, block in train_blocks([run]):
            recorder.add(block)
        recorder.close()
        return time.perf_counter() - started, sum(path.stat().st_size for path in Path(temporary).iterdir())


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:,.3g} TB"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
