#!/usr/bin/env bash
# minigrid 3.2.0: PositionBonus counts over the wrapper's life, so the same seed and actions pay less each episode.
#
# Source: minigrid/wrappers.py, PositionBonus (self.counts is made in __init__; reset passes on).
# Expected: reset starts a fresh episode: the same seed and actions give the same rewards.
# Happens: the visit counts survive reset, as an exploration bonus over training needs, but a seeded evaluation of the
#   same policy depends on how many episodes the object has seen.
# Output seen, 2026-11-30: [1.0, 1.0] [0.7071, 0.7071] [0.5774, 0.5774]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet minigrid==3.2.0 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gymnasium as gym
import minigrid  # noqa: F401  (registers the environments)
from minigrid.wrappers import PositionBonus

FORWARD = 2
env = PositionBonus(gym.make("MiniGrid-Empty-5x5-v0"))
seen = []
for _ in range(3):
    env.reset(seed=0)
    seen.append([round(float(env.step(FORWARD)[1]), 4) for _ in range(2)])
print(*seen)
assert seen == [[1.0, 1.0], [0.7071, 0.7071], [0.5774, 0.5774]]
PYTHON
venv/bin/python probe.py
