#!/usr/bin/env bash
# matrix-mdp-gym 1.1.1: reset(seed=...) does not seed it; numpy's global generator does.
#
# Source: matrix_mdp/envs/matrix_mdp.py, MatrixMDPEnv.reset and step (np.random.choice).
# Expected: two environments reset with one seed and given the same actions visit the same states, as Gymnasium's
#   interface asks and its check_reset_seed checks.
# Happens: reset hands the seed on, but start states and transitions are drawn from numpy's global generator: the same
#   seed gives other states in each episode, and np.random.seed, called by anything in the process, decides instead.
# Output seen, 2026-11-30:
#   reset(seed=0) twice, 50 steps each: the same states: False
#   np.random.seed(0) before each: the same states: True
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet matrix-mdp-gym==1.1.1 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gymnasium as gym
import matrix_mdp  # noqa: F401  (registers the environment)
import numpy as np

STATES = 10
start = np.full(STATES, 1 / STATES)
# indexed by next state, state, action
transitions = np.full((STATES, STATES, 1), 1 / STATES)
rewards = np.zeros((STATES, STATES, 1))


def visited(global_seed=None):
    env = gym.make("matrix_mdp/MatrixMDP-v0", p_0=start, p=transitions, r=rewards, disable_env_checker=True)
    if global_seed is not None:
        np.random.seed(global_seed)
    states = [int(env.reset(seed=0)[0])]
    return states + [int(env.step(0)[0]) for _ in range(50)]


seeded = visited() == visited()
by_global = visited(global_seed=0) == visited(global_seed=0)
print("reset(seed=0) twice, 50 steps each: the same states:", seeded)
print("np.random.seed(0) before each: the same states:", by_global)
assert not seeded and by_global
PYTHON
venv/bin/python probe.py
