#!/usr/bin/env bash
# scipy 1.17.1: of 24 runs, one of them censored, the survival function is not 1/2 after twelve: the median is late.
#
# Source: scipy/stats/_survival.py, _ecdf_right_censored (a cumulative product of (at risk - events) / at risk).
# Expected: after 12 of 24 runs have reached the threshold, half have not: sf is 0.5, and the first quantile with
#   sf <= 0.5 is the Kaplan-Meier median, the 12th time.
# Happens: with 24 or 38 runs the product comes out as 0.5000000000000001, and the rule finds the run after. Without a
#   censored run scipy counts instead of multiplying, and it is exact: so the median of the same times moves when the
#   last run, which is far from the middle, fails to reach the threshold. Compare with 0.5 plus a tolerance.
# Output seen, 2026-11-30:
#   22 runs: median 110.0 with all, 110.0 with the last one censored
#   24 runs: median 120.0 with all, 130.0 with the last one censored
#   26 runs: median 130.0 with all, 130.0 with the last one censored
#   24 runs, one censored: survival after 12 is np.float64(0.5000000000000001)
#   even numbers up to 40 with a late median: [24, 38]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet scipy==1.17.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import numpy as np
from scipy.stats import CensoredData, ecdf


def median(runs, censored):
    times = 10.0 * np.arange(1, runs + 1)
    survival = ecdf(CensoredData.right_censored(times, np.arange(runs) >= runs - censored)).sf
    return float(survival.quantiles[np.flatnonzero(survival.probabilities <= 0.5)[0]]), survival


seen = [(runs, median(runs, 0)[0], median(runs, 1)[0]) for runs in (22, 24, 26)]
for runs, complete, censored in seen:
    print(f"{runs} runs: median {complete} with all, {censored} with the last one censored")
half = median(24, 1)[1].probabilities[11]
print(f"24 runs, one censored: survival after 12 is {half!r}")
late = [runs for runs in range(2, 41, 2) if median(runs, 1)[0] != 5.0 * runs]
print(f"even numbers up to 40 with a late median: {late}")
assert seen == [(22, 110.0, 110.0), (24, 120.0, 130.0), (26, 130.0, 130.0)] and half > 0.5 and late == [24, 38]
PYTHON
venv/bin/python probe.py
