"""The user who records a run: the login of a tracking server, or of the machine."""

from __future__ import annotations

import getpass
from contextlib import suppress

USER = "mlflow.user"
"""The tag that MLflow's UI shows as a run's user."""
UNKNOWN = "unknown"


def user_of(uri: str, given: str | None = None) -> str:
    """Return `tracking.user` if given, else the login with which this process uses the store at a URI."""
    return given or (uri.startswith("http") and server_login()) or machine_login()


def machine_login() -> str:
    """Return the user's name on this machine, as MLflow does; UNKNOWN if there is none, as in containers."""
    with suppress(KeyError, OSError, ImportError):
        return getpass.getuser()
    return UNKNOWN


def server_login() -> str:
    """Return the user name that MLflow sends to servers, from its variable or file, or an empty string."""
    from mlflow.utils.credentials import read_mlflow_creds  # slow to import

    return read_mlflow_creds().username or ""
