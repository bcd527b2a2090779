"""qsweep: a hyperparameter experiment tracker for tabular reinforcement learning."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qsweep.composition import load_config
    from qsweep.report.frames import load_runs
    from qsweep.report.histories import load_curves
    from qsweep.report.standings import load_variants
    from qsweep.training import train

__all__ = ["load_config", "load_curves", "load_runs", "load_variants", "train"]

_HOMES = {
    "load_config": "qsweep.composition",
    "load_curves": "qsweep.report.histories",
    "load_runs": "qsweep.report.frames",
    "load_variants": "qsweep.report.standings",
    "train": "qsweep.training",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: `qsweep --help` needs none of it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
