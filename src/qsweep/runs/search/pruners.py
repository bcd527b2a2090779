"""Pruning over seeds: a trial is stopped after some of its seeds if its mean so far is too low.

With a pruner, the seeds of a trial are trained one after the other, in the same order in every trial. After
each seed the trial reports the mean over its seeds so far, with their number as optuna's step. Trials are
therefore compared after the same seeds, on the same validation starts.
"""

from __future__ import annotations

import numpy as np
from optuna import Study
from optuna.pruners import BasePruner, NopPruner, SuccessiveHalvingPruner
from optuna.trial import FrozenTrial, TrialState

STARTUP_TRIALS = 5
"""Complete trials that the median needs."""
REDUCTION_FACTOR = 3


class LatestMedianPruner(BasePruner):
    """Prunes a trial whose latest mean lies below the median of the complete trials after as many seeds.

    The median stopping rule (Golovin et al. 2017, "Google Vizier", section 3.2.2), applied to the latest
    value. optuna's MedianPruner uses the best value so far: one lucky seed would protect a trial for good.
    """

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Return whether to stop a trial that has reported a value."""
        step = trial.last_step
        assert step is not None
        complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        others = [other.intermediate_values[step] for other in complete if step in other.intermediate_values]
        if len(others) < STARTUP_TRIALS:
            return False
        return bool(trial.intermediate_values[step] < np.median(others))


def pruner(name: str) -> BasePruner:
    """Return a pruner by its name in `hydra.sweeper.pruner`.

    successive_halving: asynchronous (Li et al. 2020, "A System for Massively Parallel Hyperparameter Tuning",
    Algorithm 2). After 1, 3, 9, ... seeds, a trial continues if it is in the best third of the trials that
    got so far.
    """
    if name == "none":
        return NopPruner()
    if name == "median":
        return LatestMedianPruner()
    return SuccessiveHalvingPruner(min_resource=1, reduction_factor=REDUCTION_FACTOR)
