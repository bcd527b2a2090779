"""Progress bars for runs and sweeps."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress

from qsweep.learning.blocks import Block
from qsweep.runs.notebook_bar import NotebookBar, in_notebook, notebook_bar

REFRESH_SECONDS = 0.1


class Hidden:
    """A stand-in for a progress bar outside a terminal, which avoids importing rich."""

    disable = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __getattr__(self, _: str) -> Callable[..., Any]:
        """Return a no-op for a bar's other methods: start, stop, add_task, update, advance."""
        return lambda *_, **__: 0


def bar(*columns: str) -> Progress | Hidden | NotebookBar:
    """Return a progress bar with further columns: on stderr in a terminal, in a notebook, else hidden."""
    if os.environ.get("QSWEEP_QUIET"):
        return Hidden()
    if in_notebook():
        return notebook_bar(columns)
    if not (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):
        return Hidden()
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        TaskProgressColumn(),
        *[TextColumn(column) for column in columns],
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )


class RunProgress:
    """A bar for one run: episodes per second, epsilon, the trailing average."""

    def __init__(self, episodes: int, window: int) -> None:
        self._bar = bar(
            "{task.fields[speed]:,.0f} episodes/s",
            "epsilon {task.fields[epsilon]:.3f}",
            "average {task.fields[average]:.4g}",
        )
        self._task = self._bar.add_task("training", total=episodes, speed=0.0, epsilon=0.0, average=0.0)
        self._window = window
        self._recent: list[float] = []
        self._started = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def update(self, block: Block) -> None:
        """Receive the next block; the display is refreshed at most ten times a second."""
        if self._bar.disable:
            return
        self._recent = [*self._recent, *block.returns.tolist()][-self._window :]
        now = time.monotonic()
        if now - self._shown < REFRESH_SECONDS:
            return
        self._shown = now
        self._bar.update(
            self._task,
            completed=block.end,
            speed=block.end / (now - self._started),
            epsilon=float(block.epsilon[-1]),
            average=sum(self._recent) / len(self._recent),
        )
