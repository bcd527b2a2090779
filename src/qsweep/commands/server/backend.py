"""The server's database: choose it, check that it is available, and prepare it."""

from __future__ import annotations

import os
from urllib.parse import parse_qs, urlsplit

from qsweep.errors import Problem, UsageError, one_line

FROM_ENVIRONMENT = "postgresql:///"
"""An empty URI, with which libpq reads PGHOST, PGUSER, PGPASSWORD, PGDATABASE, ..."""
NAMING = ("PGHOST", "PGHOSTADDR", "PGSERVICE", "PGDATABASE", "PGPORT")
"""Variables that name a PostgreSQL; one of them is enough."""
USERS = "mlflow_users"
"""The schema with MLflow's users and permissions. The runs are in the public one; a backup has both."""
SHORTEST_PASSWORD = 12
"""Characters; MLflow's own limit."""


def backend_uri(given: str | None) -> str | None:
    """Return the URI of the database named on the command line or by libpq's variables, or None.

    Raises UsageError for another kind of database, and for a URI with a password, because every user of
    a machine can see command lines.
    """
    if given is None:
        return FROM_ENVIRONMENT if any(os.environ.get(name) for name in NAMING) else None
    parts = urlsplit(given)
    if parts.scheme not in ("postgresql", "postgresql+psycopg"):
        raise UsageError([Problem("--backend", "must be postgresql://[USER@]HOST[:PORT]/DATABASE", given)])
    query = parse_qs(parts.query)
    if parts.password is not None or "password" in query:
        remedy = "set PGPASSWORD, or write the password to ~/.pgpass"
        raise UsageError([Problem("--backend", "must not contain a password", None, remedy)])
    if "options" in query:
        rule = "must not set options: the server sets its search_path there"
        raise UsageError([Problem("--backend", rule, given)])
    return given


def users_uri(uri: str) -> str:
    """Return the URI with which MLflow finds its users in their own schema of the same database."""
    return f"{uri}{'&' if urlsplit(uri).query else '?'}options=-csearch_path={USERS}"


def prepare(uri: str) -> bool:
    """Create the schema for the users if it is missing; return whether it has an administrator.

    Raises UsageError if the database is not available.
    """
    import psycopg

    plain = uri.replace("postgresql+psycopg:", "postgresql:", 1)
    try:
        with psycopg.connect(plain, connect_timeout=10, autocommit=True) as connection:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {USERS}")
            made = connection.execute("SELECT to_regclass(%s)", [f"{USERS}.users"]).fetchone()
            if made is None or made[0] is None:
                return False
            found = connection.execute(f"SELECT 1 FROM {USERS}.users WHERE is_admin").fetchone()  # noqa: S608
            return found is not None
    except psycopg.Error as error:
        rule = "must be a running PostgreSQL, with a database that the user owns"
        raise UsageError([Problem("--backend", rule, uri, one_line(error))]) from None


def need_password() -> None:
    """Raise UsageError unless the environment has a password for the first administrator."""
    if len(os.environ.get("MLFLOW_AUTH_ADMIN_PASSWORD", "")) < SHORTEST_PASSWORD:
        rule = f"must be set, to at least {SHORTEST_PASSWORD} characters, as there is no administrator yet"
        raise UsageError([Problem("MLFLOW_AUTH_ADMIN_PASSWORD", rule)])
