from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.exceptions import MlflowException

from qsweep.tracking.bulk_store import LARGEST, BulkStore
from qsweep.tracking.store import BULK_SCHEMES, bulk_store
from tests.stores import Rows, Side, Sides, without

NAN, INF = math.nan, math.inf

Batch = list[Metric]


def both(sides: Sides, batches: Iterable[Batch]) -> dict[str, Rows]:
    """Log the batches to a new run on either side, check that they left the same, return what."""
    runs = sides.stock.run(), sides.ours.run()
    for batch in batches:
        for side, run_id in zip((sides.stock, sides.ours), runs, strict=True):
            side.client.log_batch(run_id, metrics=batch)
    stock, ours = sides.stock.left(runs[0]), sides.ours.left(runs[1])
    assert ours == stock
    return ours


def series(key: str, values: Sequence[float], timestamp: int = 7) -> Batch:
    return [Metric(key, value, timestamp, step) for step, value in enumerate(values)]


def test_a_curve(sides: Sides) -> None:
    """Values of increasing steps are all there, and the last is the latest."""
    found = both(sides, [series("train/return_avg", [-200.0, -190.5, -180.25])])
    assert [row[1] for row in found["metrics"]] == [-200.0, -190.5, -180.25]
    assert found["latest_metrics"] == [("train/return_avg", -180.25, 7, 2, 0)]


def test_nan_and_infinity(sides: Sides) -> None:
    """NaN is stored as 0 and marked, infinity as the largest float, as MLflow stores them."""
    found = both(sides, [series("a", [NAN, INF, -INF, 0.0])])
    assert [row[1:] for row in found["metrics"]] == [
        (-LARGEST, 7, 2, 0),
        (0.0, 7, 0, 1),
        (0.0, 7, 3, 0),
        (LARGEST, 7, 1, 0),
    ]


def test_nan_beside_zero(sides: Sides) -> None:
    """NaN and 0 at one step are two values, of which the first is the latest."""
    for values in ([NAN, 0.0], [0.0, NAN], [NAN, -1.0], [-1.0, NAN], [-0.0, 0.0], [0.0, -0.0]):
        found = both(sides, [[Metric("a", value, 7, 3) for value in values]])
        assert len(found["latest_metrics"]) == 1
        both(sides, [[Metric("a", value, 7, 3)] for value in values])


def test_repeats_in_one_batch(sides: Sides) -> None:
    """A value logged twice at one step and time is there once, NaN too."""
    found = both(sides, [[Metric("a", value, 7, 3) for value in (1.0, 1.0, float("nan"), float("nan"))]])
    assert [row[1] for row in found["metrics"]] == [0.0, 1.0]


def test_repeats_over_batches(sides: Sides) -> None:
    """A batch that comes again adds only what is new in it."""
    first = series("a", [1.0, NAN, INF])
    found = both(sides, [first, [*first, Metric("a", 2.0, 7, 9)], first])
    assert len(found["metrics"]) == 4
    assert found["latest_metrics"] == [("a", 2.0, 7, 9, 0)]


def test_steps_out_of_order(sides: Sides) -> None:
    """The latest is the value of the highest step, in whichever order and batch it came."""
    batches = [[Metric("a", 1.0, 7, step) for step in steps] for steps in ([5, 2, 9], [3], [-4, 8])]
    assert both(sides, batches)["latest_metrics"] == [("a", 1.0, 7, 9, 0)]


@pytest.mark.parametrize("at_once", [True, False])
def test_equal_steps(sides: Sides, at_once: bool) -> None:
    """At one step the latest is that of the highest timestamp, and of the highest value at one time."""
    metrics = [
        Metric("a", 9.0, 10, 4),
        Metric("a", 1.0, 12, 4),
        Metric("a", 3.0, 12, 4),
        Metric("a", 2.0, 12, 4),
        Metric("a", 8.0, 11, 4),
    ]
    batches = [metrics] if at_once else [[metric] for metric in metrics]
    assert both(sides, batches)["latest_metrics"] == [("a", 3.0, 12, 4, 0)]


