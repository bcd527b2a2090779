#!/usr/bin/env bash
# statsmodels 0.15.0: lowess of successes (0 or 1) is 0 where a fifth succeeds, and 1 where four fifths do.
#
# Source: statsmodels/nonparametric/_smoothers_lowess.pyx, calculate_residual_weights (weight 0 for residuals beyond
#   six times their median), it=3 in smoothers_lowess.py, lowess.
# Expected: a learning curve of an environment that pays 0 or 1, smoothed, shows about the success rate; the robust
#   iterations cost little where there are no outliers.
# Happens: where one outcome is rare, the rare one is the outlier. Each iteration lowers its weight, and the median
#   residual with it, until only the common outcome counts: the curve is exactly 0 at 4%, 8% and 22% of successes,
#   exactly 1 at 80%, and jumps between. it=0 gives the rate.
# Output seen, 2026-11-30, 500 episodes, mean of the curve:
#   0.040 succeed: it=3 0.000, it=0 0.041
#   0.084 succeed: it=3 0.000, it=0 0.084
#   0.224 succeed: it=3 0.000, it=0 0.225
#   0.526 succeed: it=3 0.529, it=0 0.526
#   0.804 succeed: it=3 1.000, it=0 0.805
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3

cat > probe.py <<'PYTHON'
import numpy as np
from statsmodels.nonparametric.smoothers_lowess import lowess

rng, episodes, seen = np.random.default_rng(0), np.arange(500.0), {}
for probability in (0.05, 0.1, 0.2, 0.3, 0.5, 0.8):
    returns = (rng.random(500) < probability).astype(float)
    curves = [lowess(returns, episodes, frac=0.3, it=it, return_sorted=False) for it in (3, 0)]
    default = lowess(returns, episodes, frac=0.3, return_sorted=False)
    assert np.array_equal(default, curves[0])
    seen[probability] = [float(curve.mean()) for curve in curves]
    if probability != 0.3:
        print(f"{returns.mean():.3f} succeed: it=3 {seen[probability][0]:.3f}, it=0 {seen[probability][1]:.3f}")
    assert abs(seen[probability][1] - returns.mean()) < 0.01
assert max(seen[probability][0] for probability in (0.05, 0.1, 0.2)) < 1e-9
assert seen[0.8][0] > 1 - 1e-9 and 0.5 < seen[0.5][0] < 0.55
PYTHON
venv/bin/python probe.py
