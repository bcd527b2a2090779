#!/usr/bin/env bash
# baycomp 1.0.3: of two methods with the same scores the first is better with probability 0.7, by rounding errors.
#
# Source: baycomp/multiple.py, SignedRankTest.sample (without_rope) and Posterior.probs (np.argmax over the columns
#   left, rope and right of each sample).
# Expected: 0.5 and 0.5, as CorrelatedTTest of the same package says; and swapped arguments swap the answer.
# Happens: in each sample either method has one half. np.argmax gives an exact tie to the column that comes first, the
#   first method, and in the rest the sum of the weights is off by 1e-16 one way or the other. The shares, 0.68 to
#   0.71 here, say nothing of the scores: of two methods that both always succeed the one named first looks better.
#   SignTest divides 0 by 0 and gives nan. A rope, however narrow, gives "equivalent" for certain.
# Output seen, 2026-11-30:
#   SignedRankTest, 5 equal pairs: 0.71, 0.29
#   SignedRankTest, 20 equal pairs: 0.70, 0.30
#   SignedRankTest, 10 equal pairs: 0.68, 0.32
#   SignTest: nan, nan
#   SignedRankTest, rope=1e-9: 0.00, 1.00, 0.00
#   CorrelatedTTest: 0.50, 0.50
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet baycomp==1.0.3 numpy==2.4.6 scipy==1.17.1

cat > probe.py <<'PYTHON'
import math
import warnings

import numpy as np
from baycomp import CorrelatedTTest, SignedRankTest, SignTest

warnings.simplefilter("ignore")


def shown(name, probabilities):
    print(f"{name}: " + ", ".join(f"{float(p):.2f}" for p in probabilities))
    return [float(p) for p in probabilities]


for scores in (np.ones(5), np.ones(20), np.arange(10.0)):
    found = SignedRankTest.probs(scores, scores, random_state=0)
    first, second = shown(f"SignedRankTest, {len(scores)} equal pairs", found)
    assert first > 0.6 and abs(first + second - 1) < 1e-9
sign = shown("SignTest", SignTest.probs(scores, scores, random_state=0))
rope = shown("SignedRankTest, rope=1e-9", SignedRankTest.probs(scores, scores, rope=1e-9, random_state=0))
student = shown("CorrelatedTTest", CorrelatedTTest.probs(scores, scores))
assert all(map(math.isnan, sign)) and rope == [0.0, 1.0, 0.0] and student == [0.5, 0.5]
PYTHON
venv/bin/python probe.py
