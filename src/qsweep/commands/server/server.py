"""The server's process: its settings and command, and starting, watching and ending it."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from filelock import FileLock, Timeout

from qsweep.commands.server import guarded_app
from qsweep.commands.server.backend import backend_uri, need_password, prepare, users_uri
from qsweep.commands.server.own_postgresql import own_postgresql
from qsweep.errors import Problem, UsageError
from qsweep.system import extras
from qsweep.system.addresses import check_address
from qsweep.system.atomic_files import write_text
from qsweep.system.death_signal import signalled_at_death
from qsweep.system.interrupts import Interrupted, StopRequests

FOLDER = Path("mlruns") / "server"
"""Folder of the server's settings, secret key and artifacts."""
POSTGRESQL = Path("mlruns") / "postgresql"
POLL_SECONDS = 0.2
SECONDS_TO_END = 30
SECONDS_FOR_PORT = 5.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")

PERMISSIONS = """\
[mlflow]
# What users may do with the experiments and models of others. EDIT: add runs and versions, delete nothing.
default_permission = EDIT
database_uri = {uri}
admin_username = admin
# Password hashing is slow on purpose, so a correct password is cached for this long. After a change, the
# old password may work for another minute.
auth_cache_ttl_seconds = 60
"""


@dataclass(frozen=True)
class Server:
    """The options of `qsweep server`.

    backend: a URI of PostgreSQL without a password, or None: from libpq's variables, or one of its
    own. artifacts: a folder or an s3:// URI, or None: a folder below mlruns/. workers: processes.
    """

    host: str = "127.0.0.1"
    port: int = 5000
    backend: str | None = None
    artifacts: str | None = None
    workers: int = 4

    @property
    def address(self) -> str:
        """Its URL on the same machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


def serve(server: Server) -> int:
    """Run MLflow's tracking server until SIGINT or SIGTERM; return the exit code.

    Raises UsageError if it cannot be started.
    """
    extras.need("server", "qsweep server")
    uri = backend_uri(server.backend)
    with StopRequests() as stop, ExitStack() as ended_with:
        if not FOLDER.exists():  # nothing is written if the address cannot be used
            _wait_for_address(server, stop)
        FOLDER.mkdir(parents=True, exist_ok=True)
        ended_with.enter_context(_alone())
        _wait_for_address(server, stop)
        settings = _settings(uri or ended_with.enter_context(own_postgresql(POSTGRESQL)))
        process = ended_with.enter_context(_running(_command(server), {**os.environ, **settings}))
        try:
            _wait(server, process, stop)
            _say(server)
            while process.poll() is None:
                stop.check()
                time.sleep(POLL_SECONDS)
        except Interrupted:
            return 0
        return process.returncode or 1  # it ended although nobody stopped it


def _wait_for_address(server: Server, stop: StopRequests) -> None:
    """Wait a moment for the port: the processes of a server that was killed take some time to end."""
    deadline = time.monotonic() + SECONDS_FOR_PORT
    while True:
        stop.check()
        try:
            check_address(server.host, server.port)
        except UsageError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)
        else:
            return


@contextmanager
def _alone() -> Iterator[None]:
    try:
        with FileLock(FOLDER / ".lock", timeout=0):
            yield
    except Timeout:
        raise UsageError(
            [Problem("qsweep server", "another server is running in this folder", str(FOLDER))]
        ) from None


def _settings(uri: str) -> dict[str, str]:
    """Return MLflow's additional environment variables, which `ps` does not show to other users."""
    settings = {
        "MLFLOW_BACKEND_STORE_URI": uri,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": os.environ.get("MLFLOW_FLASK_SERVER_SECRET_KEY") or _secret_key(),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # Without MLflow's job runners, which evaluate language models and start a process each.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": os.environ.get("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false"),
    }
    has_administrator = prepare(uri)
    if "MLFLOW_AUTH_CONFIG_PATH" not in os.environ:
        if not has_administrator:
            need_password()
        file = FOLDER.absolute() / "basic_auth.ini"
        write_text(file, PERMISSIONS.format(uri=users_uri(uri).replace("%", "%%")))
        settings["MLFLOW_AUTH_CONFIG_PATH"] = str(file)
    return settings


def _secret_key() -> str:
    """Return the key that signs forms, created once and readable only by the server's user."""
    file = FOLDER / "secret_key"
    if not file.exists():
        file.touch(mode=0o600)
    key = file.read_text()
    if not key:
        key = secrets.token_hex(32)
        file.write_text(key)
    return key


def _command(server: Server) -> list[str]:
    artifacts = server.artifacts or str(FOLDER.absolute() / "artifacts")
    options = {
        "--app-name": "basic-auth",
        "--host": server.host,
        "--port": str(server.port),
        "--workers": str(server.workers),
        "--artifacts-destination": artifacts,
    }
    words = [word for pair in options.items() for word in pair]
    return [sys.executable, "-m", guarded_app.__name__, "server", "--serve-artifacts", *words]


@contextmanager
def _running(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in its own session, so that it receives a signal only once; end it at the end."""
    at_death = signalled_at_death(signal.SIGTERM)
    process = subprocess.Popen(command, env=environment, start_new_session=True, preexec_fn=at_death)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes], stop: StopRequests) -> None:
    while process.poll() is None:
        stop.check()
        try:
            with urllib.request.urlopen(f"{server.address}/health", timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(POLL_SECONDS)


def _say(server: Server) -> None:
    click.echo(f"serving at {server.address}; Ctrl-C stops it", err=True)
    if server.host not in LOOPBACK:
        warning = (
            f"qsweep: {server.host} can be reached from other machines, and passwords are sent unencrypted"
        )
        click.echo(f"{warning}: put TLS in front of it (docs/server.md)", err=True)
