from __future__ import annotations

import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from qsweep.commands.server.backend import NAMING, backend_uri, users_uri
from qsweep.commands.server.own_postgresql import own_postgresql
from qsweep.commands.server.server import Server
from qsweep.errors import UsageError

pytestmark = pytest.mark.slow

Run = Callable[..., subprocess.CompletedProcess[str]]


def refusal(given: str) -> str:
    with pytest.raises(UsageError) as refused:
        backend_uri(given)
    [problem] = refused.value.problems
    return str(problem)


@pytest.mark.parametrize("uri", ["postgresql://me:secret@host/db", "postgresql://host/db?password=secret"])
def test_a_password_on_the_command_line_is_refused(uri: str) -> None:
    """A URI with a password, wherever in it, is refused without showing it, and the remedy is named."""
    said = refusal(uri)
    assert said.startswith("--backend: must not contain a password")
    assert "PGPASSWORD" in said
    assert "secret" not in said


@pytest.mark.parametrize("uri", ["sqlite:///x.db", "mysql://host/db", "host/db", "postgresql+pg8000://h/d"])
def test_another_database_is_refused(uri: str) -> None:
    """Only PostgreSQL with the installed driver is accepted."""
    assert refusal(uri).startswith("--backend: must be postgresql://")


def test_the_environment_names_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any of libpq's variables names a PostgreSQL; without one and without a URI there is none."""
    for name in NAMING:
        monkeypatch.delenv(name, raising=False)
    assert backend_uri(None) is None
    monkeypatch.setenv("PGDATABASE", "mlflow")
    assert backend_uri(None) == "postgresql:///"
    assert backend_uri("postgresql://me@host/db") == "postgresql://me@host/db"


def test_users_lie_in_a_schema_of_their_own() -> None:
    """The users' URI sets the search path and keeps its other options."""
    assert users_uri("postgresql:///") == "postgresql:///?options=-csearch_path=mlflow_users"
    assert (
        users_uri("postgresql:///d?host=/s") == "postgresql:///d?host=/s&options=-csearch_path=mlflow_users"
    )


@pytest.mark.parametrize(
    ("host", "address"),
    [("0.0.0.0", "http://127.0.0.1:1"), ("::1", "http://[::1]:1"), ("10.0.0.1", "http://10.0.0.1:1")],
)
def test_the_address_to_knock_at(host: str, address: str) -> None:
    """A server that listens on all addresses is reached at the loopback."""
    assert Server(host, 1).address == address


def test_a_port_that_is_taken_is_refused(qsweep: Run, tmp_path: Path) -> None:
    """A port in use is refused at once, and nothing is written."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = qsweep("server", "--port", str(taken.getsockname()[1]))
    assert ran.returncode == 2
    assert ran.stderr.startswith("qsweep: --host, --port: must be an address of this machine and a free port")
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_does_not_answer_is_refused(qsweep: Run) -> None:
    """An unreachable PostgreSQL is named in one line, with the reason."""
    ran = qsweep("server", "--port", free_port(), PGHOST="127.0.0.1", PGPORT="1", PGPASSWORD="secret")
    [line] = ran.stderr.splitlines()
    assert ran.returncode == 2
    assert line.startswith("qsweep: --backend: must be a running PostgreSQL")
    assert "secret" not in line


@pytest.fixture
def reachable() -> Iterator[Path]:
    """A folder with a short path, which the user that PostgreSQL runs as may enter."""
    folder = Path(tempfile.mkdtemp(prefix="qs-"))
    folder.chmod(0o755)
    yield folder
    with suppress(OSError):
        shutil.rmtree(folder)


def free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


needs_postgresql = pytest.mark.skipif(
    not shutil.which("initdb") and not list(Path("/usr/lib/postgresql").glob("*/bin")),
    reason="no PostgreSQL on this machine",
)


@needs_postgresql
def test_its_own_postgresql_keeps_what_it_has(reachable: Path) -> None:
    """It is created if necessary, not reachable by network or other users, and reused the next time."""
    import psycopg

    folder = reachable / "own"
    with own_postgresql(folder) as uri, psycopg.connect(uri, autocommit=True) as connection:
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        connection.execute("CREATE TABLE kept AS SELECT 7 AS n")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(uri)
    with own_postgresql(folder) as uri, psycopg.connect(uri) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


@needs_postgresql
def test_one_that_was_left_running_is_taken_over(reachable: Path) -> None:
    """One that a killed server left running is used, and stopped at the end."""
    import psycopg

    left = own_postgresql(reachable / "own")
    uri = left.__enter__()
    with own_postgresql(reachable / "own") as again:
        assert again == uri
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(uri)
    left.__exit__(None, None, None)


def test_a_path_too_long_for_a_socket_is_refused(tmp_path: Path) -> None:
    """A folder whose path is too long for a socket is refused, with an alternative."""
    with pytest.raises(UsageError, match="needs a folder whose path is") as refused:
        own_postgresql(tmp_path / ("d" * 100)).__enter__()
    assert "PGHOST" in str(refused.value)
    assert not any(tmp_path.iterdir())
