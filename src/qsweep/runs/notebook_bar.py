"""A progress bar in a notebook, as one output that is updated in place."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Self

REFRESH_SECONDS = 0.2
WIDTH = 160
"""The width of a full bar in pixels."""


def in_notebook() -> bool:
    """Return whether the process is the kernel of a notebook; IPython is not imported for that."""
    find = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)
    return hasattr(find(), "kernel")


@dataclass
class _Task:
    """A task of the bar. total: None if unknown."""

    description: str
    total: float | None
    completed: float = 0.0
    fields: dict[str, Any] = field(default_factory=dict)


class NotebookBar:
    """The methods of rich's progress bar that qsweep uses, for a notebook.

    columns: texts with `{task.completed}` and `{task.fields[NAME]}` in them. display: shows HTML and returns
    a function that replaces it.
    """

    disable = False

    def __init__(self, columns: Sequence[str], display: Callable[[str], Callable[[str], None]]) -> None:
        self._columns, self._display = columns, display
        self._tasks: list[_Task] = []
        self._replace: Callable[[str], None] | None = None
        self._shown = 0.0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()

    def start(self) -> None:
        """Show the bar."""
        self._replace = self._display(self._html())

    def stop(self) -> None:
        """Remove the bar."""
        if self._replace:
            self._replace("")
        self._replace = None

    def add_task(self, description: str, total: float | None = None, **fields: Any) -> Any:
        """Add a line to the bar; return its number."""
        self._tasks.append(_Task(description, total, fields=fields))
        return len(self._tasks) - 1

    def update(self, number: int, completed: float | None = None, **fields: Any) -> None:
        """Set what is completed of a task, and its fields; shown at most five times a second."""
        task = self._tasks[number]
        task.completed = task.completed if completed is None else completed
        task.fields |= fields
        if self._replace and time.monotonic() - self._shown > REFRESH_SECONDS:
            self._shown = time.monotonic()
            self._replace(self._html())

    def advance(self, number: int, by: float = 1.0) -> None:
        """Add to what is completed of a task."""
        self.update(number, self._tasks[number].completed + by)

    def _html(self) -> str:
        return "".join(f"<div>{self._line(task)}</div>" for task in self._tasks)

    def _line(self, task: _Task) -> str:
        words = [task.description, *(column.format(task=task) for column in self._columns)]
        text = escape("  ".join(words) if task.total else task.description)
        if not task.total:
            return f"{text} ..."
        bar = f'<progress max="{task.total}" value="{task.completed}" style="width: {WIDTH}px"></progress>'
        return f'{bar} <span style="white-space: pre">{text}</span>'


def notebook_bar(columns: Sequence[str]) -> NotebookBar:
    """Return a bar in the output of the notebook's current cell."""
    from IPython.display import HTML, display

    def show(html: str) -> Callable[[str], None]:
        handle = display(HTML(html), display_id=True)
        return lambda new: handle.update(HTML(new))

    return NotebookBar(columns, show)
