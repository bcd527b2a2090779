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


class Here(Executor):
    """No second process: work is done in this one, when its result is asked for."""

    def submit(self, work: Callable[..., T], /, *given: Any, **named: Any) -> Future[T]:
        """The work as a future that does it."""
        return _Later(partial(work, *given, **named))


class _Later(Future[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        super().__init__()
        self._work = work

    def result(self, timeout: float | None = None) -> T:
        """What the work gives, which is done once. timeout: of no meaning here."""
        if not self.done():
            self.set_result(self._work())
        return super().result(timeout)


@contextmanager
def second_process() -> Iterator[Executor]:
    """Does work in another process, in the order given, while entered; in this one, if there is one core."""
    if len(os.sched_getaffinity(0)) < 2:
        yield Here()
        return
    # Not forked: this process has threads, whose locks a fork would take along.
    pool = ProcessPoolExecutor(1, get_context("spawn"), _begin)
    try:
        for module in NEEDED:
            pool.submit(_import, module)
        yield pool
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
