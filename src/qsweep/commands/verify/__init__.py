"""`qsweep verify`: reproduce published and exact results with the engines that every run uses."""

from __future__ import annotations

from qsweep.commands.verify.verification import verify

__all__ = ["verify"]
