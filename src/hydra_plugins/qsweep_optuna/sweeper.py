"""Hydra's side of a search; what it does is in qsweep.search and qsweep.sweeps.

Hydra imports this file whenever it starts, in any program: nothing heavy may be imported at its top.
"""

from __future__ import annotations

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf


class QsweepOptuna(Sweeper):
    """Searches the values of a multirun, through whichever launcher is configured."""

    def __init__(self, **options: Any) -> None:
        """options: those of conf/hydra/sweeper/qsweep_optuna.yaml."""
        self.options = OmegaConf.to_container(OmegaConf.create(options))
        self.launcher: Launcher | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take the launcher that the config names."""
        self.config = config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Search what `arguments` vary."""
        from qsweep import sweeps
        from qsweep.search.planning import search_plan

        hydra = OmegaConf.to_container(self.config.hydra.overrides.hydra)
        assert isinstance(hydra, list)
        assert isinstance(self.options, dict)
        assert self.launcher is not None
        own = ("hydra.mode=", "hydra.sweep.dir=")
        lines = (*(line for line in hydra if not line.startswith(own)), *arguments)
        plan = search_plan(lines, self.options)
        return sweeps.search(plan, self.launcher, str(self.config.hydra.sweep.dir))
