#!/usr/bin/env bash
# ConfigSpace 1.2.2: a log-normal learning rate with sigma 1 never varies, and one with sigma 0.001 varies most.
#
# Source: ConfigSpace/hyperparameters/hp_components.py, UnitScaler.vectorize_size (the absolute value of
#   log(lower + sigma)), used by NormalFloatHyperparameter with log=True.
# Expected: sigma is the spread either of the value or of its logarithm; a larger sigma spreads the samples more.
# Happens: the logarithm spreads by |log(lower + sigma)|, within the bounds. For sigma 1 that is 0.0001, the lower
#   bound: every sample is the mean. 0.5 spreads as 2 does, and a tiny sigma gives nearly the log-uniform distribution.
#   Without log=True sigma is the spread.
# Output seen, 2026-11-30, mean 0.01, bounds 0.0001 and 1, 2,000 samples:
#   sigma 0.001: 90% from 0.00017 to 0.64935, median 0.010, spread of log 2.6365
#   sigma 0.5: 90% from 0.00318 to 0.03337, median 0.010, spread of log 0.7130
#   sigma 1.0: 90% from 0.01000 to 0.01000, median 0.010, spread of log 0.0001
#   sigma 2.0: 90% from 0.00318 to 0.03339, median 0.010, spread of log 0.7133
#   sigma 10.0: 90% from 0.00033 to 0.34600, median 0.010, spread of log 2.0809
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet ConfigSpace==1.2.2 numpy==2.4.6 scipy==1.17.1

cat > probe.py <<'PYTHON'
import numpy as np
from ConfigSpace import NormalFloatHyperparameter

spreads = {}
for sigma in (0.001, 0.5, 1.0, 2.0, 10.0):
    rate = NormalFloatHyperparameter("rate", mu=0.01, sigma=sigma, lower=1e-4, upper=1.0, log=True)
    values = np.asarray(rate.sample_value(2000, seed=np.random.RandomState(0)), dtype=float)
    low, middle, high = np.percentile(values, [5, 50, 95])
    spreads[sigma] = float(np.log(values).std())
    print(f"sigma {sigma}: 90% from {low:.5f} to {high:.5f}, median {middle:.3f}, spread of log {spreads[sigma]:.4f}")
plain = NormalFloatHyperparameter("rate", mu=0.5, sigma=0.1, lower=0.0, upper=1.0)
assert abs(np.std(plain.sample_value(2000, seed=np.random.RandomState(0))) - 0.1) < 0.01
assert spreads[1.0] < 0.001 and abs(spreads[0.5] - spreads[2.0]) < 0.001
assert spreads[0.001] > spreads[10.0] > 2.0 > 0.75 > spreads[2.0]
PYTHON
venv/bin/python probe.py
