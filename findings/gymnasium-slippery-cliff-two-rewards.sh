#!/usr/bin/env bash
# gymnasium 1.4.0: in CliffWalkingSlippery-v1 one (state, action, next state) has two rewards.
#
# Source: gymnasium/envs/toy_text/cliffwalking.py, CliffWalkingEnv._calculate_transition_prob.
# Expected: the reward is a function of state, action and next state, so that a table R[s, a, s'] holds it.
# Happens: beside the start, slipping into the cliff (-100) and walking to the start (-1) both lead to the start, state
#   36, without termination. A reader who fills R[s, a, s'] keeps whichever entry comes last; only the
#   mean over the entries, weighted by their probabilities, gives the right expected reward.
# Output seen, 2026-11-30:
#   6 pairs of state and action with two rewards for one next state, 36: (36, 0) (36, 1) (36, 2) (37, 0) (37, 2) (37, 3)
#   largest error of the expected reward by the last entry: 66.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
from collections import defaultdict

import gymnasium as gym

table = gym.make("CliffWalkingSlippery-v1").unwrapped.P
ambiguous, errors = [], []
for state, actions in table.items():
    for action, entries in actions.items():
        rewards, last, odds = defaultdict(set), {}, defaultdict(float)
        for probability, following, reward, _ in entries:
            rewards[int(following)].add(reward)
            last[int(following)] = reward
            odds[int(following)] += probability
        for following, values in rewards.items():
            if len(values) > 1:
                ambiguous.append((int(state), int(action), following, sorted(values)))
        right = sum(p * r for p, _, r, _ in entries)
        errors.append(abs(right - sum(odds[s] * last[s] for s in odds)))
pairs = [(state, action) for state, action, _, _ in ambiguous]
print(len(pairs), "pairs of state and action with two rewards for one next state, 36:", *pairs)
print("largest error of the expected reward by the last entry:", round(max(errors), 6))
assert pairs == [(36, 0), (36, 1), (36, 2), (37, 0), (37, 2), (37, 3)]
assert all((following, values) == (36, [-100, -1]) for _, _, following, values in ambiguous)
assert round(max(errors), 6) == 66.0
PYTHON
venv/bin/python probe.py
