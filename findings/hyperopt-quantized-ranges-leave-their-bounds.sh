#!/usr/bin/env bash
# hyperopt 0.3.0: a quantized range yields values outside its bounds, and uniformint half as often the ends.
#
# Source: hyperopt/pyll/stochastic.py, quniform and qloguniform (np.round(draw / q) * q, not clipped);
#   hyperopt/pyll_utils.py, hp_uniformint (quniform with q=1).
# Expected: values between low and high, as from optuna's suggest_float(step=...), and a uniform integer that is
#   uniform, as that of randint(1, 4).
# Happens: a high that is no multiple of q is passed, and so is a low: qloguniform from 1 to 100 in steps of 10 gives 0
#   in a third of the draws, 0 buckets or episodes in a range that begins at 1. At the ends half of the interval that
#   is rounded to them is missing: of uniformint(1, 3) half of the draws are 2.
# Output seen, 2026-11-30, 4,000 draws each:
#   quniform(1, 10, 4): 0 0.11, 4 0.45, 8 0.44
#   quniform(0, 11, 3): 0 0.14, 3 0.27, 6 0.27, 9 0.28, 12 0.05
#   qloguniform(log 1, log 100, 10): 0 0.34, 10 0.25, 20 0.11, 30 0.07, 40 0.06, 50 0.04, 60 0.03, 70 0.03, 80 0.03,
#     90 0.02, 100 0.01
#   uniformint(1, 3): 1 0.23, 2 0.51, 3 0.25
#   randint(1, 4): 1 0.34, 2 0.34, 3 0.32
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet hyperopt==0.3.0 numpy==2.4.6 scipy==1.17.1

cat > probe.py <<'PYTHON'
from collections import Counter

import numpy as np
from hyperopt import hp
from hyperopt.pyll.stochastic import sample

generator = np.random.default_rng(0)
shares = {}
for name, space in (("quniform(1, 10, 4)", hp.quniform("x", 1, 10, 4)),
                    ("quniform(0, 11, 3)", hp.quniform("x", 0, 11, 3)),
                    ("qloguniform(log 1, log 100, 10)", hp.qloguniform("x", 0, np.log(100), 10)),
                    ("uniformint(1, 3)", hp.uniformint("x", 1, 3)),
                    ("randint(1, 4)", hp.randint("x", 1, 4))):
    drawn = Counter(float(sample(space, rng=generator)) for _ in range(4000))
    shares[name] = {value: drawn[value] / 4000 for value in sorted(drawn)}
    print(f"{name}: " + ", ".join(f"{value:g} {share:.2f}" for value, share in shares[name].items()))
assert min(shares["quniform(1, 10, 4)"]) == 0 and max(shares["quniform(0, 11, 3)"]) == 12
assert shares["qloguniform(log 1, log 100, 10)"][0] > 0.3
assert shares["uniformint(1, 3)"][2] > 0.47 and max(shares["randint(1, 4)"].values()) < 0.36
PYTHON
venv/bin/python probe.py
