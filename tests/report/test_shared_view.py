from __future__ import annotations

import base64
import json
import zlib
from pathlib import Path
from typing import Any

import pytest

from qsweep.commands.ui import address_of
from qsweep.errors import UsageError
from qsweep.report import shared_view
from qsweep.report.attachment import description
from qsweep.report.shared_view import TAG, prepare_view
from qsweep.tracking.run_search import experiments, run_of
from qsweep.tracking.store import Store, open_store
from tests.support import recorded

pytestmark = pytest.mark.slow

PLAIN = "/#/experiments/1/runs?workflowType=machine_learning"
VIEW = f"{PLAIN}&viewStateShareKey=qsweep"


@pytest.fixture
def store(workdir: Path) -> Store:
    """A store with a sweep of two bucket counts in its first experiment."""
    made = open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")
    recorded.sweep(made, "s", {10: [-150, -190], 20: [-160, -160]})
    assert experiments(made)["1"] == "MountainCar-v0"
    return made


def state_in(stored: str) -> dict[str, Any]:
    """The state in a view, or in the plain text that older releases read."""
    text = json.loads(stored)["state"] if stored.startswith("{") else stored
    found: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(text.removeprefix("deflate;"))))
    return found


def test_the_view_of_a_sweep(store: Store) -> None:
    """It has columns for the score, its interval and what was swept, groups of variants, and two charts."""
    assert prepare_view(store, "1", "MountainCar-v0") == VIEW
    stored = store.experiment_tags("1")[TAG]
    assert len(stored) < 5000
    state = state_in(stored)
    assert state["selectedColumns"] == [
        *("metrics.`score`", "metrics.`test/return_ci_low`", "metrics.`test/return_ci_high`"),
        "params.`buckets`",
    ]
    assert state["groupBy"]["groupByKeys"] == [{"mode": "param", "groupByData": "buckets"}]
    assert state["groupsExpanded"] == {"param.buckets.10": False, "param.buckets.20": False}
    charts = [(chart["type"], chart["metricKey"]) for chart in state["compareRunCharts"]]
    assert charts == [("LINE", "train/return_avg"), ("BAR", "score")]


def test_many_keys_are_grouped_by_variant(store: Store) -> None:
    """Where variants differ in more keys than a group's name has room for, groups are by variant."""
    more = {"learning_rate": 0.2, "discount": 0.9, "episodes": 90, "discretizer": "tiles", "tilings": 4}
    recorded.record(store, more, -140.0)
    prepare_view(store, "1", "MountainCar-v0")
    [group] = state_in(store.experiment_tags("1")[TAG])["groupBy"]["groupByKeys"]
    assert group == {"mode": "tag", "groupByData": "qsweep.variant"}


@pytest.mark.parametrize(
    ("release", "address", "kind"),
    [
        ("3.9.1", PLAIN, ""),
        ("3.10.0", VIEW, "deflate"),
        ("3.17.2", VIEW, "{"),
        ("4.0.0", PLAIN, ""),
        ("?", PLAIN, ""),
    ],
)
def test_each_release_gets_what_it_reads(
    store: Store, release: str, address: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A UI whose views are unknown gets the plain address; an older one a view without a name."""
    monkeypatch.setattr(shared_view, "version", lambda _: release)
    assert prepare_view(store, "1", "MountainCar-v0") == address
    stored = store.experiment_tags("1").get(TAG, "")
    assert stored.startswith(kind)
    assert bool(stored) == bool(kind)


def test_a_view_that_the_user_changed_is_kept(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After "Override saved view" in the UI, the view is the user's; before it follows the runs."""
    monkeypatch.setattr(shared_view, "version", lambda _: "3.17.2")  # whose views have names
    prepare_view(store, "1", "MountainCar-v0")
    view = json.loads(store.experiment_tags("1")[TAG])
    mine = json.dumps({**view, "updatedAt": view["createdAt"] + 1, "state": "{}"})
    store.tag_experiment("1", TAG, mine)
    prepare_view(store, "1", "MountainCar-v0")
    assert store.experiment_tags("1")[TAG] == mine


def test_where_the_ui_opens(store: Store) -> None:
    """Without a name it is the latest experiment; a run is found by its name, newest first, or id."""
    [first, *_] = store.client.search_runs(["1"], "attributes.run_name = 'buckets=10,seed=0'")
    again = recorded.record(store, {"buckets": 10}, -150.0)
    run = f"/#/experiments/1/runs/{{}}?{PLAIN.partition('?')[2]}"
    assert address_of(store, None) == VIEW
    assert address_of(store, "MountainCar-v0") == VIEW
    assert address_of(store, "buckets=10,seed=0") == run.format(again)
    assert address_of(store, first.info.run_id) == run.format(first.info.run_id)
    with pytest.raises(UsageError, match="is not an experiment, or the name or id of a run"):
        address_of(store, "buckets=99")


def test_a_store_without_runs_opens_the_ui(workdir: Path) -> None:
    """An empty store has no experiment to show."""
    assert address_of(open_store(f"sqlite:///{workdir}/mlruns/mlflow.db"), None) == "/"


def test_a_parents_description(store: Store) -> None:
    """It says the verdict, as text and not as Markdown, links the report, and keeps the user's own note."""
    tags = {"mlflow.note.content": "try 3"}
    parent = run_of(store, recorded.record(store, {"tracking": {"note": "try 3"}}, -150.0))
    assert tags.items() <= parent.tags.items()
    text = description(parent, ["a <b> *c*"])
    assert text.startswith("**a \\<b\\> \\*c\\***\n\n[Report")
    assert f"(#/experiments/1/runs/{parent.run_id}/artifacts/report/report.html?" in text
    assert text.endswith("try 3")


def test_a_relaunch_keeps_what_the_user_wrote(store: Store) -> None:
    """A new verdict and link replace those of the earlier launch; text around these stays."""
    parent = run_of(store, recorded.record(store, {"tracking": {"note": "try 3"}}, -150.0))
    old = description(parent, ["old verdict", "another one"])
    store.client.set_tag(
        parent.run_id, "mlflow.note.content", f"# Mine\n\nread **this**\n\n{old} (again)\n\nlast"
    )
    text = description(run_of(store, parent.run_id), ["new verdict"])
    assert text.startswith("# Mine\n\nread **this**\n\n**new verdict**\n\n[Report")
    assert text.endswith(")\n\ntry 3 (again)\n\nlast")
    assert "old verdict" not in text
    assert "another one" not in text
    store.client.set_tag(parent.run_id, "mlflow.note.content", text)
    assert description(run_of(store, parent.run_id), ["new verdict"]) == text
