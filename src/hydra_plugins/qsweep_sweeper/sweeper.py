"""Hydra's side of a multirun; what it does is in qsweep.runs.sweep.orchestration.

Hydra imports this file whenever it starts, in any program: nothing heavy may be imported at its top.
"""

from __future__ import annotations

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class QsweepSweeper(Sweeper):
    """Runs all combinations of a multirun's values through whichever launcher is configured."""

    def __init__(self, params: dict[str, str] | None = None) -> None:
        self.params = params
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take the launcher that the config names."""
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def lines(self, arguments: list[str]) -> tuple[str, ...]:
        """The overrides as they were typed, Hydra's own among them."""
        hydra = OmegaConf.to_container(self.config.hydra.overrides.hydra)
        assert isinstance(hydra, list)
        own = ("hydra.mode=", "hydra.sweep.dir=")
        return (*(line for line in hydra if not line.startswith(own)), *arguments)

    def sweep(self, arguments: list[str]) -> Any:
        """Launch every combination of `arguments`."""
        from qsweep.plan import composition
        from qsweep.runs.sweep import orchestration

        assert self.launcher is not None
        plan = composition.plan(self.lines(arguments), multirun=True)  # the command line has made it already
        return orchestration.sweep(plan, self.launcher, str(self.config.hydra.sweep.dir))
