"""A policy as an MLflow model that needs no qsweep: numpy, pandas and MLflow play it.

The files are those that `mlflow.pyfunc.save_model` writes for the same policy; MLflow is not imported
for it, which would take longer than training.
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
from qsweep.tracking.store import Store

CODE = Path(__file__).with_name("model_code.py")
FILES = {"q_table": TABLE, "policy": RECORD, "config": CONFIG}
"""What the model's artifacts are called, and their files, which lie in its folder `artifacts`."""
PACKAGES = ("mlflow", "numpy", "pandas")


def write_model(policy: Policy, folder: Path) -> None:
    """Write the policy as an MLflow pyfunc model into `folder`, which must be empty or not there.

    Its `predict(float array [n, dimensions])` gives a frame with `action` and `q_0` to `q_{A-1}`.
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
    """Download the files of a policy, and nothing else, from a model that `write_model` wrote.

    model_uri: where the model's folder lies, as MLflow says it.
    """
    from mlflow.artifacts import download_artifacts  # slow to import

    for file in FILES.values():
        where = f"{model_uri.rstrip('/')}/artifacts/{file}"
        download_artifacts(artifact_uri=where, dst_path=str(folder), tracking_uri=store.uri)


def _description(policy: Policy, size: int) -> dict[str, Any]:
    """What the file MLmodel says: how it is loaded, what it takes and gives."""
    inputs = [{"type": "double", "required": True} for _ in policy.grid.buckets]
    # Unnamed columns of doubles: MLflow then takes float32, which Gymnasium gives, ints and lists.
    # A float64 tensor would turn all of these away.
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
    """What the model needs, for pip, for virtualenv and for conda."""
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
    """One observation, [1, dimensions]: where the middle bucket begins."""
    low, buckets, scale = (np.array(v) for v in (policy.grid.low, policy.grid.buckets, policy.grid.scale))
    return [(low + buckets // 2 / scale).tolist()]
