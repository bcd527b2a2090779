"""Curves from a tracking server, which samples them itself, those of many runs in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import numpy as np

from qsweep.system.arrays import Floats, Ints
from qsweep.tracking.store import Store

PATH = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
"""The request by which MLflow's own UI draws curves."""
MOST_POINTS = 2500
"""The most points of a curve for which a server can be asked."""
SINCE = (3, 15)
"""MLflow's first version whose server samples each curve by itself.

An earlier one chooses steps for all runs of a request together, of which a short curve has few.
"""
OK = 200
RUNS, CONNECTIONS = 20, 8
"""Runs per request, of at most 100, and concurrent requests."""
Points = tuple[Ints, Floats]
"""Episodes [n] and values [n] of a curve."""


class NotOffered(Exception):
    """The server does not answer such requests: another version, or a proxy that knows MLflow's API only."""


def sampled(
    store: Store, run_ids: Sequence[str], metrics: Sequence[str], points: int
) -> dict[tuple[str, str], Points]:
    """Return (run, metric) -> at most `points` points of its curve, evenly spaced and including the last.

    A run without a metric is left out, and so is an unknown run. Raises NotOffered.
    """
    if _release(store) < SINCE:
        raise NotOffered("it samples all curves of a request together")
    asked = [(metric, run_ids[k : k + RUNS]) for metric in metrics for k in range(0, len(run_ids), RUNS)]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        answers = list(pool.map(lambda some: dict(_ask(store, some[0], some[1], points)), asked))
    return dict(chain.from_iterable(answer.items() for answer in answers))


def _release(store: Store) -> tuple[int, ...]:
    """Return the server's version of MLflow, without the patch."""
    from qsweep.tracking.client.request import request

    try:
        return tuple(int(part) for part in request(store.uri, "/version").text.split(".")[:2])
    except (OSError, ValueError) as error:
        raise NotOffered(str(error)) from error


def _ask(
    store: Store, metric: str, run_ids: Sequence[str], points: int
) -> Iterator[tuple[tuple[str, str], Points]]:
    from qsweep.tracking.client.request import request

    try:
        answer = request(store.uri, PATH, run_ids=run_ids, metric_key=metric, max_results=points)
        if answer.status_code != OK:
            raise NotOffered(answer.text)
        found: dict[str, list[tuple[int, int, float]]] = {}
        for row in answer.json().get("metrics", ()):
            point = int(row["step"]), int(row["timestamp"]), float(row["value"])
            found.setdefault(str(row["run_id"]), []).append(point)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NotOffered(str(error)) from error
    for run_id, rows in found.items():
        rows.sort(key=lambda row: row[:2])
        steps, _, values = zip(*rows, strict=True)
        yield (run_id, metric), (np.array(steps, np.int64), np.array(values, np.float64))
