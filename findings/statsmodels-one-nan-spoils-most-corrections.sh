#!/usr/bin/env bash
# statsmodels 0.15.0: with one NaN among the p-values six of ten corrections give only NaN, and Holm rejects the NaN.
#
# Source: statsmodels/stats/multitest.py, multipletests and fdrcorrection; statsmodels/statsmodels#2899, open since
#   2016.
# Expected: the NaN stays NaN, is not rejected and does not count, as in pingouin's multicomp; or NaN is refused. A
#   comparison whose p is undefined, say because all seeds are tied, is no comparison.
# Happens: it depends on the method. Bonferroni, Sidak and both Holm methods count it as a test, and both Holm methods
#   reject its hypothesis. In simes-hochberg, hommel and the FDR methods every adjusted p is NaN, those of sound tests,
#   too, while the decisions go on: fdr_bh rejects hypotheses whose p it gives as NaN, hommel rejects none, at
#   p = 0.0001. Nothing warns.
# Output seen, 2026-11-30, p = 0.0001, NaN and 0.0002:
#   bonferroni: [0.0003, nan, 0.0006], rejected [True, False, True]; without it [0.0002, 0.0004]
#   sidak: [0.0003, nan, 0.0006], rejected [True, False, True]; without it [0.0002, 0.0004]
#   holm: [0.0003, nan, 0.0004], rejected [True, True, True]; without it [0.0002, 0.0002]
#   holm-sidak: [0.0003, nan, 0.0004], rejected [True, True, True]; without it [0.0002, 0.0002]
#   simes-hochberg: [nan, nan, nan], rejected [True, False, True]; without it [0.0002, 0.0002]
#   hommel: [nan, nan, nan], rejected [False, False, False]; without it [0.0002, 0.0002]
#   fdr_bh: [nan, nan, nan], rejected [True, False, True]; without it [0.0002, 0.0002]
#   fdr_by: [nan, nan, nan], rejected [True, False, True]; without it [0.0003, 0.0003]
#   fdr_tsbh: [nan, nan, nan], rejected [True, False, True]; without it [0.0002, 0.0002]
#   fdr_tsbky: [nan, nan, nan], rejected [True, False, True]; without it [0.00021, 0.00021]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3

cat > probe.py <<'PYTHON'
import warnings

import numpy as np
from statsmodels.stats.multitest import multipletests

warnings.simplefilter("error")
counting = ("bonferroni", "sidak", "holm", "holm-sidak")
spoilt = ("simes-hochberg", "hommel", "fdr_bh", "fdr_by", "fdr_tsbh", "fdr_tsbky")
decisions = {}
for method in counting + spoilt:
    rejected, adjusted = multipletests([0.0001, np.nan, 0.0002], method=method)[:2]
    without = multipletests([0.0001, 0.0002], method=method)
    decisions[method] = rejected.tolist()
    shown = adjusted.round(6).tolist(), rejected.tolist(), without[1].round(6).tolist()
    print("{}: {}, rejected {}; without it {}".format(method, *shown))
    assert without[0].all() and np.isnan(adjusted).all() == (method in spoilt)
    assert method in spoilt or (adjusted[[0, 2]] > 1.1 * without[1]).any()
assert decisions["fdr_bh"] == [True, False, True] and not any(decisions["hommel"])
assert decisions["holm"][1] and decisions["holm-sidak"][1]
PYTHON
venv/bin/python probe.py
