"""The MLflow UI in a real browser, on the runs of a real sweep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.pictures import CHROMIUM, mlflow_ui, show_comparison, show_curves
from playwright.sync_api import Page

from qsweep import load_runs
from tests.support.commands import run_command

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine; set CHROMIUM"),
]

SWEEP = ("buckets=10,20", "seed=range(2)", "episodes=3000", "registry.promote=never")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of a small sweep."""
    made = tmp_path_factory.mktemp("ui")
    run_command(["train", "-m", *SWEEP], made).check_returncode()
    return made


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where `qsweep ui` serves that folder."""
    with mlflow_ui(folder) as served:
        yield served


def test_the_curves_of_a_sweep_are_shown(address: str, tab: Page) -> None:
    """Below the sweep's parent its runs are listed by readable names, with average, minimum and maximum."""
    show_curves(tab, address, "buckets,seed")
    for name in ("buckets=10,seed=0", "buckets=20,seed=1"):
        tab.get_by_role("gridcell").filter(has_text=name).first.wait_for(timeout=30_000)
    assert tab.get_by_text("train/return_avg", exact=True).count() == 1


def test_two_runs_are_compared_by_their_params(address: str, tab: Page, folder: Path) -> None:
    """Compared side by side, two runs show their names and the param in which they differ."""
    runs = load_runs("buckets,seed", uri=f"sqlite:///{folder}/mlruns/mlflow.db")
    chosen = runs[runs["seed"] == 0].sort_values("buckets")
    show_comparison(tab, address, list(chosen["run_id"]))
    for name in chosen["name"]:
        tab.get_by_text(str(name), exact=True).first.wait_for(timeout=30_000)
    rows = [row.split() for row in tab.get_by_role("row").all_inner_texts()]
    assert ["buckets", "10", "20"] in rows
