"""qsweep: a hyperparameter experiment tracker for tabular reinforcement learning."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from qsweep.commands.api.comparing import compare
    from qsweep.commands.api.pulled import pull
    from qsweep.commands.api.run import load_run
    from qsweep.commands.api.training import run, sweep
    from qsweep.learning.training import train
    from qsweep.plan.composition import load_config
    from qsweep.report.comparison.standings import load_variants
    from qsweep.report.loading.curves import load_curves
    from qsweep.report.loading.runs import load_runs

__all__ = [
    "compare",
    "load_config",
    "load_curves",
    "load_run",
    "load_runs",
    "load_variants",
    "pull",
    "run",
    "sweep",
    "train",
]

_HOMES = {
    "compare": "qsweep.commands.api.comparing",
    "load_config": "qsweep.plan.composition",
    "load_curves": "qsweep.report.loading.curves",
    "load_run": "qsweep.commands.api.run",
    "load_runs": "qsweep.report.loading.runs",
    "load_variants": "qsweep.report.comparison.standings",
    "pull": "qsweep.commands.api.pulled",
    "run": "qsweep.commands.api.training",
    "sweep": "qsweep.commands.api.training",
    "train": "qsweep.learning.training",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for only then: `qsweep --help` needs none of it."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """Return the names of the API, which is what a user completes with Tab."""
    return list(_HOMES)
