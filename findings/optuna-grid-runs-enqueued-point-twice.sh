#!/usr/bin/env bash
# optuna 5.0.0: GridSampler runs an enqueued combination again, BruteForceSampler does not; and no seed means seed 0.
#
# Source: optuna/samplers/_grid.py, GridSampler.__init__ (LazyRandomState(seed or 0)) and _get_unvisited_grid_ids;
#   optuna/samplers/_brute_force.py.
# Expected: an exhaustive sampler counts a combination as visited once a trial has had it, wherever it came from; and a
#   sampler without a seed visits the grid in another order each time.
# Happens: GridSampler knows its points by an id that only it writes, so an enqueued trial is not one of them: 6
#   points take 7 trials. BruteForceSampler looks at the parameters and takes 6. Without a seed GridSampler's order is
#   that of seed 0, in each process.
# Output seen, 2026-11-30:
#   GridSampler: [2, 2, 1, 3, 0, 4, 5] (enqueued: 2)
#   BruteForceSampler: 6 trials, each value once
#   GridSampler without a seed: [5, 2, 1, 3, 0, 4], with seed 0: [5, 2, 1, 3, 0, 4]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet optuna==5.0.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import optuna
from optuna.samplers import BruteForceSampler, GridSampler

optuna.logging.set_verbosity(optuna.logging.ERROR)
VALUES = [0, 1, 2, 3, 4, 5]


def visited(sampler, enqueued=None):
    study = optuna.create_study(sampler=sampler)
    if enqueued is not None:
        study.enqueue_trial({"x": enqueued})
    study.optimize(lambda trial: float(trial.suggest_categorical("x", VALUES)), n_trials=20)
    return [trial.params["x"] for trial in study.trials]


grid = visited(GridSampler({"x": VALUES}, seed=0), enqueued=2)
brute = visited(BruteForceSampler(seed=0), enqueued=2)
unseeded, zero = visited(GridSampler({"x": VALUES})), visited(GridSampler({"x": VALUES}, seed=0))
print("GridSampler:", grid, "(enqueued: 2)")
print("BruteForceSampler:", len(brute), "trials, each value once")
print(f"GridSampler without a seed: {unseeded}, with seed 0: {zero}")
assert len(grid) == 7 and grid[0] == 2 and sorted(grid) == [0, 1, 2, 2, 3, 4, 5]
assert sorted(brute) == VALUES
assert unseeded == zero == [5, 2, 1, 3, 0, 4]
assert visited(GridSampler({"x": VALUES}, seed=1)) != zero
PYTHON
venv/bin/python probe.py
