#!/usr/bin/env bash
# pingouin 0.7.0: a second sample of which one value is left becomes a known constant: p is 0.001, not 0.03 or nan.
#
# Source: pingouin/parametric.py, ttest (NaN are removed first, and then "ny == 1" is the one-sample test); its
#   docstring: "if y is a single value, a one-sample T-test is computed against that value".
# Expected: two seeds, one of which diverged, are a sample with one value: Welch's test is undefined (nan), as in
#   scipy's ttest_ind, the pooled test has p = 0.03. "A single value" is a number that was passed as one.
# Happens: missing values are removed before the kind of test is chosen, so the seed that is left counts as the true
#   mean of its method. The table looks as always, but its interval is that of the first sample's mean, not of the
#   difference: read as a difference it is far off. No warning.
# Output seen, 2026-11-30, five scores near -153 against -170 and NaN:
#   pingouin: p = 0.0013, interval [-158.82, -147.18]
#   scipy: Welch nan, pooled 0.0297; against the constant -170: 0.0013
#   pingouin with a second value, -171: interval [11.73, 23.27]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet pingouin==0.7.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3

cat > probe.py <<'PYTHON'
import warnings

import numpy as np
import pingouin
from scipy.stats import ttest_1samp, ttest_ind

warnings.simplefilter("ignore")
scores, other = [-150.0, -160.0, -155.0, -148.0, -152.0], [-170.0, np.nan]
found = pingouin.ttest(scores, other).iloc[0]
welch = ttest_ind(scores, other, equal_var=False, nan_policy="omit").pvalue
pooled = ttest_ind(scores, other, nan_policy="omit").pvalue
known = ttest_1samp(scores, -170).pvalue
print(f"pingouin: p = {found.p_val:.4f}, interval {found.CI95.tolist()}")
print(f"scipy: Welch {welch:.4f}, pooled {pooled:.4f}; against the constant -170: {known:.4f}")
both = pingouin.ttest(scores, [-170.0, -171.0]).iloc[0]
print(f"pingouin with a second value, -171: interval {both.CI95.tolist()}")
assert np.isnan(welch) and pooled > 0.025 and abs(found.p_val - known) < 1e-9 and found.CI95[1] < 0 < both.CI95[0]
PYTHON
venv/bin/python probe.py
