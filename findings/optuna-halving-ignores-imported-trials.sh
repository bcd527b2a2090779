#!/usr/bin/env bash
# optuna 5.0.0: SuccessiveHalvingPruner does not compare with trials that were added; MedianPruner does.
#
# Source: optuna/pruners/_successive_halving.py, SuccessiveHalvingPruner.prune and _get_competing_values (the system
#   attributes completed_rung_N).
# Expected: a pruner compares a trial with the reported values of the other trials in the study, so that finished
#   trials of an earlier study, added with add_trial, set the standard.
# Happens: the rungs are written while a trial calls should_prune. A trial that was added complete with its
#   intermediate values never called it and has no rung, so the first trials after an import are never pruned, however bad.
# Output seen, 2026-11-30:
#   MedianPruner: pruned at step 1
#   SuccessiveHalvingPruner: not pruned in 64 steps
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet optuna==5.0.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import optuna
from optuna.pruners import MedianPruner, SuccessiveHalvingPruner

optuna.logging.set_verbosity(optuna.logging.ERROR)


def pruned_at(pruner):
    """Return the step at which a bad trial is pruned after 20 good ones were added, or None."""
    study = optuna.create_study(direction="maximize", pruner=pruner)
    for number in range(20):
        values = {step: 10.0 + number for step in range(1, 65)}
        study.add_trial(optuna.trial.create_trial(value=10.0 + number, intermediate_values=values))
    trial = study.ask()
    for step in range(1, 65):
        trial.report(-100.0, step)
        if trial.should_prune():
            return step
    return None


median = pruned_at(MedianPruner(n_startup_trials=5, n_warmup_steps=0))
halving = pruned_at(SuccessiveHalvingPruner(min_resource=1, reduction_factor=2))
print("MedianPruner: pruned at step", median)
print("SuccessiveHalvingPruner:", "not pruned in 64 steps" if halving is None else halving)
assert (median, halving) == (1, None)
PYTHON
venv/bin/python probe.py
