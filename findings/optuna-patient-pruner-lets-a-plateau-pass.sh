#!/usr/bin/env bash
# optuna 5.0.0: PatientPruner never stops a trial that stands still; only one that falls.
#
# Source: optuna/pruners/_patient.py, PatientPruner.prune (strict comparison of the best values before and after).
# Expected: PatientPruner(None, patience=2) is early stopping: no improvement in more than 2 steps stops the trial.
# Happens: the trial is stopped when the best of the last patience + 1 values is strictly worse than the best before
#   them. A constant series passes for ever, which in reinforcement learning is the usual failure: the return stays at
#   its floor. A min_delta above 0 makes it more patient still, not less.
# Output seen, 2026-11-30:
#   constant -200: never pruned in 200 steps; min_delta=1: never pruned in 200 steps
#   -200 and then -201 for ever: pruned at step 3
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet optuna==5.0.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import optuna
from optuna.pruners import PatientPruner

optuna.logging.set_verbosity(optuna.logging.ERROR)


def pruned_at(values, min_delta=0.0):
    study = optuna.create_study(direction="maximize", pruner=PatientPruner(None, patience=2, min_delta=min_delta))
    trial = study.ask()
    for step, value in enumerate(values):
        trial.report(value, step)
        if trial.should_prune():
            return f"pruned at step {step}"
    return f"never pruned in {len(values)} steps"


flat, patient = pruned_at([-200.0] * 200), pruned_at([-200.0] * 200, min_delta=1.0)
falling = pruned_at([-200.0] + [-201.0] * 199)
print(f"constant -200: {flat}; min_delta=1: {patient}")
print("-200 and then -201 for ever:", falling)
assert flat == patient == "never pruned in 200 steps"
assert falling == "pruned at step 3"
PYTHON
venv/bin/python probe.py
