"""The MLflow UI for the store in the current folder."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from qsweep.system.addresses import check_address
from qsweep.tracking.store import open_store


def serve(host: str, port: int) -> NoReturn:
    """Replace this process by MLflow's server; Ctrl-C stops it."""
    store = open_store("local", create=False)
    check_address(host, port)
    print(f"http://{host}:{port}", file=sys.stderr, flush=True)
    arguments = ["--backend-store-uri", store.uri, "--default-artifact-root", str(store.artifacts)]
    mlflow = [sys.executable, "-m", "mlflow", "server", "--workers", "1", *arguments]
    # Without MLflow's job runners, which evaluate language models and start a process each.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    os.execv(sys.executable, [*mlflow, "--host", host, "--port", str(port)])