def test_several_keys(sides: Sides) -> None:
    """Each key has its own latest, in whichever order the keys come."""
    batch = [Metric(key, step, 7, step) for step in range(3) for key in ("b", "a", "c/d.e f", "B")]
    found = both(sides, [batch, [Metric("a", -1.0, 7, 5)]])
    assert [(row[0], row[3]) for row in found["latest_metrics"]] == [
        ("B", 2),
        ("a", 5),
        ("b", 2),
        ("c/d.e f", 2),
    ]


def test_more_than_a_batch(sides: Sides) -> None:
    """The client cuts what is more than MLflow's limit, and all of it arrives."""
    found = both(sides, [series("a", [float(step % 7) for step in range(2500)])])
    assert len(found["metrics"]) == 2500


keys = st.sampled_from(["a", "b", "c"])
values = st.one_of(st.sampled_from([NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, LARGEST, 5e-324]), st.floats())
metrics = st.builds(Metric, keys, values, st.integers(0, 2), st.integers(-2, 2))


@settings(max_examples=30, deadline=None)
@given(batches=st.lists(st.lists(metrics, min_size=1, max_size=12), min_size=1, max_size=4))
def test_any_batches(sides: Sides, batches: list[Batch]) -> None:
    """Whatever is logged, in whichever batches, leaves the rows that MLflow would leave."""
    both(sides, batches)


@settings(max_examples=10, deadline=None)
@given(values=st.lists(st.integers(-(2**70), 2**70), min_size=1, max_size=5))
def test_whole_numbers(sides: Sides, values: list[int]) -> None:
    """Integers of any size are stored as MLflow stores them."""
    both(sides, [[Metric("a", value, 7, step) for step, value in enumerate(values)]])


def test_params_and_tags_in_one_batch(sides: Sides) -> None:
    """Params and tags that come with metrics are stored as MLflow stores them."""
    found = []
    for side in (sides.stock, sides.ours):
        run_id = side.run()
        params = [Param("buckets", "20"), Param("env.id", "MountainCar-v0")]
        tags = [RunTag("qsweep.sweep", "s"), RunTag("qsweep.sweep", "t"), RunTag("x", "")]
        side.client.log_batch(run_id, series("a", [1.0, 2.0]), params, tags)
        side.client.log_batch(run_id, series("a", [3.0]), params[:1], [RunTag("x", "y")])
        found.append(side.left(run_id))
    assert found[0] == found[1]
    assert found[1]["params"] == [("buckets", "20"), ("env.id", "MountainCar-v0")]
    assert found[1]["tags"] == [("mlflow.runName", "walk"), ("qsweep.sweep", "t"), ("x", "y")]


def outcome(side: Side, run_id: str, batch: Batch, direct: bool) -> str:
    """How logging a batch with a param and a tag ends: nothing, or the error and its code."""
    params, tags = [Param("buckets", "20")], [RunTag("x", "y")]
    log = side.client._tracking_client.store.log_batch if direct else side.client.log_batch
    try:
        log(run_id, metrics=batch, params=params, tags=tags)
    except Exception as error:
        return f"{type(error).__name__} {getattr(error, 'error_code', '')}"
    return ""


