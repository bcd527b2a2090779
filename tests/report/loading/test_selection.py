from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from qsweep.errors import UsageError
from qsweep.report.loading.selection import Selection, moment, restricted, selected
from qsweep.tracking.store import Store, open_store
from tests.support.recorded import SCORE, frame, record, sweep

NOW = pd.Timestamp("2025-06-15 12:00", tz="UTC")
RUNS = pd.concat(
    [
        frame({"buckets=10": [-150.0, -140.0]}, started=pd.Timestamp("2025-01-01", tz="UTC")),
        frame({"buckets=20": [-130.0]}, started=pd.Timestamp("2025-03-01", tz="UTC"), learning_rate=0.5),
        frame({"buckets=40": [-120.0]}, started=pd.Timestamp("2025-06-01", tz="UTC"), status="FAILED"),
    ],
    ignore_index=True,
).assign(**{"env.kwargs.is_slippery": [True, False, True, None], "env.low": "[-1.2,-0.07]"})


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def kept(*where: str, **more: Any) -> list[str]:
    return restricted(RUNS, Selection("s", where=where, **more))["name"].tolist()


def refusal(**more: Any) -> str:
    with pytest.raises(UsageError) as refused:
        restricted(RUNS, Selection("s", **more))
    return str(refused.value)


TEN, TWENTY, FORTY = ["buckets=10,seed=0", "buckets=10,seed=1"], ["buckets=20,seed=0"], ["buckets=40,seed=0"]


@pytest.mark.parametrize(
    ("condition", "names"),
    [
        ("buckets >= 20", [*TWENTY, *FORTY]),
        ("buckets>=20", [*TWENTY, *FORTY]),
        ("buckets < 20", TEN),
        ("buckets = 20", TWENTY),
        ("buckets == 20.0", TWENTY),
        ("buckets != 20", [*TEN, *FORTY]),
        ("learning_rate > 0.1", TWENTY),
        ("status == FAILED", FORTY),
        ("status == 'failed'", FORTY),
        ("status != failed", [*TEN, *TWENTY]),
        ("buckets >= 10 and seed == 1", TEN[1:]),
        ("env.kwargs.is_slippery == true", [TEN[0], *TWENTY]),
        ("env.kwargs.is_slippery != true", TEN[1:]),
        ("env.low == [-1.2, -0.07]", [*TEN, *TWENTY, *FORTY]),
        (f"{SCORE} > -135", [*TWENTY, *FORTY]),
    ],
)
def test_where(condition: str, names: list[str]) -> None:
    """Runs that meet the condition are kept; runs without the value are not."""
    assert kept(condition) == names


def test_all_conditions_hold() -> None:
    """All conditions must hold; without any, every run is kept."""
    assert kept("buckets > 5", "seed == 1") == TEN[1:]
    assert kept() == [*TEN, *TWENTY, *FORTY]


def test_a_selection_of_nothing_is_refused() -> None:
    """If no run meets the conditions, an error says so, and no report is replaced."""
    for options in ({"where": ["buckets > 100"]}, {"since": "2999-01-01"}):
        assert "no run meets these conditions" in refusal(**options), options


def test_a_condition_is_no_code() -> None:
    """A condition that is no comparison is refused and never executed."""
    for text in ("__import__('os').system('true')", "buckets", "buckets ~ 3", "== 3", "buckets >="):
        assert "--where: must be KEY OPERATOR VALUE" in refusal(where=[text]), text


def test_what_is_wrong_with_a_condition() -> None:
    """Unknown keys (with the nearest) and ordered text comparisons are refused together."""
    found = refusal(where=["bukets > 3", "status > FAILED"])
    assert "--where: must be a key of the runs; given 'bukets' (did you mean buckets?)" in found
    assert "must compare text with == or !=; given 'status > FAILED'" in found


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        ("2025-02-03", "2025-02-03 00:00"),
        ("2025-02-03 04:05", "2025-02-03 04:05"),
        ("2025-02-03T04:05:06", "2025-02-03 04:05:06"),
        ("90m", "2025-06-15 10:30"),
        ("12h", "2025-06-15 00:00"),
        ("7d", "2025-06-08 12:00"),
        ("2w", "2025-06-01 12:00"),
    ],
)
def test_since_when(since: str, expected: str) -> None:
    """A date, a date with a time, and an age are accepted."""
    assert moment(since, NOW) == pd.Timestamp(expected, tz="UTC")


@pytest.mark.parametrize("since", ["", "yesterday", "7", "7y", "-3d", "2025-02-30", "2025-13-01", "7 d"])
def test_no_time(since: str) -> None:
    """Anything else is refused."""
    assert "--since: must be a date" in refusal(since=since)


def test_runs_since() -> None:
    """Runs started before are left out."""
    assert kept(since="2025-03-01") == [*TWENTY, *FORTY]
    assert kept(since="2025-03-01 00:01") == FORTY


def test_metrics() -> None:
    """Unknown metrics and metrics to minimise are refused, with the nearest valid one."""
    assert "(did you mean train/return_avg?)" in refusal(metric="train/return_av")
    assert "--metric: must be a metric of the runs; given 'buckets'" in refusal(metric="buckets")
    assert "must be a metric for which higher is better; given 'train/seconds'" in refusal(
        metric="train/seconds"
    )
    assert len(kept(metric="train/return_avg")) == 4


def test_runs_without_the_usual_metric_are_not_refused() -> None:
    """If no run was evaluated, e.g. all failed, the report says so without an error."""
    runs = RUNS.drop(columns=SCORE)
    assert len(restricted(runs, Selection("s"))) == 4


def test_a_sweep_comes_with_its_confirmation(store: Store) -> None:
    """A sweep includes its runs on fresh seeds; an experiment all its runs."""
    first = sweep(store, "s", {10: [-150.0, -140.0]})
    again = sweep(store, "s-confirm", {10: [-145.0]}, first=2)
    other = sweep(store, "t", {10: [-1.0]}, first=9)
    assert set(selected(store, Selection("s"))["run_id"]) == {*first, *again}
    assert set(selected(store, Selection("s-confirm"))["run_id"]) == {*again}
    assert set(selected(store, Selection("t"))["run_id"]) == {*other}
    assert len(selected(store, Selection("MountainCar-v0"))) == 4


def test_a_sweep_over_two_experiments(store: Store) -> None:
    """A sweep's confirmation is found in any experiment."""
    for experiment in ("one", "two"):
        values = {"sweep": {"name": "s-confirm"}, "seed": 5, "tracking": {"experiment": experiment}}
        record(store, values, -150.0)
    sweep(store, "s", {10: [-150.0]})
    assert len(selected(store, Selection("s"))) == 3


def test_an_unknown_name(store: Store) -> None:
    """An unknown name is refused, with the nearest one."""
    sweep(store, "buckets", {10: [-150.0]})
    with pytest.raises(UsageError, match=r"given 'bucket' \(did you mean buckets\?\)"):
        selected(store, Selection("bucket"))
