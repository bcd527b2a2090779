"""The site, built from the pages and opened from its folder without a network."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs.pictures import CHROMIUM
from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.integration, pytest.mark.slow]
pytest.importorskip("sphinx", reason="the extra docs is not installed")
pytest.importorskip("furo", reason="the extra docs is not installed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site without playgrounds, whose runs the tests of the lessons train; a warning fails the build."""
    out = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "docs/site/build.py", "--without-runs", "--out", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, timeout=500)
    return out


def test_every_page_is_in_the_site(site: Path) -> None:
    """Each page of docs/, and those on keys, commands and the API; links between them lead somewhere."""
    pages = {page.relative_to(ROOT / "docs").with_suffix(".html") for page in (ROOT / "docs").rglob("*.md")}
    made = {page.relative_to(site / "docs") for page in (site / "docs").rglob("*.html")}
    assert made == pages | {Path("keys.html"), Path("commands.html"), Path("api.html")}
    assert "mailto:" not in (site / "docs/api.html").read_text()  # MODEL@best is no address
    for page in site.rglob("*.html"):
        for link in re.findall(r'(?:href|src)="(?!\w+:|#|//)([^"#?]+)', page.read_text()):
            assert (page.parent / link).exists(), f"{page}: {link}"


@pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine; set CHROMIUM")
@pytest.mark.parametrize("width", [1280, 390])
def test_the_site_works_from_a_folder(site: Path, tab: Page, width: int) -> None:
    """Search finds a page; nothing is requested, nothing is written to the console, no page is too wide."""
    requests, messages = [], []
    tab.on("request", lambda request: requests.append(request.url))
    tab.on("console", lambda message: messages.append(message.text))
    tab.set_viewport_size({"width": width, "height": 900})
    for page in ("index", "docs/keys", "docs/api", "docs/course/2-what-a-bucket-is"):
        tab.goto(f"file://{site}/{page}.html")
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    tab.goto(f"file://{site}/search.html?q=optimistic")
    tab.wait_for_selector("#search-results a")
    assert "docs/exploration.html" in " ".join(
        link.get_attribute("href") or "" for link in tab.locator("#search-results a").all()
    )
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []
    assert messages == []
