"""A trained policy behind `mlflow models serve`, playing over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import gymnasium
import pytest

from qsweep.policies.policy import Policy
from tests.support.commands import run_command

pytestmark = [pytest.mark.integration, pytest.mark.slow]

BEST = "MountainCar-v0@best"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that learned to reach the goal, registered, and its best checkpoint pulled."""
    folder = tmp_path_factory.mktemp("served")
    for command in (("train", "episodes=5000"), ("pull", BEST)):
        run_command(command, folder).check_returncode()
    return folder


@pytest.fixture(scope="module", params=[f"{BEST}/model", f"models:/{BEST}"])
def served(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    """The address of the model, served from the pulled folder or from the registry."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ["--host", "127.0.0.1", "--port", str(port)]
    command = ["models", "serve", "--env-manager", "local", "--model-uri", request.param, *address]
    programs = str(Path(sys.executable).parent)  # MLflow starts uvicorn by its bare name
    settings = {
        "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlruns/mlflow.db",
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    process = subprocess.Popen(
        [f"{programs}/mlflow", *command], cwd=folder, env={**os.environ, **settings}, start_new_session=True
    )
    try:
        wait_for(f"http://127.0.0.1:{port}/ping", process)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # the server and its workers
        process.wait(timeout=30)


def wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    """Return when the server answers; fails when it has ended, and after two minutes."""
    deadline = time.monotonic() + 120
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            assert server.poll() is None, "the server ended"
            assert time.monotonic() < deadline, f"{address} does not answer"
            time.sleep(0.3)
        else:
            return


def ask(address: str, body: dict[str, Any]) -> list[dict[str, float]]:
    """The predictions for a JSON body."""
    request = urllib.request.Request(address, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        predictions: list[dict[str, float]] = json.load(answer)["predictions"]
    return predictions


def test_an_episode_is_played_over_http(served: str, folder: Path) -> None:
    """Asked for every step, the model takes the policy's actions and reaches the goal."""
    policy = Policy.load(folder / BEST)
    env = gymnasium.make("MountainCar-v0")
    observation, _ = env.reset(seed=0)
    terminated = truncated = False
    while not (terminated or truncated):
        [prediction] = ask(served, {"inputs": [observation.tolist()]})
        assert prediction["action"] == policy.act(observation.tolist())
        observation, _, terminated, truncated, _ = env.step(int(prediction["action"]))
    assert terminated


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [[-0.5, 0.0], [9, -9]]},
        {"instances": [[-0.5, 0.0], [9, -9]]},
        {"dataframe_split": {"columns": ["position", "velocity"], "data": [[-0.5, 0.0], [9, -9]]}},
    ],
    ids=lambda body: next(iter(body)),
)
def test_every_way_to_ask(served: str, folder: Path, body: dict[str, Any]) -> None:
    """Whichever way the observations are written, each is answered with an action and its values."""
    policy = Policy.load(folder / BEST)
    predictions = ask(served, body)
    assert [one["action"] for one in predictions] == [policy.act([-0.5, 0.0]), policy.act([9, -9])]
    values = policy.q_table[19, 0].tolist()
    assert predictions[1] == {"action": policy.act([9, -9]), **{f"q_{a}": q for a, q in enumerate(values)}}


def test_nan_is_an_error(served: str) -> None:
    """An observation with a hole in it is answered with an error that says so, not with an action."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(served, {"inputs": [[None, 0.0]]})
    assert caught.value.code in (400, 500)
    assert "NaN in row 0" in caught.value.read().decode()
