"""A Hydra job that is carried to a worker on another machine, and what becomes of it.

Its name keeps Hydra from looking for plugins in it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict


@dataclass(frozen=True)
class Carried:
    """A job. folder: the current one of whoever launched it, absolute."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    singletons: Any
    folder: str

    def run(self) -> JobReturn:
        """Run it, in a folder of the same name, which is made on a machine that does not share it."""
        Path(self.folder).mkdir(parents=True, exist_ok=True)
        os.chdir(self.folder)
        setup_globals()
        Singleton.set_state(self.singletons)
        HydraConfig.instance().set_config(self.config)
        return run_job(
            task_function=self.task,
            config=self.config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
            hydra_context=self.context,
        )


def run(carried: Carried) -> JobReturn:
    """What a worker calls."""
    return carried.run()


def lost(error: BaseException) -> JobReturn:
    """Of a job that has no end, for its worker died or could not begin. error: what is known of it."""
    return JobReturn(status=JobStatus.UNKNOWN, _return_value=error)


class ClusterLauncher(Launcher):
    """Carries jobs to workers elsewhere.

    `launch` returns when nothing of it waits or runs any more: what died with its worker can then be
    launched again, and nothing is run twice.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take what all jobs share."""
        self.context, self.task, self.config = hydra_context, task_function, config

    @property
    def workers(self) -> int:
        """How many jobs run at once."""
        raise NotImplementedError

    def carried(self, lines: Sequence[Sequence[str]], first: int) -> list[Carried]:
        """Jobs by their overrides, numbered from `first`."""
        return [self._carried(list(overrides), number) for number, overrides in enumerate(lines, first)]

    def _carried(self, overrides: list[str], number: int) -> Carried:
        config = self.context.config_loader.load_sweep_config(self.config, overrides)
        with open_dict(config):
            config.hydra.job.id, config.hydra.job.num = str(number), number
        return Carried(self.context, self.task, config, Singleton.get_state(), str(Path.cwd()))
