from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import mlflow.server
import numpy as np
import pandas as pd
import pytest
from mlflow.server import handlers
from mlflow.tracking._tracking_service import utils
from werkzeug.serving import make_server

from qsweep.report.loading import server_curves
from qsweep.report.loading.curves import load_curves
from qsweep.tracking.store import Store, open_store
from tests.report.loading.test_curves import AVERAGE, logged
from tests.support.recorded import record

EPSILON = "train/epsilon"


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


@pytest.fixture
def server(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Serve the store by MLflow's own application, in a thread; yield its address."""
    monkeypatch.setenv("_MLFLOW_SERVER_FILE_STORE", store.uri)
    monkeypatch.setattr(handlers, "_tracking_store", None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.uri)  # MLflow's server sets it for its whole process
    monkeypatch.setattr(utils, "_tracking_uri", None)
    served = make_server("127.0.0.1", 0, mlflow.server.app, threaded=True)
    thread = Thread(target=served.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{served.port}"
    served.shutdown()
    thread.join()


@pytest.fixture
def run_ids(store: Store) -> list[str]:
    """The ids of a long curve, a short one with NaN, and curves of every metric."""
    values = np.array([1, math.nan, 3, 4, 5, 6, math.inf])
    long = logged(store, np.arange(1000) * 3, np.arange(1000.0))
    return [long, logged(store, np.arange(7), values), record(store, {"seed": 1})]


def test_the_server_samples_long_curves(store: Store, server: str, run_ids: list[str]) -> None:
    """A curve has its points at even distances, the last included; one that is short has all of them.

    Before MLflow 3.15 a server would leave few points of a short curve, so all points are read.
    """
    asked = [*run_ids, "0" * 32]
    found, direct = (load_curves(asked, (AVERAGE, EPSILON), 100, uri) for uri in (server, store.uri))
    if tuple(map(int, mlflow.__version__.split(".")[:2])) < server_curves.SINCE:
        pd.testing.assert_frame_equal(found, direct)
        return
    long = found[found["run_id"] == run_ids[0]]
    episodes = long["episode"].to_numpy()
    assert 50 < len(episodes) <= 100
    assert (episodes[-1], np.ptp(np.diff(episodes[:-1]))) == (2997, 0)
    assert long["value"].tolist() == (episodes / 3).tolist()
    others = (frame[frame["run_id"] != run_ids[0]].reset_index(drop=True) for frame in (found, direct))
    pd.testing.assert_frame_equal(*others)


@pytest.mark.parametrize(
    ("points", "name", "value"),
    [
        (0, "PATH", server_curves.PATH),
        (100, "PATH", "/ajax-api/2.0/mlflow/metrics/nothing"),
        (100, "SINCE", (99, 0)),
    ],
    ids=["all points", "another path", "an earlier version"],
)
def test_a_server_that_does_not_sample(
    store: Store,
    server: str,
    run_ids: list[str],
    points: int,
    name: str,
    value: object,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All points are read through MLflow's client; so they are where none may be left out."""
    monkeypatch.setattr(server_curves, name, value)
    frames = (load_curves(run_ids, (AVERAGE, EPSILON), points, uri) for uri in (server, store.uri))
    pd.testing.assert_frame_equal(*frames)
