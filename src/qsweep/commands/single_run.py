"""A single run of `qsweep train`: trained, resumed, or kept if an equal one is finished."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress

import click

from qsweep.config import Config, with_slashes
from qsweep.errors import Problem, UsageError, printable
from qsweep.plan.composition import Job
from qsweep.report.formats import share_of_optimum
from qsweep.runs.equal_runs import decide_on
from qsweep.runs.next_steps import after_run
from qsweep.runs.progress import RunProgress
from qsweep.runs.resume import Decision, is_running
from qsweep.runs.runner import Outcome, Work, run
from qsweep.runs.store_note import open_with_note
from qsweep.runs.sweep.executor import command
from qsweep.system.interrupts import StopRequests
from qsweep.tracking import run_search, tracker, unfinished
from qsweep.tracking.checkpoints import name_of
from qsweep.tracking.run_search import discard
from qsweep.tracking.store import Store
from qsweep.tracking.stored_run import EXACT, SAMPLED, SCORE, StoredRun
from qsweep.tracking.unfinished import all_progress, progress_of

NEW = Decision("run")


def single_run(job: Job, quiet: bool = False) -> int:
    """Execute a single run and print its results; return the exit code. quiet: without the next steps."""
    store = open_with_note(job.config.tracking.uri)
    decision = decided(store, job) if store else NEW
    if store and decision.does == "keep":
        _keep(store, job, decision, quiet)
        return 0
    outcome = trained(job, store, decision)
    config = job.config
    click.echo(f"{config.env.id}  {with_slashes(outcome.name, config.env.id)}\n{_summary(config, outcome)}")
    for note in outcome.notes:
        click.echo(f"qsweep: warning: {note}", err=True)
    tracked = "see it with: qsweep ui" if config.tracking.uri == "local" else config.tracking.uri
    if store and outcome.run_id:
        click.echo(f"run       {outcome.run_id}  {tracked}")
        if config.registry.promote == "auto":
            click.echo(f"model     {_register(store, outcome.run_id)}")
        _show_next(store, run_search.run_of(store, outcome.run_id), config, quiet)
    return 0


def decided(store: Store, job: Job) -> Decision:
    """Decide what to do about equal runs. Raises UsageError if another process executes one."""
    decision = decide_on(store, job)
    if decision.does == "wait":
        rule = f"run {decision.run_id} of this config is being executed by another process"
        remedy = "wait until it ends, or record this one under another name: tracking.name=NAME"
        raise UsageError([Problem("qsweep train", rule, None, remedy)])
    return decision


def keep(store: Store, job: Job, decision: Decision) -> StoredRun:
    """Return the equal run that is kept. If it has finished, its registration and what it replaces are too.

    A complete registration is not repeated: the user may have moved the alias since.
    """
    kept, config = run_search.run_of(store, decision.run_id), job.config
    if kept.status == "FINISHED":  # with sweep.rerun=never a failed run is kept too, which replaces none
        _discard(store, decision.replaced)
        if config.registry.promote == "auto":
            from qsweep.policies.registry.promotion import is_registered

            if not is_registered(store, kept, config.env.id):
                _register(store, kept.run_id)
    return kept


def _keep(store: Store, job: Job, decision: Decision, quiet: bool) -> None:
    """Say that an equal run is kept."""
    kept, env_id = keep(store, job, decision), job.config.env.id
    name = with_slashes(printable(kept.name), env_id)
    score = "" if math.isnan(kept.score) else f", score {kept.score:.4g}"
    finished = kept.status == "FINISHED"
    said = f"already trained: {name}{score}" if finished else f"kept as {kept.status}: {name}"
    click.echo(f"{env_id}  {said} ({kept.run_id}); --again trains it anew")
    if finished:
        _show_next(store, kept, job.config, quiet)


def _discard(store: Store, run_ids: Iterable[str]) -> None:
    """Delete runs that another one replaces, with what they saved; not those that were resumed meanwhile."""
    for run_id in run_ids:
        with suppress(OSError):  # another process removed it
            if not is_running(run_search.run_of(store, run_id)):
                discard(store, run_id)
                unfinished.forget(run_id)


def _show_next(store: Store, kept: StoredRun, config: Config, quiet: bool) -> None:
    for line in () if quiet else after_run(store, kept, config.env.id):
        click.echo(line)


def trained(job: Job, store: Store | None, decision: Decision) -> Outcome:
    """Train or resume a run, then discard those that it replaces. An interrupt tells what is kept."""
    config = job.config
    run_id = decision.run_id if decision.does == "resume" else ""
    if run_id:
        say = "to start over: tracking.resume=never"
        click.echo(f"resuming run {run_id} after episode {progress_of(run_id).episodes:,} ({say})", err=True)
    before = {left.run_id: left.episodes for left in all_progress()} if store else {}
    work = Work(job.resolved, job.name, command(job.overrides), run_id=run_id)
    with RunProgress(config.episodes, config.window) as progress:
        try:
            [outcome] = run([work], progress.update, tracker(store))
        except KeyboardInterrupt as interrupt:
            with suppress(OSError):
                interrupt.add_note(_kept(work, store, before))
            raise
    if store:
        _discard(store, decision.replaced)
    return outcome


def _kept(work: Work, store: Store | None, before: Mapping[str, int]) -> str:
    """Return what is left of an interrupted run. before: episodes by run of what could be resumed before."""
    if store is None:
        return "nothing was recorded (tracking=none)"
    for left in all_progress():
        if left.run_id == work.run_id or left.run_id not in before:
            return f"run {left.run_id} is kept; to resume it after episode {left.episodes:,}: {work.command}"
    seconds = work.config.tracking.durable_seconds
    every = f"points to resume from are saved every {seconds:g} s (tracking.durable_seconds)"
    return f"its record is kept; {every}; to train it again: {work.command}"


def _register(store: Store, run_id: str) -> str:
    from qsweep.policies.registry.promotion import register

    with StopRequests() as stop:  # a signal waits until the registration is complete
        registered = str(register(store, run_id))
        stop.check()
    return registered


def _summary(config: Config, outcome: Outcome) -> str:
    of = outcome.metrics
    number = "{:.4g}".format
    last = f"; last {min(config.window, outcome.episodes):,} episodes: " + ", ".join(
        f"{word} {number(of[f'train/return_{name}'])}"
        for word, name in (("average", "avg"), ("minimum", "min"), ("maximum", "max"))
        if f"train/return_{name}" in of  # `steps` may end a training before the first point of a curve
    )
    return (
        f"trained   {outcome.episodes:,} episodes, {of['train/steps']:,.0f} steps in "
        f"{of['train/seconds']:.2f} s{last if 'train/return_avg' in of else ''}\n"
        f"best      checkpoint {name_of(int(of['best_episode']))}: mean return "
        f"{number(of[SAMPLED])} (95% {number(of['test/return_ci_low'])} to "
        f"{number(of['test/return_ci_high'])}) over {config.evaluation.test_episodes:,} test starts, "
        f"worst {number(of['test/return_worst'])}\n"
        f"last      checkpoint {name_of(outcome.episodes)}: mean return {number(of['final/return_mean'])}\n"
        + "".join(_exact(of))
    ).rstrip()


def _exact(of: Mapping[str, float]) -> Iterator[str]:
    """Yield lines on the exact returns, and on the optimum, as far as they are known."""
    if EXACT in of:
        yield f"exact     expected return: best {of[EXACT]:.4g}, last {of['final/return_exact']:.4g}\n"
    if "optimum/return" in of:
        best, by_chance = of["optimum/return"], of.get("random/return", math.nan)
        share = share_of_optimum(of[SCORE], best, by_chance)
        ends = "" if math.isnan(by_chance) else f", random actions earn {by_chance:.4g}"
        yield f"optimum   {best:.4g}{ends}: the best checkpoint is at {share}\n"
