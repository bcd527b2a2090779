"""A Hydra job that a worker on another machine runs, and the base class of the launchers.

The leading underscore keeps Hydra from looking for plugins here.
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
class RemoteJob:
    """A job for a worker. folder: the launching process's current folder, absolute."""

    context: HydraContext
    task: TaskFunction
    config: DictConfig
    singletons: Any
    folder: str

    def run(self) -> JobReturn:
        """Run the job in a folder of the same path, which is created where the machines share no disk."""
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


def lost(error: BaseException) -> JobReturn:
    """Return the result of a job whose worker died or did not start. error: the reason, as reported."""
    return JobReturn(status=JobStatus.UNKNOWN, _return_value=error)


class ClusterLauncher(Launcher):
    """Base class of launchers whose workers run on other machines.

    `launch` returns when none of its jobs is queued or running. Jobs whose worker died can then be
    retried without running twice.
    """

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store what all jobs share."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def jobs(self, lines: Sequence[Sequence[str]], first: int) -> list[RemoteJob]:
        """Return a job for each list of overrides, numbered from `first`."""
        jobs = []
        for number, overrides in enumerate(lines, first):
            config = self.context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id, config.hydra.job.num = str(number), number
            jobs.append(RemoteJob(self.context, self.task, config, Singleton.get_state(), str(Path.cwd())))
        return jobs
