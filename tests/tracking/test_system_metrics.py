"""System metrics, which a run does without if a server is away."""

from __future__ import annotations

import pytest

from qsweep.config import Tracking
from qsweep.plan.composition import load_config
from qsweep.tracking import system_metrics
from qsweep.tracking.system_metrics import measured


def tracking() -> Tracking:
    config = load_config(["tracking=none"]).tracking
    object.__setattr__(config, "system_metrics", True)
    return config


def away(*_: object) -> None:
    raise ConnectionError("no server")


def test_an_outage_at_the_start(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The run goes on, with a warning."""
    monkeypatch.setattr(system_metrics, "_started", away)
    with measured(tracking(), "id"):
        pass
    assert "system metrics are incomplete: ConnectionError: no server" in caplog.text


def test_an_outage_at_the_end(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It takes the place neither of the run's end nor of an interrupt."""
    monkeypatch.setattr(system_metrics, "_started", lambda *_: object())
    monkeypatch.setattr(system_metrics, "_finish", away)
    with measured(tracking(), "id"):
        pass
    with pytest.raises(KeyboardInterrupt), measured(tracking(), "id"):
        raise KeyboardInterrupt
    assert caplog.text.count("no server") == 2