BAD = {
    "empty key": Metric("", 1.0, 7, 0),
    "no key": Metric(None, 1.0, 7, 0),  # type: ignore[arg-type]
    "key out of the folder": Metric("../a", 1.0, 7, 0),
    "key with characters that MLflow refuses": Metric("a*b", 1.0, 7, 0),
    "long key": Metric("a" * 251, 1.0, 7, 0),
    "text": Metric("a", "much", 7, 0),  # type: ignore[arg-type]
    "no value": Metric("a", None, 7, 0),  # type: ignore[arg-type]
    "negative time": Metric("a", 1.0, -1, 0),
    "no time": Metric("a", 1.0, None, 0),  # type: ignore[arg-type]
    "no step": Metric("a", 1.0, 7, None),  # type: ignore[arg-type]
    "text for a step": Metric("a", 1.0, 7, "0"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("direct", [False, True], ids=["client", "store"])
@pytest.mark.parametrize("wrong", BAD)
def test_bad_metrics_are_refused(sides: Sides, wrong: str, direct: bool) -> None:
    """What MLflow refuses is refused with the same error code, and nothing of the batch is kept."""
    runs = sides.stock.run(), sides.ours.run()
    stock = outcome(sides.stock, runs[0], [BAD[wrong]], direct)
    assert stock == "MlflowException INVALID_PARAMETER_VALUE"
    assert outcome(sides.ours, runs[1], [BAD[wrong]], direct) == stock
    assert sides.ours.left(runs[1]) == sides.stock.left(runs[0])


@pytest.mark.parametrize("wrong", ["text", "no value", "negative time", "no step", "text for a step"])
def test_every_metric_is_checked(sides: Sides, wrong: str) -> None:
    """A bad value is refused where another of the same key came before it, too."""
    runs = sides.stock.run(), sides.ours.run()
    batch = [Metric("a", 1.0, 7, 0), BAD[wrong]]
    stock = outcome(sides.stock, runs[0], batch, direct=False)
    assert stock == "MlflowException INVALID_PARAMETER_VALUE"
    assert outcome(sides.ours, runs[1], batch, direct=False) == stock
    assert sides.ours.left(runs[1]) == sides.stock.left(runs[0])


def test_a_truth_is_no_number(sides: Sides) -> None:
    """The store refuses True and False as values, as MLflow's does."""
    for batch in ([Metric("a", True, 7, 0)], [Metric("a", 1.0, 7, 0), Metric("a", True, 7, 1)]):
        runs = sides.stock.run(), sides.ours.run()
        stock = outcome(sides.stock, runs[0], batch, direct=True)
        assert outcome(sides.ours, runs[1], batch, direct=True) == stock
        assert sides.ours.left(runs[1]) == sides.stock.left(runs[0])


@pytest.mark.parametrize("end", ["FINISHED", "FAILED", "KILLED", "deleted", "unknown"])
def test_a_run_that_is_over(sides: Sides, end: str) -> None:
    """A run that has ended takes what MLflow lets it take; a deleted or unknown one takes nothing."""
    found = []
    for side in (sides.stock, sides.ours):
        run_id = side.run()
        if end == "deleted":
            side.client.delete_run(run_id)
        elif end == "unknown":
            run_id = "0" * 32
        else:
            side.client.set_terminated(run_id, end, end_time=9)
        ended = outcome(side, run_id, series("a", [1.0, 2.0]), direct=False)
        found.append((ended, side.left(run_id)))
    assert found[0] == found[1]
    assert bool(found[1][1]["metrics"]) == (end in ("FINISHED", "FAILED", "KILLED"))


def test_metrics_of_a_model_go_through(sides: Sides) -> None:
    """Metrics that belong to a logged model reach both its table and the run's."""
    found = []
    for side in (sides.stock, sides.ours):
        run_id = side.run()
        model = side.client.create_logged_model("0", name="policy", source_run_id=run_id)
        linked = Metric("test/return_mean", -110.5, 7, 0, model_id=model.model_id)
        side.client.log_batch(run_id, metrics=[linked, *series("a", [1.0, NAN])])
        of_model = side.client.get_logged_model(model.model_id).metrics
        found.append((side.left(run_id), [(m.key, m.value, m.timestamp, m.step) for m in of_model]))
    assert found[0] == found[1]
    assert found[1][1] == [("test/return_mean", -110.5, 7, 0)]
    assert len(found[1][0]["metrics"]) == 3


def refusals(sides: Sides, attempt: Callable[[Side, str], object]) -> list[tuple[str, dict[str, Rows]]]:
    """How an attempt on a new run ends on either side, and what it leaves."""
    found = []
    for side in (sides.stock, sides.ours):
        run_id = side.run()
        side.client.log_batch(run_id, params=[Param("buckets", "20")])
        try:
            attempt(side, run_id)
            ended = ""
        except Exception as error:
            ended = f"{type(error).__name__} {getattr(error, 'error_code', '')}"
        found.append((ended, side.left(run_id)))
    return found


def test_a_param_keeps_its_value(sides: Sides) -> None:
    """A param may be given again, not changed; a batch that would change it is refused whole."""

    def attempt(value: str) -> Callable[[Side, str], object]:
        given = [Param("buckets", value), Param("seed", "3")]
        return lambda side, run_id: side.client.log_batch(
            run_id, series("a", [1.0]), given, [RunTag("x", "y")]
        )

    stock, ours = refusals(sides, attempt("20"))
    assert ours == stock
    assert ours[1]["params"] == [("buckets", "20"), ("seed", "3")]
    stock, ours = refusals(sides, attempt("40"))
    assert ours == stock
    assert (ours[0], ours[1]["params"]) == (
        "MlflowException INVALID_PARAMETER_VALUE",
        [("buckets", "20")],
    )
    assert ours[1]["metrics"] == []


LONG = {
    "more metrics than MLflow takes": ([Metric("a", 1.0, 7, step) for step in range(1001)], [], []),
    "more params than MLflow takes": ([], [Param(f"p{number}", "") for number in range(101)], []),
    "a param twice": ([], [Param("p", "1"), Param("p", "1")], []),
    "a param's name": ([], [Param("a*b", "1")], []),
    "a tag's name": ([], [], [RunTag("../a", "1")]),
    "a long param": ([], [Param("p", "v" * 6001)], []),
    "a long tag": ([], [], [RunTag("t", "v" * 8001)]),
    "no value": ([], [], [RunTag("t", None)]),
    "another name for the run": ([Metric("a", 1.0, 7, 0)], [], [RunTag("mlflow.runName", "run")]),
    "characters of any script": (
        [Metric("Rückgabe/平均", 1.0, 7, 0)],
        [Param("größe", "20 ✓")],
        [RunTag("名", "値")],
    ),
}


@pytest.mark.parametrize("case", LONG)
def test_params_and_tags_out_of_the_ordinary(sides: Sides, case: str) -> None:
    """What MLflow cuts, refuses or treats in a special way is cut, refused and treated so here."""
    stock, ours = refusals(
        sides, lambda side, run_id: side.client._tracking_client.store.log_batch(run_id, *LONG[case])
    )
    assert ours == stock


RUNS: dict[str, dict[str, Any]] = {
    "named": {"run_name": "buckets=20", "tags": {"mlflow.user": "ada", "qsweep.sweep": "s"}},
    "named by a tag": {"tags": {"mlflow.runName": "by a tag"}},
    "named twice": {"run_name": "one", "tags": {"mlflow.runName": "other"}},
    "of no experiment": {"run_name": "lost", "experiment_id": "123456"},
    "of nonsense": {"run_name": "lost", "experiment_id": "none"},
}


@pytest.mark.parametrize("case", RUNS)
def test_creating_a_run(sides: Sides, case: str) -> None:
    """A run is created as MLflow creates it, and the client is given the same to hold."""
    found = []
    for side in (sides.stock, sides.ours):
        try:
            made = side.client.create_run(**{"experiment_id": "0", "start_time": 5, **RUNS[case]})
        except Exception as error:
            found.append((type(error).__name__, str(getattr(error, "error_code", "")), {}))
            continue
        run_id = made.info.run_id
        says = {key: without(value, run_id) for key, value in dict(made.info).items()}
        assert made.info.artifact_uri == side.client.get_run(run_id).info.artifact_uri
        found.append((repr(sorted(made.data.tags.items())), repr(says), side.left(run_id)))
    assert found[0] == found[1]


def test_a_deleted_experiment_takes_no_run(sides: Sides) -> None:
    """A run in a deleted experiment is refused as MLflow refuses it."""
    found = []
    for side in (sides.stock, sides.ours):
        deleted = side.client.create_experiment("deleted", "places")
        side.client.delete_experiment(deleted)
        with pytest.raises(MlflowException) as refused:
            side.client.create_run(deleted, run_name="late")
        found.append(refused.value.error_code)
        side.client.restore_experiment(deleted)
        assert side.client.search_runs([deleted]) == []
        side.client.rename_experiment(deleted, f"once {deleted}")
    assert found[0] == found[1] == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize("end", ["FINISHED", "FAILED", "KILLED"])
def test_ending_a_run(sides: Sides, end: str) -> None:
    """A run ends with its status and time, and may be ended, renamed and begun anew after that."""
    found = []
    for side in (sides.stock, sides.ours):
        run_id = side.run()
        side.client.set_terminated(run_id, end, end_time=9)
        once = side.left(run_id)
        side.client.set_terminated(run_id, "FAILED", end_time=11)
        side.client.update_run(run_id, status="RUNNING", name="again")
        found.append((once, side.left(run_id)))
    assert found[0] == found[1]
    assert (found[1][0]["runs"][0][5], found[1][0]["runs"][0][7]) == (end, 9)


@pytest.mark.parametrize("gone", ["deleted", "unknown"])
def test_a_run_that_is_gone_does_not_end(sides: Sides, gone: str) -> None:
    """A deleted or unknown run cannot be ended, and MLflow's error says so."""

    def attempt(side: Side, run_id: str) -> None:
        side.client.delete_run(run_id)
        side.client.set_terminated(run_id if gone == "deleted" else "0" * 32, "FINISHED")

    stock, ours = refusals(sides, attempt)
    assert ours[0] == stock[0] != ""
    assert ours[1]["runs"][0][5] == "RUNNING"


def test_readers_use_the_plain_uri(sides: Sides) -> None:
    """MLflow's own store reads histories and searches what ours has written."""
    batch = [*series("a", [3.0, NAN, INF, 5.0]), *series("b", [1.0])]
    read = []
    for side in (sides.stock, sides.ours):
        run_id = side.run()
        side.client.log_batch(run_id, metrics=batch, tags=[RunTag("of", "readers")])
        reader = MlflowClient(side.uri)
        history = [(m.value, m.timestamp, m.step) for m in reader.get_metric_history(run_id, "a")]
        [found] = reader.search_runs(["0"], "tags.of = 'readers' and metrics.a > 4")
        assert found.info.run_id == run_id
        assert reader.search_runs(["0"], "tags.of = 'readers' and metrics.a > 5") == []
        drawn = reader._tracking_client.store.get_metric_history_bulk_interval([run_id], "a", 320, 0, 3)
        points = [(m.value, m.timestamp, m.step) for m in drawn]
        read.append((repr((history, points)), found.data.metrics, reader.get_run(run_id).data.metrics))
    assert read[0] == read[1]
    assert read[1][1] == {"a": 5.0, "b": 1.0}


def test_an_experiment_without_a_place(sides: Sides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An experiment that is made without saying where its artifacts belong has them where MLflow would."""
    monkeypatch.chdir(tmp_path)
    places = []
    for side in (sides.stock, sides.ours):
        made = side.client.create_experiment("without a place")
        places.append(side.client.get_experiment(made).artifact_location)
    assert places[0] == places[1]


def test_mlflow_finds_the_store_by_its_scheme(sides: Sides) -> None:
    """The scheme is registered with MLflow as the project's store, a kind of MLflow's own."""
    registered = {entry.name: entry.value for entry in entry_points(group="mlflow.tracking_store")}
    for scheme in BULK_SCHEMES.values():
        assert registered[scheme] == f"{bulk_store.__module__}:{bulk_store.__name__}"
    assert isinstance(sides.ours.client._tracking_client.store, BulkStore)
    assert type(sides.stock.client._tracking_client.store) in BulkStore.__mro__[1:]
