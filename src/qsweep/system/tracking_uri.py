"""The store that commands use if none is given: MLflow's variable MLFLOW_TRACKING_URI names it."""

from __future__ import annotations

import os

VARIABLE = "MLFLOW_TRACKING_URI"


def default_uri() -> str:
    """Return the URI that MLFLOW_TRACKING_URI names, or `local`."""
    return os.environ.get(VARIABLE) or "local"


def unset_if_empty() -> None:
    """Remove an empty MLFLOW_TRACKING_URI, which MLflow reads as not set, and Hydra as a value."""
    if os.environ.get(VARIABLE) == "":
        del os.environ[VARIABLE]


def remedy_of(uri: object) -> str:
    """Return what to do about a URI that cannot be used, if MLFLOW_TRACKING_URI names it; else nothing."""
    if not os.environ.get(VARIABLE) or uri != default_uri():
        return ""
    return f"it is the value of {VARIABLE}: unset it, or give tracking=local or --uri local"
