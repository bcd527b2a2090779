from __future__ import annotations

from pathlib import Path

import pytest

from qsweep.plan.composition import load_resolved
from qsweep.report import attachment
from qsweep.report.attachment import attach
from qsweep.report.loading.runs import children
from qsweep.runs.runner import Work
from qsweep.tracking.store import Store, open_store
from tests.support.recorded import SCORE, parent, record
from tests.support.trained import run

SMALL = ["episodes=60", "evaluation.test_episodes=5", "evaluation.episodes=3", "evaluation.checkpoints=3"]


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def test_the_parent_holds_its_report(store: Store) -> None:
    """The report on exactly a parent's children is attached to the parent: page, summary, tables, figures."""
    sweep = parent(store, "s")
    for seed in (0, 1):
        record(store, {"seed": seed, "sweep": {"name": "s"}}, -150.0 - seed, parent=sweep)
    record(store, {"seed": 9, "sweep": {"name": "s"}}, -1.0)
    where = attach(store, sweep)
    folder = Path(store.client.get_run(sweep).info.artifact_uri) / "report"
    assert where == f"report: {folder}/report.html"
    files = {path.name for path in folder.iterdir()}
    assert files == {"report.html", "report.md", "runs.csv", "variants.csv", "variants.tex", "figures"}
    assert "one variant" in (folder / "report.md").read_text()
    assert "-150.5" in (folder / "variants.csv").read_text()
    assert len((folder / "runs.csv").read_text().splitlines()) == 3


@pytest.mark.slow
def test_the_best_runs_have_sliders(store: Store) -> None:
    """The best run of each leading variant has images with steps, named as MLflow names them."""
    sweep = parent(store, "s")
    for buckets in (3, 4, 5):
        lines = [*SMALL, f"buckets={buckets}", f"tracking.parent={sweep}", "sweep.name=s"]
        run([Work(load_resolved(lines), f"buckets={buckets}", "")])
    attach(store, sweep)
    runs = children(store, sweep).sort_values(SCORE, ascending=False, kind="stable")
    with_images = []
    for row in runs.to_dict("records"):
        images = sorted(path.name for path in (Path(row["artifacts"]) / "images").glob("*"))
        if images:
            with_images.append(row["run_id"])
            assert store.client.get_run(row["run_id"]).data.tags["mlflow.loggedImages"] == "True"
            steps = {int(name.split("+")[2]) for name in images}
            assert steps == {0, 19, 39, 59}  # of the stored checkpoints
    assert len(with_images) == 2


def test_what_goes_wrong_is_said(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unknown parent and any error give a sentence."""
    assert attach(store, "0" * 32).startswith("the report failed: FileNotFoundError: no run ")

    def broken(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr(attachment, "contents", broken)
    assert attach(store, parent(store, "s")) == "the report failed: ZeroDivisionError: two lines"


def test_a_sweep_without_runs(store: Store) -> None:
    """A parent whose runs all failed to start has a report that says so."""
    sweep = parent(store, "s")
    assert "no report" not in attach(store, sweep)
    folder = Path(store.client.get_run(sweep).info.artifact_uri) / "report"
    assert "There are no runs yet." in (folder / "report.md").read_text()
