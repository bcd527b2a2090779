"""hydra/launcher=slurm: runs a sweep as a Slurm job array, with submitit.

Hydra imports this file whenever it starts, in any program, so slow imports are inside the functions.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from omegaconf import DictConfig, OmegaConf

from hydra_plugins.qsweep_launchers._remote_job import ClusterLauncher, RemoteJob, lost

POLL_SECONDS = 0.5


class SlurmLauncher(ClusterLauncher):
    """Runs each job as one job of an array.

    cluster: slurm, or local for processes on this machine. folder: for submitit's files, shared by all
    machines. parameters: of submitit's AutoExecutor; null ones are left at their defaults.
    """

    def __init__(self, cluster: str, folder: str, parameters: DictConfig) -> None:
        self._cluster, self._folder = cluster, folder
        given: Any = OmegaConf.to_container(parameters, resolve=True)
        self._parameters = {key: value for key, value in given.items() if value is not None}

    @property
    def workers(self) -> int:
        """The number of jobs of the array that run at once."""
        return int(self._parameters["slurm_array_parallelism"])

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run jobs and return when the last has ended."""
        import submitit

        executor = submitit.AutoExecutor(self._folder, cluster=self._cluster)
        executor.update_parameters(**self._parameters)
        jobs = executor.map_array(RemoteJob.run, self.jobs(job_overrides, initial_job_idx))
        try:
            while not all(job.done() for job in jobs):
                time.sleep(POLL_SECONDS)
        except BaseException:
            for job in jobs:
                job.cancel(check=False)
            raise
        return [_result(job) for job in jobs]


def _result(job: Any) -> JobReturn:
    from submitit.core.utils import UncompletedJobError

    try:
        returned: JobReturn = job.result()
    except UncompletedJobError as error:
        return lost(error)
    return returned
