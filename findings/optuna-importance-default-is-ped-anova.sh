#!/usr/bin/env bash
# optuna 5.0.0: get_param_importances no longer means fANOVA, and says 0.5 and 0.5 where there is nothing to explain.
#
# Source: optuna/importance/__init__.py, get_param_importances; optuna/importance/_ped_anova/evaluator.py.
# Expected: without an evaluator the importance is fANOVA's, as in optuna 2 to 4.
# Happens: the default is PedAnovaImportanceEvaluator. It looks at the best tenth of the trials, so it
#   needs many: with 10 trials of the objective 10 x (y has no effect) x and y come out level, while fANOVA sees x.
#   Where all trials have the same value it reports equal shares; fANOVA raises an error.
# Output seen, 2026-11-30:
#   10 trials of 10 x: default x 0.50, fANOVA x 0.86
#   60 trials of 10 x: default x 1.00, fANOVA x 1.00
#   60 trials of a constant: default {'x': 0.5, 'y': 0.5}, fANOVA: Encountered zero total variance in all trees.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet optuna==5.0.0 numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1

cat > probe.py <<'PYTHON'
import optuna
from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator, get_param_importances

optuna.logging.set_verbosity(optuna.logging.ERROR)


def study(trials, slope):
    made = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(trial):
        x, _ = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return slope * x

    made.optimize(objective, n_trials=trials)
    return made


seen = {}
for trials in (10, 60):
    made = study(trials, 10.0)
    default = get_param_importances(made)
    assert default == get_param_importances(made, evaluator=PedAnovaImportanceEvaluator())
    fanova = get_param_importances(made, evaluator=FanovaImportanceEvaluator(seed=0))
    seen[trials] = default["x"], fanova["x"]
    print(f"{trials} trials of 10 x: default x {default['x']:.2f}, fANOVA x {fanova['x']:.2f}")
flat = study(60, 0.0)
default = get_param_importances(flat)
try:
    get_param_importances(flat, evaluator=FanovaImportanceEvaluator(seed=0))
except RuntimeError as error:
    print(f"60 trials of a constant: default {dict(sorted(default.items()))}, fANOVA: {error}")
else:
    raise AssertionError("fANOVA explains a constant")
assert default == {"x": 0.5, "y": 0.5}
assert seen[10][0] < 0.55 and seen[10][1] > 0.8
assert min(seen[60]) > 0.99
PYTHON
venv/bin/python probe.py
