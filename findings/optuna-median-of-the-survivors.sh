#!/usr/bin/env bash
# optuna 5.0.0: MedianPruner prunes nine trials out of ten in the end, not half of them.
#
# Source: optuna/pruners/_percentile.py, PercentilePruner.prune (get_trials(states=(COMPLETE,))), of which
#   MedianPruner is the case of 50%; optuna/pruners/_successive_halving.py, whose rungs pruned trials have, too.
# Expected: a trial is compared with the median of "previous trials at the same step", as the documentation says:
#   among equally good settings about half survive, however long the study runs, and SuccessiveHalvingPruner with
#   factor 2 does likewise.
# Happens: only complete trials count. A pruned trial has reported its value, but drops out of the median, so the bar
#   is the median of those that passed the bar before, and rises without end. Of trials 100 to 200 about one in nine
#   passes, all values being drawn from one distribution. A long study is pruned ever harder: values better than
#   nine in ten of all drawn are thrown away.
# Output seen, 2026-11-30, five studies of 200 trials with values drawn uniformly from 0 to 1, share that survives:
#   MedianPruner: trials 5 to 25 0.39, 25 to 50 0.22, 50 to 100 0.15, 100 to 200 0.12; best value pruned
#     after trial 100: 0.94
#   SuccessiveHalvingPruner: trials 5 to 25 0.51, 25 to 50 0.5, 50 to 100 0.47, 100 to 200 0.51; best value pruned
#     after trial 100: 0.56
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet optuna==5.0.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import numpy as np
import optuna
from optuna.pruners import MedianPruner, SuccessiveHalvingPruner
from optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)


def study(pruner, seed):
    """Return every trial's value and whether it survived its one report."""
    values = np.random.default_rng(seed).random(200)
    study, survived = optuna.create_study(direction="maximize", pruner=pruner), []
    for value in map(float, values):
        trial = study.ask()
        trial.report(value, 1)
        survived.append(not trial.should_prune())
        study.tell(trial, value if survived[-1] else None, TrialState.COMPLETE if survived[-1] else TrialState.PRUNED)
    return values, np.array(survived)


shares = {}
for name, pruner in (("MedianPruner", MedianPruner(n_startup_trials=5)),
                     ("SuccessiveHalvingPruner", SuccessiveHalvingPruner(min_resource=1, reduction_factor=2))):
    values, survived = (np.array(part) for part in zip(*(study(pruner, seed) for seed in range(5))))
    parts = ((5, 25), (25, 50), (50, 100), (100, 200))
    shares[name] = [round(float(survived[:, first:last].mean()), 2) for first, last in parts]
    best = float(values[:, 100:][~survived[:, 100:]].max())
    text = ", ".join(f"{first} to {last} {share}" for (first, last), share in zip(parts, shares[name]))
    print(f"{name}: trials {text}; best value pruned after trial 100: {best:.2f}")
assert shares["MedianPruner"][0] > 0.35 > 0.25 > shares["MedianPruner"][1] and shares["MedianPruner"][3] < 0.15
assert min(shares["SuccessiveHalvingPruner"]) > 0.4
PYTHON
venv/bin/python probe.py
