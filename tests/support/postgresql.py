"""A throw-away PostgreSQL server of the test's own, from whatever binaries the machine has."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

USER = "qsweep"
UNPRIVILEGED = ("postgres", "nobody")
"""Who the server runs as where the tests run as root, which it refuses to."""
SECONDS_TO_START = 60
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")
"""What is lost with the machine is lost: tests need not wait for the disk."""


@dataclass(frozen=True)
class PostgreSQL:
    """A running server on the loopback, where `USER` may do anything with `password` and nobody without."""

    port: int
    password: str = field(repr=False)

    def uri(self, database: str) -> str:
        """The URI of a database, without user and password, as it may stand in a config."""
        return f"postgresql://127.0.0.1:{self.port}/{database}"

    def secret_uri(self, database: str) -> str:
        """The same with user and password in it."""
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{database}"

    @property
    def environment(self) -> Mapping[str, str]:
        """What a client needs beside the URI, in the variables that libpq reads."""
        return {"PGUSER": USER, "PGPASSWORD": self.password}

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run one statement outside of a transaction; returns its rows, if it has any."""
        import psycopg

        with psycopg.connect(self.secret_uri(database), autocommit=True, connect_timeout=5) as connection:
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []

    def create_database(self, template: str = "template1") -> str:
        """A new database's name; it begins as a copy of `template`, to which nobody may be connected."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def cut_off(self, database: str) -> None:
        """End every session on a database."""
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        self.execute(f"{ending}'{database}'")


def binaries() -> Path | None:
    """The newest folder that holds both `postgres` and `initdb`: on the PATH, or where Debian has them."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(versions, key=lambda folder: float(folder.parent.name), reverse=True)
    whole = (folder for folder in folders if (folder / "postgres").exists() and (folder / "initdb").exists())
    return next(whole, None)


@contextmanager
def serving(settings: tuple[str, ...] = QUICK) -> Iterator[PostgreSQL]:
    """Start a server in a temporary folder, with `settings` of postgresql.conf; stop it at the end.

    Raises RuntimeError, with the reason, where there is no PostgreSQL, or nobody to run it as.
    """
    folder_of_binaries = binaries()
    if folder_of_binaries is None:
        raise RuntimeError("there is no PostgreSQL: neither on the PATH nor under /usr/lib/postgresql")
    user = _user()
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as name:
        folder, password = Path(name), secrets.token_urlsafe(24)
        secret = folder / "password"
        secret.write_text(password)
        if user is not None:
            for path in (folder, secret):
                shutil.chown(path, user)
        arguments = ["--auth=scram-sha-256", f"--username={USER}", f"--pwfile={secret}", "--no-sync"]
        command = [str(folder_of_binaries / "initdb"), *arguments, "--encoding=UTF8", "--locale=C", "data"]
        made = subprocess.run(command, cwd=folder, user=user, group=_group(user), capture_output=True)
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr.decode()[-500:]}")
        server, process = _started(folder_of_binaries / "postgres", folder, user, password, settings)
        try:
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)  # PostgreSQL's immediate shutdown: nothing will be read again
            process.wait(30)


def _user() -> str | None:
    """Who runs the server: None for whoever runs the tests."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    found = next((name for name in UNPRIVILEGED if name in known), None)
    if found is None:
        raise RuntimeError("PostgreSQL does not run as root, and there is no other user")
    return found


def _group(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


def _started(
    postgres: Path, folder: Path, user: str | None, password: str, settings: tuple[str, ...]
) -> tuple[PostgreSQL, subprocess.Popen[bytes]]:
    """The server, once it answers, and its process."""
    for _ in range(3):  # another process may take the port first
        server = PostgreSQL(_free_port(), password)
        own = (f"port={server.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *settings)
        options = [word for setting in own for word in ("-c", setting)]
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [str(postgres), "-D", "data", *options],
                cwd=folder,
                user=user,
                group=_group(user),
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the tests, which then stop it
            )
        if _answers(server, process):
            return server, process
    raise RuntimeError(f"PostgreSQL does not start: {(folder / 'log').read_text()[-500:]}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _answers(server: PostgreSQL, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the server answers, or its process has ended."""
    import psycopg

    deadline = time.monotonic() + SECONDS_TO_START
    while process.poll() is None and time.monotonic() < deadline:
        try:
            server.execute("SELECT 1")
        except psycopg.OperationalError:
            time.sleep(0.05)
        else:
            return True
    process.kill()
    process.wait()
    return False


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A server for all tests of a process; each makes databases of its own."""
    pytest.importorskip("psycopg", reason="the extra `postgresql` is not installed")
    with ExitStack() as stack:
        try:
            server = stack.enter_context(serving())
        except RuntimeError as error:
            pytest.skip(str(error))
        yield server
