"""Searches in processes of their own: killed, several at once, and shown by optuna-dashboard."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna
import optuna_dashboard
import pytest
from optuna.trial import FrozenTrial, TrialState

pytestmark = pytest.mark.integration

SEARCHING = """
import sys, time
from pathlib import Path
from qsweep.runs.search.loop import RunScore, Search
from qsweep.runs.search.pruners import pruner
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.settings import Settings
from qsweep.runs.search.spaces import space
from qsweep.runs.search.study import SearchStudy

def train(requests):
    time.sleep(0.02)
    return [RunScore("r", -abs(float(run.overrides[0][2:]) - 0.3) - run.seed / 100) for run in requests]

points = space(["x=interval(0,1)", "c=a,b"])
settings = Settings(int(sys.argv[2]), (0, 1), pruner="median", parallel=2)
drawn, path = sampler("tpe", 0, points), Path(sys.argv[1])
study = SearchStudy("cheap", path, drawn, pruner("median"), {"what": "cheap"})
for result in Search(study, points, settings, train).run():
    print(result.number, flush=True)
"""
TRIALS = 20


def started(path: Path) -> subprocess.Popen[str]:
    """Start a process that searches a cheap function and prints the number of each trial that ends."""
    command = [sys.executable, "-c", SEARCHING, str(path), str(TRIALS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def numbers(process: subprocess.Popen[str]) -> list[int]:
    """Return the numbers that a process printed; it must exit with 0."""
    out, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    return [int(line) for line in out.split()]


def load(path: Path) -> optuna.Study:
    return optuna.load_study(study_name="cheap", storage=f"sqlite:///{path}")


def ended(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def test_killed_and_resumed(tmp_path: Path) -> None:
    """After kill -9 at three moments a search ends with all its trials, and no result is lost."""
    path = tmp_path / "optuna.db"
    printed: list[int] = []
    for lines in (1, 4, 7):
        process = started(path)
        assert process.stdout is not None
        printed += [int(process.stdout.readline()) for _ in range(lines)]
        process.kill()
        process.communicate(timeout=60)
    printed += numbers(started(path))
    assert len(printed) == len(set(printed))
    trials = load(path).get_trials()
    assert len(ended(trials)) == TRIALS
    assert set(printed) <= {trial.number for trial in ended(trials)}
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert len(failed) + TRIALS == len(trials)
    retried = {
        trial.user_attrs["retry_of"]: trial.params for trial in trials if "retry_of" in trial.user_attrs
    }
    assert all(retried[trial.number] == trial.params for trial in failed if trial.params)


def test_several_processes_share_a_study(tmp_path: Path) -> None:
    """Three processes share the trials of a study, each once, without a locked database."""
    path = tmp_path / "optuna.db"
    printed = [number for process in [started(path) for _ in range(3)] for number in numbers(process)]
    assert sorted(printed) == list(range(TRIALS))
    trials = load(path).get_trials()
    assert len({str(trial.params) for trial in trials}) == len(ended(trials)) == TRIALS
    assert len({trial.user_attrs["worker"] for trial in trials}) == 3


def test_optuna_dashboard_opens_the_study(tmp_path: Path) -> None:
    """The dashboard lists the study, its best trial with its value, and that trial's attributes."""
    path = tmp_path / "optuna.db"
    numbers(started(path))
    app = optuna_dashboard.wsgi(f"sqlite:///{path}")
    [listed] = asked(app, "/api/studies")["study_summaries"]
    assert (listed["study_name"], listed["directions"]) == ("cheap", ["maximize"])
    shown = asked(app, f"/api/studies/{listed['study_id']}", "after=0")
    assert len(shown["trials"]) == TRIALS
    best = load(path).best_trial
    [found] = [trial for trial in shown["trials"] if trial["number"] == best.number]
    assert found["values"] == [best.value]
    attributes = {attribute["key"]: attribute["value"] for attribute in found["user_attrs"]}
    assert json.loads(attributes["overrides"]) == best.user_attrs["overrides"]


def asked(app: Any, path: str, query: str = "") -> Any:
    """Return the parsed JSON that a WSGI application answers with."""
    environment: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": BytesIO()}
    setup_testing_defaults(environment)
    status: list[str] = []
    body = b"".join(app(environment, lambda line, *_: status.append(line)))
    assert status[0].startswith("200"), (status, body)
    return json.loads(body)
