"""Requests to a tracking server that MLflow's client has no method for."""

from __future__ import annotations

from typing import Any

from mlflow.utils import credentials, rest_utils

_CREDENTIALS: Any = credentials
_REST: Any = rest_utils  # neither has types


def request(uri: str, path: str, method: str = "GET", **values: Any) -> Any:
    """Send a request with this user's credentials; return the answer, of any status.

    values: the query of a GET, or the JSON of a POST.
    """
    given = {"params": values} if method == "GET" else {"json": values}
    login = _CREDENTIALS.get_default_host_creds(uri)
    return _REST.http_request(login, path, method, raise_on_status=False, **given)
