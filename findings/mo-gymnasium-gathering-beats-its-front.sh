#!/usr/bin/env bash
# mo-gymnasium 1.3.2: in resource-gathering-v0 a fixed route beats every point of the environment's own Pareto front.
#
# Source: mo_gymnasium/envs/resource_gathering/resource_gathering.py, ResourceGathering.pareto_front (a list of six
#   routes); mo_gymnasium/envs/deep_sea_treasure/deep_sea_treasure.py, DeepSeaTreasure.pareto_front.
# Expected: pareto_front(gamma) is the front: nothing reaches more in all objectives; and as in deep-sea-treasure a
#   reward at step n is discounted by gamma ** (n - 1).
# Happens: 18 steps bring both the gold and the gem home without meeting an enemy. That route is missing. Undiscounted
#   it returns (0, 1, 1) for certain, which dominates all three points claimed. The points are also discounted once
#   too often: the gem fetched in 10 steps is claimed to be worth gamma ** 10. So hypervolume and regret against this
#   front come out better than the optimum; a good agent has a negative regret.
# Output seen, 2026-11-30:
#   gamma 1.0: claimed [(-0.1, 0.9, 0.9), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)]; 18 steps {(0.0, 1.0, 1.0)}, 10 steps
#     {(0.0, 0.0, 1.0)}
#   gamma 0.99: claimed [(-0.0932, 0.7819, 0.7819), (0.0, 0.0, 0.9044), (0.0, 0.8864, 0.0)]; 18 steps
#     {(0.0, 0.8429, 0.8429)}, 10 steps {(0.0, 0.0, 0.9135)}
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mo-gymnasium==1.3.2 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import warnings

import mo_gymnasium
import numpy as np

warnings.simplefilter("ignore")
UP, DOWN, LEFT, RIGHT = range(4)
BOTH = [UP, UP, LEFT, UP, UP, RIGHT, LEFT, DOWN, DOWN, RIGHT, RIGHT, UP, RIGHT, DOWN, DOWN, DOWN, LEFT, LEFT]
GEM = [UP, UP, RIGHT, RIGHT, UP, DOWN, DOWN, DOWN, LEFT, LEFT]


def returned(route, gamma, seed):
    env = mo_gymnasium.make("resource-gathering-v0")
    env.reset(seed=seed)
    total = np.zeros(3)
    for number, action in enumerate(route):
        _, reward, terminated, _, _ = env.step(action)
        total += gamma**number * reward
    assert terminated
    return tuple(map(float, total.round(4)))


env = mo_gymnasium.make("resource-gathering-v0").unwrapped
for gamma in (1.0, 0.99):
    front = sorted(tuple(map(float, point.round(4))) for point in env.pareto_front(gamma))
    both, gem = ({returned(route, gamma, seed) for seed in range(20)} for route in (BOTH, GEM))
    print(f"gamma {gamma}: claimed {front}; {len(BOTH)} steps {both}, {len(GEM)} steps {gem}")
    assert len(both) == len(gem) == 1
    (both,), (gem,) = both, gem
    if gamma == 1:
        assert both == (0.0, 1.0, 1.0) and all(np.all(np.array(point) <= both) for point in front)
    else:
        assert not any(np.all(np.array(point) >= both) for point in front)
        assert gem == (0.0, 0.0, round(gamma**9, 4)) and (0.0, 0.0, round(gamma**10, 4)) in front
PYTHON
venv/bin/python probe.py
