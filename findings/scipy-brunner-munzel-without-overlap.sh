#!/usr/bin/env bash
# scipy 1.17.1: brunnermunzel's p is nan when every seed of one method beats every seed of the other.
#
# Source: scipy/stats/_stats_py.py, brunnermunzel (the variances of the placements are 0: statistic inf, 0 / 0
#   degrees).
# Expected: the test of P(better) = 1/2 is surest where the estimate is 1: five seeds above five others give about
#   what the rank-sum test gives, 0.008.
# Happens: without overlap there is no variance within: p is nan, which is not below 0.05, so the clearest difference
#   counts as none. The warning says to use distribution="normal", which makes it p = 0, from three seeds as from
#   thirty. With one pair out of order the test works, but its p, 4e-5, is far below what any rearrangement of ten
#   values can give, 2 of 252. permutation_test of U gives sound values.
# Output seen, 2026-11-30:
#   5 above 5: t nan, normal 0.00000, rank sum 0.00794, permutations of U 0.00794
#   3 above 3: t nan, normal 0.00000, rank sum 0.10000, permutations of U 0.10000
#   5 above 5 but one pair: t 0.00004, normal 0.00000, rank sum 0.01587, permutations of U 0.01587
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet scipy==1.17.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import math
import warnings

from scipy.stats import brunnermunzel, mannwhitneyu, permutation_test

warnings.simplefilter("ignore")


def shown(name, one, other):
    p = {"t": brunnermunzel(one, other).pvalue,
         "normal": brunnermunzel(one, other, distribution="normal").pvalue,
         "rank sum": mannwhitneyu(one, other).pvalue,
         "permutations of U": permutation_test((one, other), lambda x, y: mannwhitneyu(x, y).statistic).pvalue}
    print(f"{name}: " + ", ".join(f"{how} {value:.5f}" for how, value in p.items()))
    return {how: float(value) for how, value in p.items()}


five = shown("5 above 5", [1, 2, 3, 4, 5], [6, 7, 8, 9, 10])
three = shown("3 above 3", [1, 2, 3], [4, 5, 6])
nearly = shown("5 above 5 but one pair", [1, 2, 3, 4, 6], [5, 7, 8, 9, 10])
assert math.isnan(five["t"]) and five["normal"] == 0.0 and round(five["rank sum"], 4) == 0.0079
assert math.isnan(three["t"]) and three["normal"] == 0.0 and three["rank sum"] == 0.1
assert nearly["t"] < 1e-4 < 2 / 252 < nearly["rank sum"]
PYTHON
venv/bin/python probe.py
