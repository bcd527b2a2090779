"""Make the pictures in docs/ from a sweep made on the spot: `make docs`. Needs chromium ($CHROMIUM)."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Browser, Page, sync_playwright

import qsweep
from qsweep.commands.ui import address_of
from qsweep.report.shared_view import WORKFLOW
from qsweep.tracking.store import open_store

DOCS = Path(__file__).parent
QSWEEP = str(Path(sys.executable).with_name("qsweep"))
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SWEEP = ("-m", "buckets=10,20,40", "seed=range(8)", "registry.promote=never", "sweep.name=buckets")
DESKTOP, PHONE = {"width": 1280, "height": 1100}, {"width": 390, "height": 844}
"""What a screen has room for, in pixels."""


def main() -> None:
    """Sweep in an empty folder, then picture what it left."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        subprocess.run([QSWEEP, "train", *SWEEP], cwd=folder, check=True)
        single = [QSWEEP, "train", "+experiment=tutorial_25000", "tracking.experiment=tutorial"]
        subprocess.run([*single, "registry.promote=never"], cwd=folder, check=True)
        [curve] = folder.glob("mlruns/artifacts/tutorial/*/artifacts/figures/learning_curve.png")
        shutil.copy(curve, DOCS / "learning-curve.png")
        runs = qsweep.load_runs("buckets", uri=f"sqlite:///{folder}/mlruns/mlflow.db")
        with mlflow_ui(folder) as address, chromium() as browser, tab_of(browser) as page:
            store = open_store(f"sqlite:///{folder}/mlruns/mlflow.db")
            _picture_view(page, f"{address}{address_of(store, 'MountainCar-v0')}")
            best = str(runs.sort_values("test/return_mean")["run_id"].iloc[-1])
            _picture_slider(page, address, best)
        subprocess.run([QSWEEP, "report", "buckets", "--out", "report"], cwd=folder, check=True)
        with chromium() as browser, tab_of(browser) as page:
            _picture_report(page, folder / "report" / "report.html")
        subprocess.run(
            [QSWEEP, "video", best, "--out", "learning.gif", "--every", "50"], cwd=folder, check=True
        )
        shutil.copy(folder / "learning.gif", DOCS / "learning.gif")


@contextmanager
def mlflow_ui(folder: Path) -> Iterator[str]:
    """The address of `qsweep ui` on the store of a folder, while entered."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([QSWEEP, "ui", "--port", str(port)], cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).close()  # noqa: S310  (our own server)
                break
            except OSError:
                time.sleep(0.3)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless browser, while entered."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextmanager
def tab_of(browser: Browser) -> Iterator[Page]:
    """A tab of a browser, with no memory of others, while entered."""
    page = browser.new_page(viewport={"width": 1600, "height": 760})
    yield page
    page.close()


def show_curves(page: Page, address: str, sweep: str) -> None:
    """Bring up the curves of a sweep's runs: average, minimum and maximum return."""
    page.goto(f"{address}/#/experiments/1/runs?compareRunsMode=CHART")
    page.get_by_text(sweep, exact=True).first.wait_for(timeout=90_000)
    page.get_by_role("button", name="Close").first.click()  # MLflow's assistant
    parent = page.get_by_role("gridcell").filter(has_text=sweep)
    parent.get_by_role("button").first.click()  # unfolds the runs below it
    page.get_by_placeholder("Search metric charts").fill("train/return")
    for name in ("avg", "min", "max"):
        page.get_by_text(f"train/return_{name}", exact=True).first.wait_for(timeout=60_000)


def show_comparison(page: Page, address: str, run_ids: list[str]) -> None:
    """Bring up runs side by side: names, params, metrics."""
    compared = f"runs={quote(json.dumps(run_ids))}&experiments={quote(json.dumps(['1']))}"
    page.goto(f"{address}/#/compare-runs?{compared}")
    page.get_by_text("Run details").wait_for(timeout=60_000)


def show_slider(page: Page, address: str, run_id: str) -> None:
    """Bring up the slider over the Q-tables of a run, at its first."""
    page.goto(f"{address}/#/experiments/1/runs/{run_id}/model-metrics?{WORKFLOW}")
    page.get_by_placeholder("Search metric charts").fill("greedy_policy", timeout=60_000)
    page.locator("img[src*=greedy_policy]").first.wait_for(timeout=60_000)


def move_slider(page: Page) -> None:
    """Move that slider to the last Q-table."""
    track = page.locator("[role=slider]").first.locator("xpath=../..").bounding_box()
    assert track is not None
    page.mouse.click(track["x"] + track["width"] - 2, track["y"] + track["height"] / 2)


def _picture_slider(page: Page, address: str, run_id: str) -> None:
    """The slider over a run's Q-tables, at its end, on the full screen: the tile has the params before it."""
    page.set_viewport_size({"width": 1280, "height": 1250})
    show_slider(page, address, run_id)
    move_slider(page)
    page.locator("[data-component-id=fullscreen_button_chartcard]").first.click()
    page.wait_for_timeout(3_000)
    page.screenshot(path=DOCS / "mlflow-slider.png")


def _picture_report(page: Page, report: Path) -> None:
    """The report on a desk and on a phone."""
    for name, size in (("desktop", DESKTOP), ("phone", PHONE)):
        page.set_viewport_size(size)
        page.goto(f"file://{report}")
        page.wait_for_timeout(1_000)
        page.screenshot(path=DOCS / f"report-{name}.png")


def _picture_view(page: Page, place: str) -> None:
    """The view of an experiment that `qsweep ui` opens, with its charts."""
    page.goto(f"{place}&compareRunsMode=CHART")
    page.get_by_text("Group: 40", exact=True).first.wait_for(timeout=90_000)
    page.get_by_role("button", name="Close").first.click()  # MLflow's assistant
    page.locator(".js-plotly-plot").nth(1).wait_for(timeout=60_000)
    page.wait_for_timeout(8_000)  # the charts are drawn after their titles
    page.screenshot(path=DOCS / "mlflow-curves.png")


if __name__ == "__main__":
    main()
