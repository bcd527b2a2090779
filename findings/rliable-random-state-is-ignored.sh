#!/usr/bin/env bash
# rliable 1.2.0: random_state does not repeat an interval; numpy's global seed does.
#
# Source: rliable/library.py, StratifiedBootstrap.update_indices and StratifiedIndependentBootstrap._get_indices
#   (np.random.choice); arch/bootstrap/base.py, whose generator the parameter is handed to.
# Expected: "random_state: if specified, ensures reproducibility in uncertainty estimates": the same state, the same
#   interval; and a call with a state of its own leaves numpy's global generator alone, as every bootstrap of arch
#   does.
# Happens: the state is handed to arch's base class, but the indices are drawn from numpy's global generator. The same
#   RandomState gives another interval each time. np.random.seed before the call repeats it, and everything else in
#   the program that draws from there changes the interval, and is changed by it.
# Output seen, 2026-11-30:
#   random_state=RandomState(0), 5 calls: 5 intervals
#   np.random.seed(0) before each of 5 calls: 1 interval
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet rliable==1.2.0 arch==7.2.0 pandas==2.3.3 scipy==1.17.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import warnings

import numpy as np
from rliable.library import get_interval_estimates

warnings.simplefilter("ignore")
scores = {"q": np.random.default_rng(0).normal(size=(8, 1))}


def interval(**options):
    _, intervals = get_interval_estimates(scores, lambda x: np.array([x.mean()]), reps=500, **options)
    return tuple(map(float, np.ravel(intervals["q"])))


stated = {interval(random_state=np.random.RandomState(0)) for _ in range(5)}
print(f"random_state=RandomState(0), 5 calls: {len(stated)} intervals")
seeded = set()
for _ in range(5):
    np.random.seed(0)
    seeded.add(interval(random_state=np.random.RandomState(1)))
print(f"np.random.seed(0) before each of 5 calls: {len(seeded)} interval")
assert len(stated) > 1 and len(seeded) == 1
PYTHON
venv/bin/python probe.py
