"""The MLflow UI in a real browser, on the runs of a real sweep."""

from __future__ import annotations

import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright

from tests.browser import CHROMIUM, LAUNCH, needs_chromium
from tests.conftest import QSWEEP

pytestmark = [pytest.mark.integration, pytest.mark.slow, needs_chromium]

SWEEP = ("buckets=10,20", "seed=range(2)", "episodes=3000", "registry.promote=never")


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `qsweep ui`, started on the runs of a small sweep."""
    folder = tmp_path_factory.mktemp("ui")
    subprocess.run([QSWEEP, "train", "-m", *SWEEP], cwd=folder, check=True, capture_output=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([QSWEEP, "ui", "--port", str(port)], cwd=folder)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/health")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def wait_for(address: str) -> None:
    """Return when the address answers; fails after a minute and a half."""
    for _ in range(300):
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    pytest.fail(f"{address} did not answer")


@pytest.fixture
def page() -> Iterator[Page]:
    """A page of a headless browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=LAUNCH)
        yield browser.new_page(viewport={"width": 1600, "height": 1000})
        browser.close()


def test_the_ui_lists_and_charts_the_runs(ui: str, page: Page, tmp_path: Path) -> None:
    """The sweep's parent and its readable run names are listed, and the curves of two runs compared."""
    page.goto(f"{ui}/#/experiments/1/runs")
    for name in ("buckets,seed", "buckets=10,seed=0", "buckets=20,seed=1"):
        page.get_by_text(name, exact=True).first.wait_for(timeout=60_000)
    page.goto(f"{ui}/#/experiments/1/runs?compareRunsMode=CHART")
    page.get_by_text("return_avg").first.wait_for(timeout=60_000)
    page.screenshot(path=tmp_path / "ui.png")
    assert (tmp_path / "ui.png").stat().st_size > 20_000
