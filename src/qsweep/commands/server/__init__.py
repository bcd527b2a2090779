"""An MLflow tracking server for several users: on PostgreSQL, with passwords, serving the artifacts too."""

from __future__ import annotations

from qsweep.commands.server.server import Server, serve

__all__ = ["Server", "serve"]
