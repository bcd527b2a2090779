#!/usr/bin/env bash
# gym-classics2 1.0.3: a step in WindyGridworld-v0 costs nothing, though its docstring and the book say -1.
#
# Source: gym_classics2/envs/gym_classics2/windy_gridworld.py, WindyGridworld.__init__ (it hands on no rewards);
#   gym_classics2/envs/abstract/gridworld.py, Gridworld.__init__ (step_reward=0.0, goal_reward=1.0).
# Expected: "-1 for all transitions unless the episode terminates", as the docstring and Sutton and Barto's Example 6.5
#   have it, and as gym-classics 1.0.0, on which the package is based, does: the shortest path, 15 steps, is worth -14
#   or -15.
# Happens: every step pays 0 and the goal 1. Undiscounted, each policy that ever reaches the goal is as good as the
#   shortest path, so that Sarsa's path of 17 steps and Q-learning's of 15 earn the same.
# Output seen, 2026-11-30:
#   gym-classics 1.0.0: the shortest path of 15 steps pays -14.0; the same with a detour of 2 steps -16.0
#   gym-classics2 1.0.3: the shortest path of 15 steps pays 1.0; the same with a detour of 2 steps 1.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gym-classics==1.0.0 gym-classics2==1.0.3 gymnasium==1.4.0 numpy==2.4.6 scipy==1.17.1

cat > probe.py <<'PYTHON'
import sys

import gymnasium as gym

UP, RIGHT, DOWN, LEFT = range(4)
PATH = [RIGHT] * 9 + [DOWN] * 4 + [LEFT] * 2
DETOUR = [LEFT, LEFT, *PATH]

if sys.argv[1] == "1":
    import gym_classics

    gym_classics.register("gymnasium")
else:
    import gym_classics2

    gym_classics2.register()


def paid(moves):
    env = gym.make("WindyGridworld-v0", disable_env_checker=True)
    env.reset(seed=0)
    total = 0.0
    for number, move in enumerate(moves, 1):
        _, reward, terminated, _, _ = env.step(move)
        total += float(reward)
        assert terminated == (number == len(moves)), (number, len(moves))
    return total


short, long = paid(PATH), paid(DETOUR)
name = {"1": "gym-classics 1.0.0", "2": "gym-classics2 1.0.3"}[sys.argv[1]]
print(f"{name}: the shortest path of 15 steps pays {short}; the same with a detour of 2 steps {long}")
assert (short, long) == {"1": (-14.0, -16.0), "2": (1.0, 1.0)}[sys.argv[1]]
PYTHON
venv/bin/python probe.py 1
venv/bin/python probe.py 2
