"""Searches in processes of their own: killed, several at once, and seen in optuna-dashboard."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna_dashboard
import pytest
from optuna.trial import FrozenTrial, TrialState

from qsweep.runs.search.study import load

pytestmark = pytest.mark.integration

SEARCHING = """
import sys, time
from pathlib import Path
from qsweep.runs.search.samplers import sampler
from qsweep.runs.search.loop import Scored, Search
from qsweep.runs.search.settings import Settings
from qsweep.runs.search.spaces import space
from qsweep.runs.search.study import SearchStudy

def evaluate(wanted):
    time.sleep(0.02)
    return [Scored("r", (-abs(float(run.overrides[0][2:]) - 0.3) - run.seed / 100,)) for run in wanted]

points = space(["x=interval(0,1)", "c=a,b"])
settings = Settings(int(sys.argv[2]), (0, 1), pruner="median", parallel=2)
study = SearchStudy("cheap", Path(sys.argv[1]), sampler("tpe", 0, points), {"what": "cheap"})
for told in Search(study, points, settings, evaluate).run():
    print(told.number, flush=True)
"""
TRIALS = 20


def begun(path: Path) -> subprocess.Popen[str]:
    """A process that searches a cheap function, and prints the number of each trial that ends."""
    command = [sys.executable, "-c", SEARCHING, str(path), str(TRIALS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def numbers(process: subprocess.Popen[str]) -> list[int]:
    """What a process printed, once it has ended well."""
    out, said = process.communicate(timeout=200)
    assert process.returncode == 0, said
    return [int(line) for line in out.split()]


def ended(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    return [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]


def test_killed_and_resumed(tmp_path: Path) -> None:
    """After kill -9 at three moments a search ends with its trials, and nothing that was told is lost."""
    path = tmp_path / "optuna.db"
    told: list[int] = []
    for lines in (1, 4, 7):
        process = begun(path)
        assert process.stdout is not None
        told += [int(process.stdout.readline()) for _ in range(lines)]
        process.kill()
        process.communicate(timeout=60)
    told += numbers(begun(path))
    assert len(told) == len(set(told))
    trials = load("cheap", path).get_trials()
    assert len(ended(trials)) == TRIALS
    assert set(told) <= {trial.number for trial in ended(trials)}
    failed = [trial for trial in trials if trial.state == TrialState.FAIL]
    assert len(failed) + TRIALS == len(trials)
    again = {trial.user_attrs["again"]: trial.params for trial in trials if "again" in trial.user_attrs}
    assert all(again[trial.number] == trial.params for trial in failed if trial.params)


def test_several_processes_share_a_study(tmp_path: Path) -> None:
    """Three processes do a study's trials between them, each once, without a locked database."""
    path = tmp_path / "optuna.db"
    told = [number for process in [begun(path) for _ in range(3)] for number in numbers(process)]
    assert sorted(told) == list(range(TRIALS))
    trials = load("cheap", path).get_trials()
    assert len({str(trial.params) for trial in trials}) == len(ended(trials)) == TRIALS
    assert len({trial.user_attrs["worker"] for trial in trials}) == 3


def test_optuna_dashboard_opens_the_study(tmp_path: Path) -> None:
    """The dashboard lists the study, its best trial with its value, and what qsweep notes of that."""
    path = tmp_path / "optuna.db"
    numbers(begun(path))
    app = optuna_dashboard.wsgi(f"sqlite:///{path}")
    [listed] = asked(app, "/api/studies")["study_summaries"]
    assert (listed["study_name"], listed["directions"]) == ("cheap", ["maximize"])
    shown = asked(app, f"/api/studies/{listed['study_id']}", "after=0")
    assert len(shown["trials"]) == TRIALS
    best = load("cheap", path).best_trial
    [found] = [trial for trial in shown["trials"] if trial["number"] == best.number]
    assert found["values"] == [best.value]
    noted = {attribute["key"]: attribute["value"] for attribute in found["user_attrs"]}
    assert json.loads(noted["overrides"]) == best.user_attrs["overrides"]


def asked(app: Any, path: str, query: str = "") -> Any:
    """What a WSGI application answers, from JSON."""
    environment: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query, "wsgi.input": BytesIO()}
    setup_testing_defaults(environment)
    status: list[str] = []
    body = b"".join(app(environment, lambda line, *_: status.append(line)))
    assert status[0].startswith("200"), (status, body)
    return json.loads(body)
