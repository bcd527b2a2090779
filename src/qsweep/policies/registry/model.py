"""A policy as an MLflow model that needs numpy, pandas and MLflow, but not qsweep.

The files are those that `mlflow.pyfunc.save_model` writes for the same policy. MLflow is not used to write
them, because importing it takes longer than training.
"""

from __future__ import annotations

import json
import platform
import shutil
import uuid
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from qsweep.policies.policy import CONFIG, RECORD, TABLE, Policy
from qsweep.tracking.places import place_of
from qsweep.tracking.run_files import file_in
from qsweep.tracking.store import Store

CODE = Path(__file__).with_name("model_code.py")
FILES = {"q_table": TABLE, "policy": RECORD, "config": CONFIG}
"""Name of each of the model's artifacts -> its file in the model's folder `artifacts`."""
PACKAGES = ("mlflow", "numpy", "pandas")


def write_model(policy: Policy, folder: Path) -> None:
    """Write the policy as an MLflow pyfunc model into `folder`, which must be empty or not exist.

    Its `predict(float array [n, dimensions])` returns a frame with `action` and `q_0` to `q_{A-1}`.
    """
    artifacts = folder / "artifacts"
    artifacts.mkdir(parents=True)
    policy.save(artifacts)
    for left in artifacts.iterdir():
        if left.name not in FILES.values():
            left.unlink()
    shutil.copyfile(CODE, folder / CODE.name)
    example = _example(policy)
    (folder / "input_example.json").write_text(json.dumps(example))
    (folder / "serving_input_example.json").write_text(json.dumps({"inputs": example}, indent=2))
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    (folder / "MLmodel").write_text(yaml.safe_dump(_description(policy, size)))
    _write_requirements(folder)


def download_policy(store: Store, model_uri: str, folder: Path) -> None:
    """Copy only the policy's files from a model that `write_model` wrote.

    model_uri: the recorded location of the model's folder. Raises ForeignPlace if it is outside the store.
    """
    place = place_of(store, model_uri)
    if place is not None:
        for file in FILES.values():
            shutil.copyfile(file_in(place, f"artifacts/{file}"), folder / file)
        return
    from mlflow.artifacts import download_artifacts  # slow to import

    for file in FILES.values():
        where = f"{model_uri.rstrip('/')}/artifacts/{file}"
        download_artifacts(artifact_uri=where, dst_path=str(folder), tracking_uri=store.uri)


def _description(policy: Policy, size: int) -> dict[str, Any]:
    """Return the content of the file MLmodel: how to load the model, and its inputs and outputs."""
    inputs = [{"type": "double", "required": True} for _ in policy.grid.buckets]
    # With unnamed columns of doubles MLflow accepts float32 (as from Gymnasium), ints and lists.
    # With a float64 tensor it would reject all of these.
    outputs = [
        {"type": "long", "name": "action", "required": True},
        *({"type": "double", "name": f"q_{a}", "required": True} for a in range(policy.actions)),
    ]
    places = {name: f"artifacts/{file}" for name, file in FILES.items()}
    return {
        "flavors": {
            "python_function": {
                "artifacts": {name: {"path": place, "uri": place} for name, place in places.items()},
                "cloudpickle_version": version("cloudpickle"),
                "code": None,
                "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
                "loader_module": "mlflow.pyfunc.loaders.code_model",
                "model_code_path": CODE.name,
                "python_version": platform.python_version(),
                "streamable": False,
            }
        },
        "is_signature_from_type_hint": False,
        "mlflow_version": version("mlflow"),
        "model_id": None,
        "model_size_bytes": size,
        "model_uuid": uuid.uuid4().hex,
        "prompts": None,
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "serving_input_path": "serving_input_example.json",
            "type": "ndarray",
        },
        "signature": {"inputs": json.dumps(inputs), "outputs": json.dumps(outputs), "params": None},
        "type_hint_from_example": False,
        "utc_time_created": str(datetime.now(UTC).replace(tzinfo=None)),
    }


def _write_requirements(folder: Path) -> None:
    packages = [f"{package}=={version(package)}" for package in PACKAGES]
    (folder / "requirements.txt").write_text("\n".join(packages))
    python = platform.python_version()
    virtualenv = {
        "python": python,
        "build_dependencies": ["pip", "setuptools", "wheel"],
        "dependencies": ["-r requirements.txt"],
    }
    (folder / "python_env.yaml").write_text(yaml.safe_dump(virtualenv, sort_keys=False))
    conda = {
        "channels": ["conda-forge"],
        "dependencies": [f"python={python}", "pip", {"pip": packages}],
        "name": "mlflow-env",
    }
    (folder / "conda.yaml").write_text(yaml.safe_dump(conda, sort_keys=False))


def _example(policy: Policy) -> list[list[float]]:
    """Return one observation, [1, dimensions]: the lower bounds of the middle buckets."""
    low, buckets, scale = (np.array(v) for v in (policy.grid.low, policy.grid.buckets, policy.grid.scale))
    return [(low + buckets // 2 / scale).tolist()]
