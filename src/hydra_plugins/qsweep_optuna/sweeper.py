"""Hydra's side of a search; the search itself is in qsweep.runs.search.

Hydra imports this file whenever it starts, in any program: nothing heavy may be imported at its top.
"""

from __future__ import annotations

from typing import Any

from omegaconf import OmegaConf

from hydra_plugins.qsweep_sweeper.sweeper import QsweepSweeper


class QsweepOptuna(QsweepSweeper):
    """Searches the values of a multirun, through whichever launcher is configured."""

    def __init__(self, **options: Any) -> None:
        """options: those of conf/hydra/sweeper/qsweep_optuna.yaml."""
        super().__init__()
        self.options = OmegaConf.to_container(OmegaConf.create(options))

    def sweep(self, arguments: list[str]) -> Any:
        """Search what `arguments` vary."""
        from qsweep.runs.search.orchestration import search
        from qsweep.runs.search.planning import search_plan

        assert isinstance(self.options, dict)
        assert self.launcher is not None
        plan = search_plan(self.lines(arguments), self.options)
        return search(plan, self.launcher, str(self.config.hydra.sweep.dir))
