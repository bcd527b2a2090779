from __future__ import annotations

import getpass
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from qsweep.errors import UsageError
from qsweep.plan.composition import load_resolved, plan
from qsweep.runs.runner import Work, run_record
from qsweep.tracking.store import open_store
from qsweep.tracking.users import USER, user_of
from tests.support.trained import run

SERVER = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without credentials, of a machine's user called ada."""
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    return tmp_path


def test_a_runs_user(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is `tracking.user`, else the login of the server, else that of the machine."""
    assert [user_of("local"), user_of(SERVER), user_of(SERVER, "eve")] == ["ada", "ada", "eve"]
    (home / ".mlflow").mkdir()
    (home / ".mlflow" / "credentials").write_text("[mlflow]\nmlflow_tracking_username = grace\n")
    assert [user_of("local"), user_of(SERVER)] == ["ada", "grace"]
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "lin")
    assert [user_of("sqlite:///x"), user_of(SERVER)] == ["ada", "lin"]


def test_a_machine_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without an entry in the machine's list, as in containers, is unknown."""

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 1234")

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert user_of("local") == "unknown"


def test_tags_of_a_run() -> None:
    """Note, tags and user become tags, and no params."""
    given = (
        "tracking.note='try it: 1'",
        "tracking.tags.course=rl1",
        "tracking.tags.group=3",
        "tracking.user=eve",
    )
    record = run_record(load_resolved(given), "x", "")
    kept = ("course", "group", "mlflow.note.content", USER)
    assert [record.tags[key] for key in kept] == ["rl1", "3", "try it: 1", "eve"]
    expected = {"tracking.experiment", "tracking.max_points", "tracking.uri"}
    assert {key for key in record.params if key.startswith("tracking.")} == expected


@pytest.mark.parametrize(
    "line",
    ["tracking.user=a/b", "tracking.tags.a=[1]", "tracking.tags.mlflow.user=x", "tracking.tags={'a b':1}"],
)
def test_odd_users_and_tags_are_refused(line: str) -> None:
    """Names that MLflow would refuse, and tags of its own, are refused beforehand."""
    with pytest.raises(UsageError, match=r"tracking\.(user|tags)"):
        plan([line], multirun=False)


def test_system_metrics_need_psutil(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the package the key is refused, with what to install."""
    monkeypatch.setattr("qsweep.plan.composition.find_spec", lambda _: None)
    with pytest.raises(UsageError, match="pip install psutil"):
        plan(["tracking.system_metrics=true"], multirun=False)


def test_system_metrics_of_a_run(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of a run that is shorter than MLflow's interval, CPU and memory are recorded."""
    usage = SimpleNamespace(used=2e6, percent=5, free=1e6, total=3e6, bytes_sent=0, bytes_recv=0)
    functions = ("virtual_memory", "disk_usage", "net_io_counters")
    psutil = ModuleType("psutil")
    psutil.__spec__ = ModuleSpec("psutil", None)
    vars(psutil).update({name: lambda *_: usage for name in functions}, cpu_percent=lambda: 12.0)
    monkeypatch.setitem(sys.modules, "psutil", psutil)
    uri = f"sqlite:///{workdir}/mlruns/mlflow.db"
    keys = (
        "episodes=20",
        "evaluation.test_episodes=5",
        "evaluation.episodes=5",
        "tracking.system_metrics=true",
    )
    [done] = run([Work(load_resolved([*keys, f"tracking.uri={uri}"]), "x", "", figures=False)])
    metrics = open_store(uri).client.get_run(done.run_id).data.metrics
    assert metrics["system/cpu_utilization_percentage"] == 12.0
    assert metrics["system/system_memory_usage_megabytes"] == 2.0
