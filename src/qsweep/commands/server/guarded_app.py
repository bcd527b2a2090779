"""MLflow's server with users, and the rules that it lacks: `python -m qsweep.commands.server.guarded_app`.

MLflow checks a request by a function for its route. For some routes that function is replaced by a
stricter one. An administrator may do everything, as in MLflow.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

APP = "qsweep.commands.server.guarded_app:create_app"
OWN_ARTIFACTS = re.compile(r"(mlflow-artifacts|models|runs):", re.IGNORECASE)
"""What the server stores itself. At other places it would write and read with its owner's rights."""


def create_app() -> Any:
    """Return the application of a worker process."""
    guard()
    from mlflow.server.auth import create_app as make

    return make()


def guard() -> None:
    """Replace MLflow's checks of requests by stricter ones, in this process."""
    from mlflow.protos.model_registry_pb2 import CreateModelVersion, RenameRegisteredModel
    from mlflow.protos.service_pb2 import CreateExperiment, UpdateExperiment

    auth, handlers = (import_module(f"mlflow.server.{name}") for name in ("auth", "handlers"))
    stricter: dict[Any, Callable[[], bool]] = {
        CreateExperiment: lambda: (
            is_own_place(handlers._get_request_message(CreateExperiment()).artifact_location)
            and auth.validate_can_create_experiment()
        ),
        CreateModelVersion: lambda: (
            is_own_place(handlers._get_request_message(CreateModelVersion()).source)
            and auth.validate_can_create_model_version()
        ),
        RenameRegisteredModel: lambda: bool(auth._validate_can_manage_registered_model_or_prompt()),
        UpdateExperiment: lambda: bool(auth.validate_can_manage_experiment()),  # renames it
    }
    for path, check, methods in handlers.get_endpoints(stricter.get):
        if check in stricter.values():  # there are routes with functions of their own, too
            for method in methods:
                assert (path, method) in auth.BEFORE_REQUEST_VALIDATORS, f"MLflow does not check {path}"
                auth.BEFORE_REQUEST_VALIDATORS[path, method] = check


def is_own_place(uri: str) -> bool:
    """Return whether artifacts at a URI that a user gives are the server's; without one it chooses."""
    return not uri or OWN_ARTIFACTS.match(uri) is not None


def main() -> None:
    """Run MLflow's command line, whose application with users is ours."""
    cli, server = import_module("mlflow.cli"), import_module("mlflow.server")
    find = server._find_app
    vars(server)["_find_app"] = lambda name: APP if name == "basic-auth" else find(name)
    cli.cli()


if __name__ == "__main__":
    main()
