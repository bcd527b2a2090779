#!/usr/bin/env bash
# scipy 1.17.1: cramervonmises_2samp gives p = 0 for five seeds against five when they are tied, and calls it exact.
#
# Source: scipy/stats/_hypotests.py, cramervonmises_2samp and _pval_cvm_2samp_exact (the distribution of the statistic
#   without ties); its notes: "if the underlying distribution is not continuous, the p-value is likely to be
#   conservative".
# Expected: the smallest p that five against five can give, 2 of 252 orders, 0.0079; with ties more, if anything.
# Happens: the statistic is made of midranks, and its largest value with ties lies above the largest one without. The
#   table has nothing there, so p is 0: no test at any level or correction would fail to reject. Ties are the rule
#   where returns have a floor or a cap. All orders of the tied values, counted one by one, give 0.0079.
# Output seen, 2026-11-30:
#   untied: T = 0.85, p = 0.0079; by all orders 0.0079
#   tied: T = 1.25, p = 0.0000; by all orders 0.0079
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet scipy==1.17.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import itertools

import numpy as np
from scipy.stats import cramervonmises_2samp


def by_all_orders(one, other):
    pooled, found = np.array(one + other), []
    for chosen in itertools.combinations(range(len(pooled)), len(one)):
        mask = np.isin(np.arange(len(pooled)), chosen)
        found.append(cramervonmises_2samp(pooled[mask], pooled[~mask], method="asymptotic").statistic)
    observed = cramervonmises_2samp(one, other).statistic
    return float(np.mean(np.array(found) >= observed - 1e-9))


seen = {}
for name, one, other in (("untied", [196, 197, 198, 199, 200], [101, 102, 103, 104, 105]),
                         ("tied", [200] * 5, [100] * 5)):
    result = cramervonmises_2samp(one, other)
    seen[name] = float(result.statistic), float(result.pvalue), by_all_orders(one, other)
    print("{}: T = {:.2f}, p = {:.4f}; by all orders {:.4f}".format(name, *seen[name]))
assert seen["tied"][1] == 0.0 and seen["tied"][2] == seen["untied"][1] == seen["untied"][2] == 2 / 252
PYTHON
venv/bin/python probe.py
