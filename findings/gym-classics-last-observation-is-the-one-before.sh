#!/usr/bin/env bash
# gym-classics 1.0.0: a terminating step returns the state that it left, not the one that it reached.
#
# Source: gym_classics/envs/abstract/base_env.py, BaseEnv._deterministic_step.
# Expected: the goal and the cliff have indices of their own, and the observation of the last step is one of them, as in
#   Gymnasium's toy-text environments.
# Happens: no terminal state is in the observation space (CliffWalk-v0 has 37 states: 48 cells less 10 of cliff
#   and the goal). The last observation is the state before, with its ordinary value: in CliffWalk-v0 a step off the
#   start into the cliff ends the episode at the start. Whether the goal or the cliff was met can be told by the reward
#   alone, and who bootstraps from the last observation by mistake reads a learned value instead of 0.
# Output seen, 2026-11-30:
#   gym-classics: start 28, after a step into the cliff 28, reward -100.0, terminated True; 37 states
#   gymnasium FrozenLake-v1: start 0, the last step ends in 5 and came from 4, terminated True
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gym-classics==1.0.0 gymnasium==1.4.0 numpy==2.4.6 scipy==1.17.1

cat > probe.py <<'PYTHON'
import gym_classics
import gymnasium as gym

gym_classics.register("gymnasium")
RIGHT = 1
env = gym.make("CliffWalk-v0")
start = int(env.reset(seed=0)[0])
end, reward, terminated, _, _ = env.step(RIGHT)
count = int(env.observation_space.n)
print(f"gym-classics: start {start}, after a step into the cliff {end}, reward {reward}, terminated {terminated};",
      count, "states")
lake = gym.make("FrozenLake-v1", is_slippery=False)
path = [int(lake.reset(seed=0)[0])]
for action in (1, 2):  # down, then right into the first hole
    state, _, lake_terminated, _, _ = lake.step(action)
    path.append(int(state))
print(f"gymnasium FrozenLake-v1: start {path[0]}, the last step ends in {path[2]} and came from {path[1]},",
      "terminated", lake_terminated)
assert end == start and reward == -100.0 and terminated and count == 37
assert path == [0, 4, 5] and lake_terminated
PYTHON
venv/bin/python probe.py
