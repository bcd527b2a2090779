"""Servers that integration tests share."""

from __future__ import annotations

from tests.integration.postgresql import postgresql

__all__ = ["postgresql"]
