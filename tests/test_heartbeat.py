from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from qsweep.liveness import HEARTBEAT
from qsweep.tracking import RunRecord, heartbeat
from qsweep.tracking.heartbeat import Heartbeat
from qsweep.tracking.mlflow_tracker import MlflowTracker
from qsweep.tracking.store import open_store


@dataclass
class Server:
    """A store that takes tags, every other time; `enough` is set by the third. artifacts: as a server's."""

    artifacts: Path | None = None
    taken: list[tuple[str, str, str]] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    @property
    def client(self) -> Any:
        """Itself."""
        return self

    def set_tag(self, run_id: str, key: str, value: str) -> None:
        """Take one, or fail."""
        self.asked += 1
        if self.asked % 2:
            raise OSError("away")
        self.taken.append((run_id, key, value))
        if len(self.taken) == 3:
            self.enough.set()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A beat every few milliseconds."""
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.005)


def test_it_beats_until_it_is_stopped() -> None:
    """The tag is the time in Unix seconds; a server that is away now and then does not end it."""
    server: Any = Server()
    before = threading.active_count()
    beating = Heartbeat(server, "abc")
    assert server.enough.wait(30)
    beating.stop()
    for run_id, key, value in list(server.taken):
        assert (run_id, key) == ("abc", HEARTBEAT)
        assert abs(time.time() - float(value)) < 60
    deadline = time.monotonic() + 30
    while threading.active_count() > before:
        assert time.monotonic() < deadline, "still beating"
        time.sleep(0.01)


def test_a_store_of_this_machine_needs_none() -> None:
    """There a lock says who lives."""
    server: Any = Server(Path("artifacts"))
    before = threading.active_count()
    Heartbeat(server, "abc")
    assert threading.active_count() == before


@pytest.mark.usefixtures("workdir")
def test_a_run_on_a_server_is_heard_of() -> None:
    """While it lasts it has the tag; a short one, as most are, ends without."""
    local = open_store("local")

    @dataclass
    class AsServer:
        client: Any = local.client
        artifacts: Path | None = None

    store: Any = AsServer()
    log = MlflowTracker(store).open(RunRecord("run", "e", {}, {}))
    deadline = time.monotonic() + 30
    while HEARTBEAT not in local.client.get_run(log.run_id).data.tags:
        assert time.monotonic() < deadline, "never heard of"
        time.sleep(0.01)
    log.close("FINISHED", {}, {})
    assert local.client.get_run(log.run_id).info.status == "FINISHED"
