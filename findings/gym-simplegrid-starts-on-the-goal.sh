#!/usr/bin/env bash
# gym-simplegrid 1.1.0: the random start may be the random goal, and the episode then goes on as if it were not.
#
# Source: gym_simplegrid/envs/simple_grid.py, SimpleGridEnv.reset, _parse_loc_option and _check_integrity.
# Expected: "randomly sampled from valid positions" gives a start and a goal that differ, as MiniGrid's placing and
#   every reach-the-goal task have it; or an episode that begins at its goal ends with its first step.
# Happens: both are drawn independently. With the 12 free cells of the 4x4 map this is one episode in 12. step() does not
#   notice, because only the cell after a step counts: one must leave the goal and come back, or run against a wall
#   (reward -1), to be told that the goal is reached.
# Output seen, 2026-11-30:
#   SimpleGrid-4x4-v0: 85 of 1200 resets start on the goal (1 in 14)
#   from the goal: a free move pays -0.1, terminated False; a bump into the wall pays -1.0, terminated True
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gym-simplegrid==1.1.0 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gym_simplegrid  # noqa: F401  (registers the environments)
import gymnasium as gym

UP, DOWN = 0, 1
env = gym.make("SimpleGrid-4x4-v0", disable_env_checker=True)
inner, same = env.unwrapped, 0
for seed in range(1200):
    env.reset(seed=seed)
    same += inner.start_xy == inner.goal_xy
print(f"SimpleGrid-4x4-v0: {same} of 1200 resets start on the goal (1 in {1200 / same:.0f})")
results = []
for action in (DOWN, UP):
    env.reset(seed=0, options={"start_loc": 0, "goal_loc": 0})
    results.append(env.step(action)[1:3])
(free, free_end), (bump, bump_end) = results
print(f"from the goal: a free move pays {free}, terminated {free_end}; a bump into the wall pays {bump}, terminated {bump_end}")
assert same == 85 and results == [(-0.1, False), (-1.0, True)]
PYTHON
venv/bin/python probe.py
