"""An MLflow tracking server for many users: on PostgreSQL, with a password, artifacts through itself."""

from __future__ import annotations

from qsweep.commands.server.server import Server, serve

__all__ = ["Server", "serve"]
