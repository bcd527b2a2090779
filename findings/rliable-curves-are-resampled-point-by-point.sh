#!/usr/bin/env bash
# rliable 1.2.0: of learning curves every point is resampled on its own, so the interval of a curve's mean is far too
#   narrow.
#
# Source: rliable/library.py, StratifiedBootstrap.update_indices (indices of the whole shape, runs x tasks x points).
# Expected: get_interval_estimates takes "a 3D matrix containing evaluation scores at multiple points during
#   training", and bootstraps runs: a resampled run keeps its curve. The area under the curve has the interval that
#   the runs' areas have.
# Happens: runs are drawn anew for each point, so a resampled curve is stitched together of all runs. Intervals of
#   single points are right, which is what the examples plot. A statistic over points, such as the mean over training
#   or the last ten, averages the runs' differences away: curves that are constant in a run, of 8 runs with 100
#   points, get an interval a tenth as wide. Take the area per run first, and hand rliable the 2D matrix.
# Output seen, 2026-11-30:
#   8 runs, 100 points: width from the runs' areas 0.769, from the curves 0.074, of single points 0.727 to 0.799
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
levels = np.random.default_rng(0).normal(size=(8, 1, 1))
curves = np.repeat(levels, 100, axis=2)


def width(scores, statistic):
    np.random.seed(0)
    _, intervals = get_interval_estimates({"q": scores}, statistic, reps=2000)
    low, high = intervals["q"]
    return np.ravel(high - low)


def mean(scores):
    return np.array([scores.mean()])


areas, stitched = width(curves.mean(axis=2), mean)[0], width(curves, mean)[0]
points = width(curves, lambda scores: scores.mean(axis=(0, 1)))
print(f"8 runs, 100 points: width from the runs' areas {areas:.3f}, from the curves {stitched:.3f}, "
      f"of single points {points.min():.3f} to {points.max():.3f}")
assert 8 < areas / stitched < 12 and 0.85 < points.min() / areas and points.max() / areas < 1.15
PYTHON
venv/bin/python probe.py
