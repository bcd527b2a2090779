"""One browser for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless browser."""
    from docs.pictures import chromium  # playwright is slow to import

    with chromium() as opened:
        yield opened


@pytest.fixture
def tab(browser: Browser) -> Iterator[Page]:
    """A tab of it, with no memory of other tests' tabs."""
    from docs.pictures import tab_of

    with tab_of(browser) as opened:
        yield opened
