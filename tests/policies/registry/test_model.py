from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import mlflow.pyfunc
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import yaml
from mlflow.exceptions import MlflowException
from mlflow.models import Model, get_model_info

from qsweep.config import Env, record
from qsweep.environments.grid import Grid
from qsweep.plan.composition import load_resolved
from qsweep.policies.policy import Policy
from qsweep.policies.registry.model import CODE, FILES, write_model
from qsweep.tracking.checkpoints import sha256

pytestmark = pytest.mark.slow

ALONE = """
import sys
from datetime import datetime
sys.modules["qsweep"] = sys.modules["gymnasium"] = None  # importing them fails
import mlflow.pyfunc, numpy as np
print(mlflow.pyfunc.load_model(sys.argv[1]).predict(np.array([[-0.5, 0.01]]))["action"][0])
"""


def policy_for(given: str, first_action: int = 0) -> Policy:
    """A random table for an environment, as training would shape it."""
    made = load_resolved([f"env={part}" if "=" not in part else part for part in given.split()])
    return on(made.grid, made.description.actions, first_action, record(made.config))


def on(cells: Grid, actions: int, first_action: int, config: dict[str, Any]) -> Policy:
    table = np.random.default_rng(3).normal(size=(*cells.shape, actions))
    origin = {"run_id": "", "run_name": "", "checkpoint": "", "sha256": sha256(table), "metrics": {}}
    env = Env(config["env"]["id"], max_steps=config["env"]["max_steps"], kwargs=config["env"]["kwargs"])
    return Policy(table, cells, env, first_action, config, origin)


@pytest.fixture(scope="module")
def policy() -> Policy:
    """A random policy for MountainCar."""
    return policy_for("mountain_car")


@pytest.fixture(scope="module")
def folder(policy: Policy, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """That policy as a model."""
    folder = tmp_path_factory.mktemp("written") / "model"
    write_model(policy, folder)
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> mlflow.pyfunc.PyFuncModel:
    """That model, loaded."""
    return mlflow.pyfunc.load_model(str(folder))


def anywhere(cells: Grid, n: int) -> npt.NDArray[np.float64]:
    """Return observations in and around a grid, on its edges, and up to infinity."""
    low, high, buckets = (np.array(values) for values in (cells.low, cells.high, cells.buckets))
    generator = np.random.default_rng(7)
    inside = low + (high - low) * generator.uniform(-0.5, 1.5, size=(n, len(low)))
    edges = low + generator.integers(0, buckets + 1, size=(n, len(low))) * ((high - low) / buckets)
    far = generator.choice([-math.inf, -1e308, -0.0, 0.0, 5e-324, 1e308, math.inf], size=(n, len(low)))
    return np.concatenate([inside, edges, np.nextafter(edges, -np.inf), far])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "first_action"),
    [
        ("mountain_car", 0),
        ("acrobot", 0),
        ("blackjack", 5),
        ("taxi", 0),
        ("mountain_car discretizer=tiles", 0),
        ("cart_pole discretizer=tiles tilings=5 buckets=[3,4,5,6]", 2),
        ("mountain_car discretizer=quantile", 0),
        ("acrobot discretizer=quantile buckets=[1,2,3,4,5,6]", 0),
        ("pendulum", 0),
    ],
)
def test_the_model_acts_as_the_policy(env: str, first_action: int, tmp_path: Path) -> None:
    """On random observations, on edges, out of bounds and at infinity their actions are the same."""
    policy = policy_for(env, first_action)
    write_model(policy, tmp_path / "model")
    observations = anywhere(policy.grid, 300)
    predicted = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(observations)
    assert predicted["action"].tolist() == [policy.act(one) for one in observations.tolist()]


def test_the_frame_holds_action_and_values(policy: Policy, model: mlflow.pyfunc.PyFuncModel) -> None:
    """There is one row per observation: the action as an integer, then the value of each action."""
    frame = model.predict(np.array([policy.grid.low, policy.grid.high]))
    assert list(frame.columns) == ["action", "q_0", "q_1", "q_2"]
    assert [str(kind) for kind in frame.dtypes] == ["int64", "float64", "float64", "float64"]
    expected = [policy.q_table[0, 0], policy.q_table[-1, -1]]
    assert frame[["q_0", "q_1", "q_2"]].to_numpy().tolist() == [row.tolist() for row in expected]


@pytest.mark.parametrize(
    "observations",
    [
        np.array([[-0.5, 0.0]], np.float32),
        np.array([[0, 0]]),
        [[-0.5, 0.0]],
        pd.DataFrame({"position": [-0.5], "velocity": [0.0]}),
        pd.DataFrame([[-0.5, 0.0]], dtype=np.float32),
    ],
    ids=["float32, as Gymnasium gives", "int", "list", "frame", "float32 frame"],
)
def test_whatever_holds_numbers_is_taken(
    observations: Any, policy: Policy, model: mlflow.pyfunc.PyFuncModel
) -> None:
    """Arrays of any number type, lists and frames give the same as a float64 array."""
    [expected] = np.asarray(observations, np.float64).tolist()
    assert model.predict(observations)["action"].tolist() == [policy.act(expected)]


