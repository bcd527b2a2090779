"""Paging through the results of MLflow's searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

PAGE = 1000
"""Results per request."""


RUN, VERSION, EXPERIMENT = (
    attrgetter("info.run_id"),
    attrgetter("name", "version"),
    attrgetter("experiment_id"),
)
"""The identifiers of results."""


def every_result(
    key: Callable[[Any], Any], search: Callable[..., Any], *given: Any, **named: Any
) -> Iterator[Any]:
    """Yield all results of a search of MLflow's client, each once. given, named: its other arguments.

    A page begins at an offset: what is added meanwhile shifts a result to the next page, where it is again.
    """
    token, seen = None, set()
    while True:
        page = search(*given, max_results=PAGE, page_token=token, **named)
        for result in page:
            if key(result) not in seen:
                seen.add(key(result))
                yield result
        token = page.token
        if not token:
            return
