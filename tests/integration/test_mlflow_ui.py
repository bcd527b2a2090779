"""The MLflow UI in a real browser, on the runs of a real sweep."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from docs.pictures import CHROMIUM, mlflow_ui, show_comparison, show_curves
from playwright.sync_api import Page

from qsweep import load_runs
from qsweep.commands.ui import address_of
from qsweep.tracking.store import open_store
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


FROM_LEFT = """
all => all.map(head => [head.getBoundingClientRect().x, head.innerText.split("\\n")[0]])
  .sort((one, other) => one[0] - other[0]).map(([, text]) => text)
"""
"""Heads of columns as they are seen: the grid keeps their elements in the order in which it made them."""


def test_the_shared_view_of_a_sweep(address: str, tab: Page, folder: Path) -> None:
    """The address of `qsweep ui` shows a folded group per variant, with its score, and the two charts."""
    place = address_of(open_store(f"sqlite:///{folder}/mlruns/mlflow.db"), None)
    tab.goto(f"{address}{place}")
    for group in ("Group: 10", "Group: 20"):
        tab.get_by_role("gridcell").filter(has_text=group).first.wait_for(timeout=60_000)
    assert tab.get_by_text("buckets=10,seed=0").count() == 0
    heads = tab.get_by_role("columnheader").evaluate_all(FROM_LEFT)
    columns = ["score", "test/return_ci_low", "test/return_ci_high", "buckets"]
    assert [head for head in dict.fromkeys(heads) if head in columns] == columns  # some are there twice
    tab.goto("about:blank")
    tab.goto(f"{address}{place}&compareRunsMode=CHART")
    for metric in ("train/return_avg", "score"):
        tab.get_by_text(metric, exact=True).first.wait_for(timeout=60_000)
    assert re.search(r"qsweep\s*\(2\)", tab.inner_text("body"))


def test_the_parents_description(address: str, tab: Page, folder: Path) -> None:
    """The parent run's page says the verdict, and its link shows the report."""
    tab.goto(f"{address}{address_of(open_store(f'sqlite:///{folder}/mlruns/mlflow.db'), 'buckets,seed')}")
    link = tab.get_by_role("link", name="Report: figures, tables")
    link.wait_for(timeout=60_000)
    assert tab.get_by_text(re.compile("cannot be distinguished|leads|beats|is better")).count() >= 1
    with tab.context.expect_page() as opened:
        link.click()
    opened.value.frame_locator("iframe").locator(".headline").first.wait_for(timeout=60_000)
