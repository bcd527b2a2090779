"""Paging through the results of MLflow's searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

PAGE = 1000
"""Results per request."""


def every_result(search: Callable[..., Any], *given: Any, **named: Any) -> Iterator[Any]:
    """Yield all results of a search of MLflow's client. given, named: its other arguments."""
    token = None
    while True:
        page = search(*given, max_results=PAGE, page_token=token, **named)
        yield from page
        token = page.token
        if not token:
            return
