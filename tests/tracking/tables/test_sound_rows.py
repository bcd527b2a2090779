from __future__ import annotations

import math
from typing import Any

import pytest

from qsweep.system import notices
from qsweep.tracking.tables.sound_rows import sound_runs

ROW = ("r", "walk", "e", "1", "FINISHED", 1000, "/x", 2000, "active")
COLUMNS = ("run_id", "name", "experiment", "number", "status", "started", "artifacts", "ended", "stage")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been said yet."""
    monkeypatch.setattr(notices, "_given", set())


def row(**changed: Any) -> tuple[Any, ...]:
    return tuple(changed.get(column, value) for column, value in zip(COLUMNS, ROW, strict=True))


def nothing(_: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    return {}, {}, {}


@pytest.mark.parametrize(
    "changed",
    [
        *({"status": value} for value in (None, "DONE", 3, b"FINISHED", "")),
        *({"started": value} for value in (None, 2**63 - 1, -1, 1.5, "1000", math.inf)),
        *({"run_id": value} for value in (None, 5, b"r")),
        *({"experiment": value} for value in (None, b"e")),
    ],
)
def test_a_row_that_is_no_run(changed: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    """It is left out and named once; the others are there."""
    for _ in range(2):
        found = sound_runs([row(), row(**changed)], nothing)
        assert [run.name for run in found] == ["walk"]
    assert capsys.readouterr().err.count("qsweep: left out: run ") == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"name": None},
        {"name": 5},
        {"artifacts": None},
        {"artifacts": b"x"},
        {"ended": "x"},
        {"ended": 2**63 - 1},
    ],
)
def test_a_row_that_lacks_what_a_run_can_do_without(changed: dict[str, Any]) -> None:
    """The run is there."""
    [run] = sound_runs([row(**changed)], nothing)
    assert isinstance(run.name, str)
    assert isinstance(run.artifacts, str)
    assert run.ended in (None, 2000)


def test_values_that_are_none(capsys: pytest.CaptureFixture[str]) -> None:
    """A value of another type is left out and named; NULL is a metric's NaN."""

    def values(_: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        params = {"a": "1", "b": None, "c": 5, 7: "x"}
        return params, {"t": "1", "u": b"x"}, {"m": 1, "n": None, "o": "text", "p": math.inf}

    [run] = sound_runs([row()], values)
    assert (run.params, run.tags) == ({"a": "1"}, {"t": "1"})
    assert list(run.metrics) == ["m", "n", "p"]
    assert math.isnan(run.metrics["n"])
    said = capsys.readouterr().err
    assert [name in said for name in ("param b", "param c", "param 7", "tag u", "metric o")] == [True] * 5


def test_many_rows_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    """Of many odd rows the first are named, and the others counted."""
    assert sound_runs([row(run_id=f"{n}", status=None) for n in range(1000)], nothing) == []
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == notices.MOST + 1
    assert lines[-1] == "qsweep: left out: 990 more"
