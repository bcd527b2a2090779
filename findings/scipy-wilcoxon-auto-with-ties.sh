#!/usr/bin/env bash
# scipy 1.17.1: wilcoxon's "auto" with ties is exact up to 13 pairs and normal from 14; "exact" ignores the ties.
#
# Source: scipy/stats/_wilcoxon.py, _wilcoxon_nd (switch for ties and zeros); scipy/stats/_mannwhitneyu.py, which
#   treats ties otherwise.
# Expected: ties make "auto" fall back to the normal approximation, as they do in mannwhitneyu; and "exact" means exact.
# Happens: with ties up to 13 pairs "auto" runs through all sign patterns (a permutation test, truly exact), and its p
#   differs from both other methods: "exact" gives the table for untied ranks without a word. From 14 pairs on "auto" is
#   the approximation. So one more seed in a paired comparison changes the method, not only the sample. mannwhitneyu
#   with ties is approximate from the start, however few values.
# Output seen, 2026-11-30:
#   13 pairs: auto 0.155518, exact 0.146484, approximate 0.127126; by all sign patterns 0.155518
#   14 pairs: auto 0.251479, exact 0.295776, approximate 0.251479
#   mannwhitneyu, 4 against 4: auto 0.054514, approximate 0.054514
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet scipy==1.17.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
from itertools import product

import numpy as np
from scipy.stats import mannwhitneyu, rankdata, wilcoxon

METHODS = ("auto", "exact", "approx")


def differences(count):
    rng = np.random.default_rng(0)
    return rng.integers(1, 4, count) * rng.choice([-1, 1], count)


def by_hand(data):
    """Two-sided p over all sign patterns of the tied ranks."""
    ranks = rankdata(np.abs(data))
    sums = np.array(list(product([0, 1], repeat=len(data)))) @ ranks
    seen = ranks[data > 0].sum()
    return 2 * min((sums <= seen).mean(), (sums >= seen).mean())


p = {n: [float(wilcoxon(differences(n), method=m).pvalue) for m in METHODS] for n in (13, 14)}
exact = by_hand(differences(13))
for count, (auto, table, normal) in p.items():
    tail = f"; by all sign patterns {exact:.6f}" if count == 13 else ""
    print(f"{count} pairs: auto {auto:.6f}, exact {table:.6f}, approximate {normal:.6f}{tail}")
assert abs(p[13][0] - exact) < 1e-12 and len(set(p[13])) == 3
assert p[14][0] == p[14][2] != p[14][1]
tied = [float(mannwhitneyu([1, 2, 3, 3], [3, 4, 5, 6], method=m).pvalue) for m in ("auto", "asymptotic")]
print(f"mannwhitneyu, 4 against 4: auto {tied[0]:.6f}, approximate {tied[1]:.6f}")
assert tied[0] == tied[1]
PYTHON
venv/bin/python probe.py
