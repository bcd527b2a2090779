"""A second process for a report: what waits for no comparison is read and drawn there meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any, TypeVar

T = TypeVar("T")

NEEDED = ("qsweep.report.histories", "qsweep.report.q_table_figures", "qsweep.report.sliders")
"""What the second process imports first, while this one imports what else a report takes."""


class Beside(Executor):
    """Work for whoever is free first: the other process, or this one when it asks for a result.

    pool: that of the other process; None: there is none, and all is done here, when it is asked for.
    """

    def __init__(self, pool: Executor | None = None) -> None:
        self._pool = pool

    def submit(self, work: Callable[..., T], /, *given: Any, **named: Any) -> Future[T]:
        """The work as a future whose result is made here, if the other process has not begun with it."""
        there = None if self._pool is None else self._pool.submit(work, *given, **named)
        return _Shared(partial(work, *given, **named), there)


class _Shared(Future[T]):
    def __init__(self, work: Callable[[], T], there: Future[T] | None) -> None:
        super().__init__()
        self._work, self._there = work, there

    def result(self, timeout: float | None = None) -> T:
        """What the work gives, which is done once. timeout: of no meaning here."""
        if not self.done():
            here = self._there is None or self._there.cancel()
            self.set_result(self._work() if here or self._there is None else self._there.result())
        return super().result(timeout)


@contextmanager
def second_process() -> Iterator[Executor]:
    """What also does work in another process, while entered, in the order given; with one core, only here."""
    if len(os.sched_getaffinity(0)) < 2:
        yield Beside()
        return
    # Not forked: this process has threads, whose locks a fork would take along.
    pool = ProcessPoolExecutor(1, get_context("spawn"), _begin)
    try:
        for module in NEEDED:
            pool.submit(_import, module)
        yield Beside(pool)
    finally:
        pool.shutdown(cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process says what becomes of the work
    Thread(target=_end_with_the_first, daemon=True).start()


def _import(module: str) -> None:
    import_module(module)  # a module itself could not be sent back


def _end_with_the_first() -> None:
    """A first process that is killed cannot say that there is no more work."""
    first = parent_process()
    assert first is not None
    first.join()
    os._exit(1)
