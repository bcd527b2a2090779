"""A PostgreSQL in the folder the server is started in, run with the binaries installed on the machine.

It listens on a socket in a folder that only its owner may enter, not on the network. So it has no password.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from qsweep.errors import Problem, UsageError
from qsweep.system.death_signal import signalled_at_death

DATABASE = "mlflow"
USER = "qsweep"
"""A user of the database, not of the machine."""
UNPRIVILEGED = ("postgres", "nobody")
"""Users to run PostgreSQL as if root starts the server, because it refuses to run as root."""
LONGEST_SOCKET = 107
"""Longest path of a Unix socket on Linux, in bytes (unix(7))."""
CONNECTIONS = 200
"""Maximum; MLflow keeps up to 15 for each worker and kind of table."""
SECONDS_TO_START = 60.0
POLL_SECONDS = 0.1
KEY = "PostgreSQL"
GIVE_ONE = "or use another one with PGHOST, PGUSER, PGPASSWORD and PGDATABASE"


@contextmanager
def own_postgresql(folder: Path) -> Iterator[str]:
    """Run the PostgreSQL in `folder`, created if necessary; stop it at the end.

    Yields the URI of its database. One that was left running is reused. Raises UsageError if PostgreSQL
    is not installed or cannot run here.
    """
    folder = folder.absolute()
    _check(folder)
    binaries, user = _binaries(), _user()
    folder.mkdir(parents=True, exist_ok=True)
    if user:
        shutil.chown(folder, user.pw_name, user.pw_gid)
    folder.chmod(0o700)
    if not (folder / "data").exists():
        _make(folder, binaries, user)
    if not _answers(folder):
        _wait_for_end(folder)
        _start(folder, binaries, user)
    try:
        _make_database(folder)
        yield f"postgresql://{USER}@/{DATABASE}?host={quote(str(folder))}&port=5432"
    finally:
        _run(folder, user, [binaries / "pg_ctl", "--pgdata=data", "--mode=fast", "--wait", "stop"])


def _binaries() -> Path:
    """Return the folder of PostgreSQL's programs: on the PATH, or the newest of Debian's."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).resolve().parent] if on_path else []
    folders += sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: float(f.parent.name), reverse=True
    )
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres", "pg_ctl")):
            return folder
    rule = "must be installed; it is neither on the PATH nor under /usr/lib/postgresql"
    raise UsageError([Problem(KEY, rule, None, f"apt install postgresql, {GIVE_ONE}")])


def _user() -> pwd.struct_passwd | None:
    """Return the user to run it as, or None for the current user."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED:
        if name in known:
            return known[name]
    rule = f"cannot run as root, and there is no user {' or '.join(UNPRIVILEGED)}"
    raise UsageError([Problem(KEY, rule, None, f"start the server as another user, {GIVE_ONE}")])


def _check(folder: Path) -> None:
    length = len(os.fsencode(folder / ".s.PGSQL.5432"))
    if length > LONGEST_SOCKET:
        rule = f"needs a folder whose path is {length - LONGEST_SOCKET} bytes shorter, for its socket"
        raise UsageError([Problem(KEY, rule, str(folder), f"start the server elsewhere, {GIVE_ONE}")])


def _run(
    folder: Path, user: pwd.struct_passwd | None, command: list[Path | str]
) -> subprocess.CompletedProcess[bytes]:
    """Run one of PostgreSQL's programs to its end, as `user`."""
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=folder, capture_output=True, **_as(user))


def _as(user: pwd.struct_passwd | None) -> dict[str, Any]:
    if user is None:
        return {}
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "umask": 0o077}


def _make(folder: Path, binaries: Path, user: pwd.struct_passwd | None) -> None:
    """Create an empty cluster, under another name until it is complete: half of one would never start."""
    temporary = folder / "data.new"
    shutil.rmtree(temporary, ignore_errors=True)
    options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C", "--data-checksums"]
    made = _run(folder, user, [binaries / "initdb", *options, temporary.name])
    if made.returncode:
        said = " ".join(made.stderr.decode(errors="replace").split())[-300:]
        remedy = f"it runs as user {user.pw_name}, who needs access to the folder" if user else GIVE_ONE
        raise UsageError([Problem(KEY, f"could not be set up: {said}", str(folder), remedy)])
    temporary.rename(folder / "data")


def _wait_for_end(folder: Path) -> None:
    """Wait for one that is shutting down, because the server that started it was killed."""
    deadline = time.monotonic() + SECONDS_TO_START
    with suppress(OSError, ValueError):
        number = int((folder / "data" / "postmaster.pid").read_text().partition("\n")[0])
        while time.monotonic() < deadline:
            os.kill(number, 0)  # raises an OSError when it has ended
            time.sleep(POLL_SECONDS)


def _start(folder: Path, binaries: Path, user: pwd.struct_passwd | None) -> None:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "port": "5432",
        "max_connections": str(CONNECTIONS),
    }
    options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [str(binaries / "postgres"), "-D", "data", *options],
            cwd=folder,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C goes to the server, which then stops it
            preexec_fn=signalled_at_death(signal.SIGINT),  # a fast shutdown
            **_as(user),
        )
    deadline = time.monotonic() + SECONDS_TO_START
    while not _answers(folder):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise UsageError([Problem(KEY, "did not start", str(folder), f"see {folder / 'log'}")])
        time.sleep(POLL_SECONDS)


def _connect(folder: Path, database: str) -> Any:
    import psycopg

    return psycopg.connect(host=str(folder), port=5432, user=USER, dbname=database, autocommit=True)


def _answers(folder: Path) -> bool:
    import psycopg

    try:
        _connect(folder, "postgres").close()
    except psycopg.OperationalError:
        return False
    return True


def _make_database(folder: Path) -> None:
    with _connect(folder, "postgres") as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not found:
            connection.execute(f"CREATE DATABASE {DATABASE}")
