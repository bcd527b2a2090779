#!/usr/bin/env bash
# lifelines 0.30.3: the median of uncensored times is the lower middle value for 4 seeds, the upper one for 6.
#
# Source: lifelines/fitters/kaplan_meier_fitter.py, KaplanMeierFitter._fit (the curve is the exponential of a sum of
#   logarithms); lifelines/utils/__init__.py, qth_survival_time (searchsorted without tolerance).
# Expected: the median number of episodes until an environment is solved is the first time at which at most half of the
#   seeds are left unsolved: of an even number of seeds that all solve it, always the lower of the two middle values.
# Happens: at that time the curve is 0.5 only up to rounding, above it for some numbers of seeds. Then the next time is
#   the median. 6 seeds that need 100, 200, ... 600 episodes have 400, 4 have 200, and adding seeds moves the answer
#   back and forth. It is the gap between two seeds wide, not a rounding error; nothing is printed.
# Output seen, 2026-11-30, seeds that solve after 100, 200, 300, ... episodes:
#   lower middle value for [2, 4, 10, 12, 16] seeds, upper for [6, 8, 14, 18, 20]
#   6 seeds: unsolved after 300 episodes 0.5000000000000001, median 400.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet lifelines==0.30.3 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3

cat > probe.py <<'PYTHON'
from lifelines import KaplanMeierFitter


def fitted(seeds):
    return KaplanMeierFitter().fit([100 * (seed + 1) for seed in range(seeds)])


medians = {seeds: float(fitted(seeds).median_survival_time_) for seeds in range(2, 21, 2)}
lower = [seeds for seeds, median in medians.items() if median == 50 * seeds]
upper = [seeds for seeds, median in medians.items() if median == 50 * seeds + 100]
print(f"lower middle value for {lower} seeds, upper for {upper}")
left = float(fitted(6).survival_function_.loc[300].iloc[0])
print(f"6 seeds: unsolved after 300 episodes {left}, median {medians[6]}")
assert lower == [2, 4, 10, 12, 16] and upper == [6, 8, 14, 18, 20]
assert 0.5 < left < 0.5 + 1e-12
PYTHON
venv/bin/python probe.py
