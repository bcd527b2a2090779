"""Addresses to listen on."""

from __future__ import annotations

import socket

from qsweep.errors import Problem, UsageError


def check_address(host: str, port: int) -> None:
    """Raise UsageError unless this process can listen on an address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that is too long
            rule, reason = "must be an address of this machine and a free port", str(error)
            given = f"{host}:{port}"
            raise UsageError([Problem("--host, --port", rule, given, reason)]) from None
