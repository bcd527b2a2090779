#!/usr/bin/env bash
# scipy 1.17.1: bootstrap's default interval of an interquartile mean is nan when all seeds but one have one score.
#
# Source: scipy/stats/_resampling.py, bootstrap and _bca_interval (acceleration from the jackknife: 0 / 0).
# Expected: eight seeds, seven at the floor of -200 and one at -150: the bootstrap distribution of the interquartile
#   mean takes five values, so there is an interval.
# Happens: leaving out one seed never moves the interquartile mean, since the one good seed is always trimmed. The
#   jackknife sees no variation, BCa's acceleration is 0 / 0, and both ends are nan, with a warning that calls the
#   distribution degenerate. The percentile method gives an interval. With a second good seed BCa works again.
# Output seen, 2026-11-30:
#   one good seed: BCa nan to nan, percentile -200.0 to -187.5, 5 values, 1 value by jackknife
#   two good seeds: BCa -200.0 to -175.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet scipy==1.17.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import math
import warnings

import numpy as np
from scipy.stats import bootstrap, trim_mean

warnings.simplefilter("ignore")


def iqm(scores, axis):
    return trim_mean(scores, 0.25, axis=axis)


def resampled(scores, method):
    return bootstrap((np.array(scores),), iqm, method=method, rng=np.random.default_rng(0))


one, two = [-200.0] * 7 + [-150.0], [-200.0] * 6 + [-150.0] * 2
bca, percentile = resampled(one, "BCa"), resampled(one, "percentile")
values = len(np.unique(bca.bootstrap_distribution))
jackknife = {float(trim_mean(np.delete(one, i), 0.25)) for i in range(len(one))}
low, high = map(float, percentile.confidence_interval)
bca_low, bca_high = map(float, bca.confidence_interval)
print(f"one good seed: BCa {bca_low} to {bca_high}, percentile {low} to {high}, {values} values,",
      len(jackknife), "value by jackknife")
again = tuple(map(float, resampled(two, "BCa").confidence_interval))
print(f"two good seeds: BCa {again[0]} to {again[1]}")
assert math.isnan(bca_low) and math.isnan(bca_high)
assert (low, high, values, len(jackknife)) == (-200.0, -187.5, 5, 1)
assert again == (-200.0, -175.0)
PYTHON
venv/bin/python probe.py
