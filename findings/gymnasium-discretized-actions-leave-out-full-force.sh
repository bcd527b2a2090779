#!/usr/bin/env bash
# gymnasium 1.4.0: DiscretizeAction leaves out full force: 3 bins push with two thirds of it, 2 bins with half.
#
# Source: gymnasium/wrappers/transform_action.py, DiscretizeAction (bin_centers: the middles of equal parts).
# Expected: 3 bins of a force between -1 and 1 are -1, 0 and 1, as MountainCar's own three actions are full force left,
#   none, full force right.
# Happens: the interval is cut into equal parts, each of which stands for its middle, so neither end is an action. A
#   task that is solved by full force becomes another one: pushing the way the car moves takes a fifth more
#   steps in MountainCarContinuous. Results for 3 and for 5 bins differ in force, not only in resolution.
# Output seen, 2026-11-30:
#   2 bins: -0.500, 0.500
#   3 bins: -0.667, 0.000, 0.667
#   5 bins: -0.800, -0.400, 0.000, 0.400, 0.800
#   steps to the goal, pushing the way the car moves: full force 80, ends of 3 bins 97
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gymnasium as gym
from gymnasium.wrappers import DiscretizeAction


def forces(bins):
    env = DiscretizeAction(gym.make("MountainCarContinuous-v0"), bins=bins)
    return [float(env.action(number)[0]) for number in range(bins)]


def steps(env, left, right):
    """Push the way the car moves, and return the steps to the goal."""
    observation, _ = env.reset(seed=0)
    for step in range(1, 1000):
        observation, _, terminated, _, _ = env.step(right if observation[1] > 0 else left)
        if terminated:
            return step


for bins in (2, 3, 5):
    print(f"{bins} bins: " + ", ".join(f"{force:.3f}" for force in forces(bins)))
plain = steps(gym.make("MountainCarContinuous-v0"), [-1.0], [1.0])
wrapped = steps(DiscretizeAction(gym.make("MountainCarContinuous-v0"), bins=3), 0, 2)
print(f"steps to the goal, pushing the way the car moves: full force {plain}, ends of 3 bins {wrapped}")
assert [round(force, 3) for force in forces(3)] == [-0.667, 0.0, 0.667]
assert forces(2) == [-0.5, 0.5]
assert (plain, wrapped) == (80, 97)
PYTHON
venv/bin/python probe.py
