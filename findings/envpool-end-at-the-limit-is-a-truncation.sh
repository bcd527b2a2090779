#!/usr/bin/env bash
# envpool 1.2.5: an episode that ends in a hole with its last permitted step is reported as truncated.
#
# Source: envpool/core/env.h, Env::Allocate (trunc: done, and current_step >= max_episode_steps);
#   envpool/python/gymnasium_envpool.py (terminated = done & ~trunc).
# Expected: terminated says that the state is terminal, whatever the time: Gymnasium's FrozenLake, a peer of the same
#   name, returns both flags for a fall with the last step.
# Happens: the flags exclude each other and the limit wins. A learner that bootstraps after a truncation, as it should,
#   bootstraps from a hole. The fewer steps are allowed, the more: with two steps no fall is ever a termination.
# Output seen, 2026-11-30, 4x4 lake, down, then right, towards the hole at cell 5, two steps at most:
#   envpool falls by (terminated, truncated): {(False, True): 2129}
#   gymnasium falls by (terminated, truncated): {(True, True): 117}
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet envpool==1.2.5 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
from collections import Counter

import envpool
import gymnasium
import numpy as np

HOLE, DOWN, RIGHT = 5, 1, 2
pool = envpool.make("FrozenLake-v1", env_type="gymnasium", num_envs=100, seed=0, max_episode_steps=2)
pool.reset()
seen = {"envpool": Counter(), "gymnasium": Counter()}
for _ in range(100):
    for action in (DOWN, RIGHT, DOWN):  # the third step only resets
        cells, _, terminated, truncated, _ = pool.step(np.full(100, action))
        for cell, end, cut in zip(cells, terminated, truncated):
            seen["envpool"][bool(end), bool(cut)] += int(cell == HOLE and (end or cut))
lake = gymnasium.make("FrozenLake-v1", max_episode_steps=2)
for seed in range(500):
    lake.reset(seed=seed)
    for action in (DOWN, RIGHT):
        cell, _, end, cut, _ = lake.step(action)
        seen["gymnasium"][bool(end), bool(cut)] += int(cell == HOLE and (end or cut))
for name, found in seen.items():
    print(name, "falls by (terminated, truncated):", {key: number for key, number in found.items() if number})
assert {key for key, number in seen["envpool"].items() if number} == {(False, True)}
assert {key for key, number in seen["gymnasium"].items() if number} == {(True, True)}
PYTHON
venv/bin/python probe.py
