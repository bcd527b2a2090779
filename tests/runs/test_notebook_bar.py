from __future__ import annotations

import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from qsweep.runs import notebook_bar, progress
from qsweep.runs.notebook_bar import NotebookBar


class Output:
    """The output of a cell: what it showed, one after the other."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def __call__(self, html: str) -> Callable[[str], None]:
        """Show HTML; return what replaces it."""
        self.shown.append(html)
        return self.shown.append


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every update is shown."""
    monkeypatch.setattr(notebook_bar, "REFRESH_SECONDS", -1.0)


def test_a_bar_is_updated_in_place() -> None:
    """Its texts follow the task, and at the end it is gone."""
    output = Output()
    bar = NotebookBar(["{task.completed:,.0f} done", "{task.fields[speed]:.1f}/s"], output)
    task = bar.add_task("a < b", total=4000, speed=0.0)
    with bar:
        bar.update(task, completed=1000, speed=2.5)
        bar.advance(task, 500)
    assert len(output.shown) == 4
    assert '<progress max="4000" value="1000"' in output.shown[1]
    assert "a &lt; b  1,000 done  2.5/s" in output.shown[1]
    assert "1,500 done" in output.shown[2]
    assert output.shown[-1] == ""


def test_work_of_unknown_length_has_no_bar() -> None:
    """Only its name is shown."""
    output = Output()
    bar = NotebookBar([], output)
    with bar:
        bar.add_task("comparing the runs", total=None)
        bar.update(0)
    assert "<div>comparing the runs ...</div>" in output.shown
    assert "<progress" not in "".join(output.shown)


def test_updates_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of updates are not thousands of messages to the browser."""
    monkeypatch.setattr(notebook_bar, "REFRESH_SECONDS", 60.0)
    output = Output()
    bar = NotebookBar([], output)
    task = bar.add_task("training", total=9)
    with bar:
        for n in range(1000):
            bar.update(task, completed=n)
    assert len(output.shown) <= 3


def test_a_bar_is_chosen_by_where_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel of IPython it is the notebook's; in IPython's terminal, or without IPython, it is not."""
    assert not notebook_bar.in_notebook()
    for shell, expected in ((SimpleNamespace(), False), (None, False), (SimpleNamespace(kernel=1), True)):
        module = SimpleNamespace(get_ipython=lambda shell=shell: shell)
        monkeypatch.setitem(sys.modules, "IPython", module)  # type: ignore[arg-type]
        assert notebook_bar.in_notebook() is expected
    monkeypatch.setattr(progress, "notebook_bar", lambda columns: NotebookBar(columns, Output()))
    assert isinstance(progress.bar("x"), NotebookBar)