def test_no_observations_give_no_actions(model: mlflow.pyfunc.PyFuncModel) -> None:
    """An empty array [0, dimensions] gives an empty frame of the same columns."""
    frame = model.predict(np.empty((0, 2)))
    assert (len(frame), list(frame.columns)) == (0, ["action", "q_0", "q_1", "q_2"])


def test_nan_is_refused(model: mlflow.pyfunc.PyFuncModel) -> None:
    """NaN is refused, and the error names the row."""
    with pytest.raises(ValueError, match="must be numbers; NaN in row 1"):
        model.predict(np.array([[0.0, 0.0], [0.0, math.nan]]))


@pytest.mark.parametrize("observations", [np.zeros((1, 1)), np.zeros(2)])
def test_too_few_dimensions_are_refused(observations: Any, model: mlflow.pyfunc.PyFuncModel) -> None:
    """Observations of another shape are refused."""
    with pytest.raises(MlflowException, match="missing inputs"):
        model.predict(observations)


def test_the_code_refuses_another_shape(model: mlflow.pyfunc.PyFuncModel) -> None:
    """The model's own code checks its input, also without MLflow's checks (`unwrap_python_model`)."""
    with pytest.raises(ValueError, match=r"must be \[n, 2\]; given \[1, 3\]"):
        model.unwrap_python_model().predict(None, np.zeros((1, 3)))  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_model_needs_no_qsweep(folder: Path, policy: Policy) -> None:
    """It predicts in a process that can import neither qsweep nor gymnasium."""
    command = [sys.executable, "-W", "ignore", "-c", ALONE, str(folder)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(ran.stdout) == policy.act([-0.5, 0.01])


def test_the_model_describes_itself(folder: Path) -> None:
    """Signature, example and requirements: numbers in; action and values out; numpy and pandas."""
    info = get_model_info(str(folder))
    assert info.signature.inputs.to_dict() == [{"type": "double", "required": True}] * 2
    outputs = [(column["name"], column["type"]) for column in info.signature.outputs.to_dict()]
    assert outputs == [("action", "long"), ("q_0", "double"), ("q_1", "double"), ("q_2", "double")]
    assert json.loads((folder / "input_example.json").read_text()) == [[pytest.approx(-0.3), 0.0]]
    packages = {f"{package}=={version(package)}" for package in ("mlflow", "numpy", "pandas")}
    assert set((folder / "requirements.txt").read_text().split()) == packages


def test_the_model_holds_the_policy(folder: Path, policy: Policy) -> None:
    """Its artifacts are the table, the record and the config, from which the policy is loaded again."""
    files = sorted(path.name for path in (folder / "artifacts").iterdir())
    assert files == ["config.yaml", "policy.json", "q_table.npy"]
    assert Policy.load(folder / "artifacts").origin == policy.origin
    assert Model.load(str(folder)).flavors["python_function"]["loader_module"].endswith("code_model")


def test_nothing_else_is_written(policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing a model leaves nothing in the current folder, and ignores a uv project there."""
    for name in ("uv.lock", "pyproject.toml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    write_model(policy, tmp_path / "model")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "pyproject.toml", "uv.lock"]
    assert not {"pyproject.toml", "uv.lock"} & {path.name for path in (tmp_path / "model").iterdir()}


def test_the_files_are_those_that_mlflow_writes(folder: Path, tmp_path: Path) -> None:
    """MLflow's own `save_model` writes the same files, and an MLmodel with the same loader and types."""
    artifacts = {name: str(folder / "artifacts" / file) for name, file in FILES.items()}
    stock = tmp_path / "stock"
    mlflow.pyfunc.save_model(
        stock,
        python_model=str(CODE),
        artifacts=artifacts,
        signature=get_model_info(str(folder)).signature,
        input_example=np.array(json.loads((folder / "input_example.json").read_text())),
        pip_requirements=[f"{package}=={version(package)}" for package in ("numpy", "pandas")],
    )
    names = [sorted(str(p.relative_to(top)) for p in top.rglob("*")) for top in (stock, folder)]
    names = [[name for name in each if "__pycache__" not in name] for each in names]  # once one was loaded
    assert names[0] == names[1]
    same = [name for name in names[0] if name.endswith((".json", ".txt", ".npy", ".py", "config.yaml"))]
    assert len(same) == 7
    assert all((stock / name).read_bytes() == (folder / name).read_bytes() for name in same)
    says = [yaml.safe_load((top / "MLmodel").read_text()) for top in (stock, folder)]
    for said in says:
        loading = said["flavors"]["python_function"]
        for artifact in loading["artifacts"].values():
            del artifact["uri"]  # where it was copied from, in MLflow's
        loading["model_code_path"] = Path(loading["model_code_path"]).name
        assert len(said.pop("model_uuid")) == 32
        assert datetime.fromisoformat(said.pop("utc_time_created")).tzinfo is None
    assert says[0] == says[1]
