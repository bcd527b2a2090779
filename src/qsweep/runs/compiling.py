"""The first command on a machine: its loops are compiled by processes of their own, on all cores."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from qsweep.config import variant_hash
from qsweep.environments.resolved import Resolved
from qsweep.learning.compiler.notice import announce
from qsweep.learning.training import train_blocks
from qsweep.plan.composition import Job
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.system.atomic_files import user_cache

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess


@contextmanager
def compiling_ahead(jobs: Sequence[Job]) -> Iterator[None]:
    """Begin to compile what the first runs of a plan call, if nothing was compiled on this machine so far.

    The runs find what is compiled, or wait until it is. So the loop for evaluation is compiled while the
    first episodes train, and a sweep's loops while its workers start.
    """
    runs = [job.resolved for job in jobs]
    if runs[0].config.engine != "compiled" or not _is_first():
        yield
        return
    announce(f"{runs[0].config.algorithm} for {runs[0].config.env.id}")
    parts = (partial(_train, _groups(runs)), partial(_evaluate, runs[0]))
    processes = [_started(part) for part in parts]
    try:
        yield
    finally:
        for process in processes:
            process.kill()


def _is_first() -> bool:
    """Return whether nothing was compiled on this machine, and what is compiled can be kept."""
    if os.environ.get("NUMBA_CACHE_DIR"):
        return False
    with suppress(OSError):
        return not any((user_cache() / "kernels").glob("*/*"))
    return False


def _groups(runs: Sequence[Resolved]) -> list[Sequence[Resolved]]:
    """Return seeds of the first variant as they will train: interleaved, and alone if one is left."""
    from qsweep.runs.sweep.batches import lanes_for

    first = variant_hash(runs[0].config)
    seeds = [run for run in runs if variant_hash(run.config) == first]
    lanes = lanes_for(len(seeds), len(runs), os.cpu_count() or 1, None)
    return [seeds[:lanes], *([seeds[:1]] if len(seeds) % lanes == 1 else [])]


def _started(compile_loops: Callable[[], object]) -> BaseProcess:
    """Return a copy of this process that only compiles; errors are left to the runs themselves."""

    def work() -> None:
        with suppress(Exception, KeyboardInterrupt):
            compile_loops()

    import multiprocessing

    process = multiprocessing.get_context("fork").Process(target=work, daemon=True)
    with warnings.catch_warnings():  # of the threads of numpy, which the copy does not use
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    return process


def _train(groups: Sequence[Sequence[Resolved]]) -> None:
    for runs in groups:
        next(train_blocks(runs))


def _evaluate(run: Resolved) -> None:
    roll_out(run, np.zeros(run.shape), range(1))
