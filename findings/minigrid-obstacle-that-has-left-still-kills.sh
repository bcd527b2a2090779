#!/usr/bin/env bash
# minigrid 3.2.0: in Dynamic-Obstacles one dies of obstacles that have left, and of walls, not of those that arrive.
#
# Source: minigrid/envs/dynamicobstacles.py, DynamicObstaclesEnv.step (what is in front is looked up first, then the
#   obstacles move, then the agent), and its docstring, "Termination".
# Expected: the agent collides with what is in the cell that it enters; a wall only stops it, as in the package's other
#   rooms. "The episode ends if" the goal is reached, "the agent collides with an obstacle", or time is up.
# Happens: the cell in front counts as it was before the obstacles moved. Nearly all deaths by obstacles are steps into
#   a cell that is free by then. An obstacle that has just moved into the cell only stops the agent, with reward 0.
#   A step against the wall ends the episode with -1: for a beginner the commonest end by far.
# Output seen, 2026-11-30, random steps, what was in front before and after the obstacles moved:
#   ball, ball: moved False, reward -1, terminated True: 2 times
#   ball, free: moved True, reward -1, terminated True: 49 times
#   free, ball: moved False, reward 0, terminated False: 24 times
#   free, free: moved True, reward 0, terminated False: 1001 times
#   wall, wall: moved False, reward -1, terminated True: 238 times
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet minigrid==3.2.0 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
from collections import Counter

import gymnasium
import minigrid  # noqa: F401

FORWARD = 2
env = gymnasium.make("MiniGrid-Dynamic-Obstacles-16x16-v0")
counts = Counter()
for seed in range(300):
    env.reset(seed=seed)
    inner = env.unwrapped
    for action in map(int, env.np_random.integers(3, size=60)):
        front = tuple(map(int, inner.front_pos))
        before = inner.grid.get(*front)
        _, reward, terminated, _, _ = env.step(action)
        after = inner.grid.get(*front)
        moved = tuple(map(int, inner.agent_pos)) == front
        if action == FORWARD and (before is None or before.type in ("ball", "wall")):
            kinds = tuple(cell.type if cell else "free" for cell in (before, after))
            counts[(*kinds, moved, float(reward), bool(terminated))] += 1
        if terminated:
            break
for (before, after, moved, reward, terminated), number in sorted(counts.items()):
    print(f"{before}, {after}: moved {moved}, reward {reward:g}, terminated {terminated}: {number} times")
died = {key[:3]: number for key, number in counts.items() if key[4]}
assert died["ball", "free", True] > 5 * died.get(("ball", "ball", False), 0)
assert died["wall", "wall", False] > 100 and ("free", "ball", False) not in died
assert counts["free", "ball", False, 0.0, False] > 10
PYTHON
venv/bin/python probe.py
