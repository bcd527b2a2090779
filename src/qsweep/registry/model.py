"""A policy as an MLflow model that needs no qsweep: numpy, pandas and MLflow play it."""

from __future__ import annotations

import logging
import os
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from qsweep.durable import temporary_folder
from qsweep.policy import CONFIG, RECORD, TABLE, Policy

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

CODE = Path(__file__).with_name("model_code.py")
FILES = {"q_table": TABLE, "policy": RECORD, "config": CONFIG}
"""What the model's artifacts are called, and their files, which lie in its folder `artifacts`."""
PACKAGES = ("numpy", "pandas")


def write_model(policy: Policy, folder: Path) -> None:
    """Write the policy as an MLflow pyfunc model into `folder`, which must be empty or not there.

    Its `predict(float array [n, dimensions])` gives a frame with `action` and `q_0` to `q_{A-1}`.
    """
    # MLflow reports its use over the network, and copies a uv project it finds, unless told not to.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_UV_AUTO_DETECT", "false")
    import mlflow.pyfunc  # slow to import

    logging.getLogger("mlflow.pyfunc").setLevel(logging.WARNING)
    with temporary_folder() as temporary:
        policy.save(Path(temporary))
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(CODE),
            artifacts={name: str(Path(temporary) / file) for name, file in FILES.items()},
            signature=_signature(policy),
            input_example=_example(policy),
            # Left to itself, MLflow finds them out by running the model in another process.
            pip_requirements=[f"{package}=={version(package)}" for package in PACKAGES],
        )


def download_policy(model_uri: str, tracking_uri: str, folder: Path) -> None:
    """Download the files of a policy, and nothing else, from a model that `write_model` wrote.

    model_uri: where the model's folder lies, as MLflow says it.
    """
    from mlflow.artifacts import download_artifacts  # slow to import

    for file in FILES.values():
        where = f"{model_uri.rstrip('/')}/artifacts/{file}"
        download_artifacts(artifact_uri=where, dst_path=str(folder), tracking_uri=tracking_uri)


def _signature(policy: Policy) -> ModelSignature:
    """Unnamed columns of doubles: MLflow then takes float32, which Gymnasium gives, ints and lists.

    A float64 tensor would turn all of these away.
    """
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    values = (ColSpec("double", f"q_{a}") for a in range(policy.actions))
    return ModelSignature(
        inputs=Schema([ColSpec("double") for _ in policy.grid.buckets]),
        outputs=Schema([ColSpec("long", "action"), *values]),
    )


def _example(policy: Policy) -> npt.NDArray[np.float64]:
    """One observation, float64[1, dimensions]: where the middle bucket begins."""
    low, buckets, scale = (np.array(v) for v in (policy.grid.low, policy.grid.buckets, policy.grid.scale))
    example: npt.NDArray[np.float64] = (low + buckets // 2 / scale)[np.newaxis]
    return example
