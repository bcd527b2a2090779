#!/usr/bin/env bash
# statsmodels 0.15.0: after 0 successes in 10 episodes the Jeffreys interval rules out a success rate of 0.
#
# Source: statsmodels/stats/proportion.py, proportion_confint (method="jeffreys": two quantiles of the posterior; its
#   notes say that "alpha is not adjusted at the boundaries", and what follows from that for "beta").
# Expected: 0 of 10 has the lower end 0 and 10 of 10 the upper end 1: so Brown, Cai and DasGupta, Interval Estimation
#   for a Binomial Proportion (2001), who recommend this interval for small n, modify it, and so the function's other
#   five methods have it.
# Happens: the lower end is positive. A policy that always succeeds lies outside its own interval, whatever n is: at
#   rates of 0 and 1, which are common in tabular tasks, the interval never covers the truth. A check whether 1 is in
#   the interval answers no.
# Output seen, 2026-11-30:
#   jeffreys: 0 of 10: 0.000048 to 0.217196; 10 of 10: 0.782804 to 0.999952
#   beta: 0 of 10: 0.000000 to 0.308497; 10 of 10: 0.691503 to 1.000000
#   wilson: 0 of 10: 0.000000 to 0.277533; 10 of 10: 0.722467 to 1.000000
#   agresti_coull: 0 of 10: 0.000000 to 0.320887; 10 of 10: 0.679113 to 1.000000
#   normal: 0 of 10: 0.000000 to 0.000000; 10 of 10: 1.000000 to 1.000000
#   binom_test: 0 of 10: 0.000000 to 0.290865; 10 of 10: 0.709135 to 1.000000
#   all of 5, 100 and 10,000 episodes succeed: 1 is in the interval: [False, False, False]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet statsmodels==0.15.0 numpy==2.4.6 scipy==1.17.1 pandas==2.3.3

cat > probe.py <<'PYTHON'
from statsmodels.stats.proportion import proportion_confint

for method in ("jeffreys", "beta", "wilson", "agresti_coull", "normal", "binom_test"):
    ends = [float(end) for count in (0, 10) for end in proportion_confint(count, 10, method=method)]
    print("{}: 0 of 10: {:.6f} to {:.6f}; 10 of 10: {:.6f} to {:.6f}".format(method, *ends))
    assert (ends[0] > 1e-5) == (ends[3] < 1 - 1e-5) == (method == "jeffreys")
covered = [float(proportion_confint(n, n, method="jeffreys")[1]) >= 1 for n in (5, 100, 10000)]
print(f"all of 5, 100 and 10,000 episodes succeed: 1 is in the interval: {covered}")
assert not any(covered)
PYTHON
venv/bin/python probe.py
