"""Published and exact numbers, reproduced by the engines that every run uses, and judged."""

from __future__ import annotations

from qsweep.commands.verify.verification import verify

__all__ = ["verify"]
