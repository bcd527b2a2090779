from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from qsweep.tracking.patience import RetryingClient, ServerGone
from qsweep.tracking.run_files import file_of
from qsweep.tracking.store import Store

FILE = b"some bytes"
RUN = {"run_id": "r1", "run_name": "n", "experiment_id": "0", "status": "RUNNING", "start_time": 1}


class Stub:
    """A server that treats each request as the next of its `plans` says, and answers normally after them."""

    def __init__(self) -> None:
        self.plans: list[str] = []
        self.runs: list[dict[str, Any]] = []
        self.asked: list[str] = []

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the answer of MLflow's server."""
        if path.endswith("runs/create"):
            info = {**RUN, "run_name": body["run_name"], "run_id": f"r{len(self.runs)}"}
            self.runs.append({"info": info, "data": {"tags": body["tags"]}})
            return {"run": self.runs[-1]}
        return {"runs": self.runs} if path.endswith("runs/search") else {"experiments": []}


@pytest.fixture
def stub() -> Iterator[Stub]:
    """Run a stub that listens at `stub.address`."""
    made = Stub()

    class Handler(BaseHTTPRequestHandler):
        """Answers as planned: with a status, or, if `lost`, executes the request and hangs up."""

        def do_POST(self) -> None:
            """Answer."""
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            made.asked.append(self.path.rpartition("mlflow/")[2])
            plan = made.plans.pop(0) if made.plans else "200"
            text = json.dumps(
                made.answer(self.path, body) if plan in ("200", "lost") else {"error_code": plan}
            )
            if plan == "lost":
                return
            self.send_response(int(plan) if plan.isdigit() else 403)
            self.end_headers()
            self.wfile.write(text.encode())

        def do_GET(self) -> None:
            """Answer requests for files, of which there is one, FILE."""
            made.asked.append(self.path)
            plan = made.plans.pop(0) if made.plans else "200"
            self.send_response(int(plan))
            self.end_headers()
            self.wfile.write(b'{"files": []}' if "path=" in self.path else FILE)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.address = f"http://127.0.0.1:{server.server_port}"  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(stub: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], RetryingClient]:
    """Return a function that makes a client of the stub with a budget in seconds."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    return lambda budget: RetryingClient(MlflowClient(stub.address), stub.address, budget)


@pytest.mark.parametrize("plan", ["500", "502", "503", "429", "lost"])
def test_temporary_errors_are_retried(
    stub: Stub, client: Callable[[float], RetryingClient], plan: str
) -> None:
    """A request without an answer, or with a temporary error, is repeated until it is answered."""
    stub.plans = [plan, plan]
    assert list(client(30).search_experiments()) == []
    assert stub.asked == ["experiments/search"] * 3


def test_a_refusal_is_not_retried(stub: Stub, client: Callable[[float], RetryingClient]) -> None:
    """A refused request is not repeated."""
    stub.plans = ["PERMISSION_DENIED"]
    with pytest.raises(MlflowException) as refused:
        client(30).search_experiments()
    assert refused.value.error_code == "PERMISSION_DENIED"
    assert len(stub.asked) == 1


def test_a_run_is_created_once(stub: Stub, client: Callable[[float], RetryingClient]) -> None:
    """A run whose creation was not answered is found, not created twice; the next one is new."""
    retrying = client(30)
    stub.plans = ["lost"]
    assert retrying.create_run("0", {"a": "1"}, "n").info.run_id == "r0"
    assert retrying.create_run("0", {"a": "1"}, "n").info.run_id == "r1"
    assert len(stub.runs) == 2


def test_another_run_is_not_mistaken_for_ours(stub: Stub, client: Callable[[float], RetryingClient]) -> None:
    """A run with the same start and name but other tags is not taken for ours."""
    stub.runs = [{"info": RUN, "data": {"tags": [{"key": "a", "value": "2"}]}}]
    stub.plans = ["503"]
    assert client(30).create_run("0", {"a": "1"}, "n").info.run_id == "r1"


def test_after_the_budget_calls_are_tried_once(stub: Stub, client: Callable[[float], RetryingClient]) -> None:
    """After the budget is spent, calls are tried once each; an answer restores the budget."""
    retrying = client(0.3)
    stub.plans = ["503"] * 50
    with pytest.raises(ServerGone, match="stopped answering"):
        retrying.search_experiments()
    asked = len(stub.asked)
    assert asked >= 2
    with pytest.raises(ServerGone):
        retrying.search_experiments()
    assert len(stub.asked) == asked + 1
    stub.plans = []
    retrying.search_experiments()
    stub.plans = ["503"]
    retrying.search_experiments()
    assert stub.plans == []


def test_after_an_interrupt_calls_are_tried_once(
    stub: Stub, client: Callable[[float], RetryingClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an interrupted wait, later calls do not wait."""
    retrying = client(100)
    stub.plans = ["503"] * 50

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        retrying.search_experiments()
    with pytest.raises(ServerGone):
        retrying.search_experiments()


@pytest.mark.parametrize("plans", [["503"], ["200", "503"]])
def test_a_file_is_downloaded_from_a_server_that_restarts(
    stub: Any, plans: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its download is repeated as every other request is."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    stub.plans = plans
    store = Store(stub.address, None)
    file = file_of(store, "r1", "mlflow-artifacts:/0/r1/artifacts", "config.yaml", tmp_path)
    assert (file.read_bytes(), stub.plans) == (FILE, [])


def test_a_file_of_a_server_that_is_gone(stub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not called missing or damaged."""
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    stub.plans = ["503"] * 50
    store = Store(stub.address, None)
    client: Any = store.client
    client.budget = 0.5
    with pytest.raises(ServerGone, match="stopped answering"):
        file_of(store, "r1", "mlflow-artifacts:/0/r1/artifacts", "config.yaml", tmp_path)
