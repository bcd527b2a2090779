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

from playwright.sync_api import Page, sync_playwright

import qsweep

DOCS = Path(__file__).parent
QSWEEP = str(Path(sys.executable).with_name("qsweep"))
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
SWEEP = ("-m", "buckets=10,20,40", "registry.promote=never")


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
        with mlflow_ui(folder) as address, browser_page() as page:
            _picture_ui(page, address, list(runs.sort_values("buckets")["run_id"]))


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
def browser_page() -> Iterator[Page]:
    """A page of a headless browser, while entered."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser.new_page(viewport={"width": 1600, "height": 760})
        browser.close()


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


def _picture_ui(page: Page, address: str, run_ids: list[str]) -> None:
    """The runs of the sweep as curves, then side by side."""
    show_curves(page, address, "buckets")
    page.wait_for_timeout(8_000)  # the charts are drawn after their titles
    page.screenshot(path=DOCS / "mlflow-curves.png")
    page.set_viewport_size({"width": 1600, "height": 1350})
    show_comparison(page, address, run_ids)
    page.wait_for_timeout(5_000)
    page.screenshot(path=DOCS / "mlflow-compare.png")


if __name__ == "__main__":
    main()
