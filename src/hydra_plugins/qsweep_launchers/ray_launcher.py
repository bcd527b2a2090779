"""hydra/launcher=ray: runs a sweep on an existing Ray cluster.

Hydra imports this file whenever it starts, in any program, so slow imports are inside the functions.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.qsweep_launchers._remote_job import ClusterLauncher, RemoteJob, lost

GRACE_SECONDS = 10.0
"""Time that running jobs have to save their state when a sweep is interrupted."""


class RayLauncher(ClusterLauncher):
    """Runs each job as a Ray task. init: arguments of ray.init. task: arguments of ray.remote."""

    def __init__(self, init: DictConfig, task: DictConfig) -> None:
        self._init: Any = OmegaConf.to_container(init, resolve=True)
        self._task: Any = OmegaConf.to_container(task, resolve=True)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Connect to the cluster. Raises UsageError if it cannot be reached."""
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        from qsweep.errors import Problem, UsageError, one_line

        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        import ray

        try:
            ray.init(**self._init)
        except (ConnectionError, RuntimeError, TimeoutError, TypeError, ValueError) as error:
            rule = "must be a running Ray cluster"
            remedy = f"start one with ray start --head, or give its address ({one_line(error)})"
            address = self._init.get("address")
            raise UsageError([Problem("hydra.launcher.init.address", rule, address, remedy)]) from None

    @property
    def workers(self) -> int:
        """The number of jobs that the cluster, at its present size, runs at once."""
        import ray

        cpus = ray.cluster_resources().get("CPU", 1) / self._task.get("num_cpus", 1)
        return max(1, int(cpus))

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs and return when the last has ended."""
        import ray

        remote = ray.remote(**self._task)(RemoteJob.run)
        tasks = [remote.remote(job) for job in self.jobs(job_overrides, initial_job_idx)]
        try:
            return [_result(task) for task in tasks]
        except BaseException:
            for task in tasks:
                ray.cancel(task)
            ray.wait(tasks, num_returns=len(tasks), timeout=GRACE_SECONDS)
            raise


def _result(task: Any) -> JobReturn:
    import ray
    from ray.exceptions import RayError

    try:
        returned: JobReturn = ray.get(task)
    except RayError as error:
        return lost(error)
    return returned
