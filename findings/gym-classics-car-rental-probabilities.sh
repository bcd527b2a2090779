#!/usr/bin/env bash
# gym-classics 1.0.0: the transition probabilities of JacksCarRental-v0 do not sum to 1, and NumPy refuses them.
#
# Source: gym_classics/envs/jacks_car_rental.py; numpy/random/_generator.pyx, Generator.choice (tolerance of p).
# Expected: the probabilities that model(state, action) returns sum to 1 up to rounding (1e-15), as those of all other
#   environments of the package do.
# Happens: all 4,851 rows miss 1, by up to 5e-7 on either side. That is more than Generator.choice(p=...) allows
#   (1.5e-8), so drawing a next state from the model raises ValueError for 4,260 rows.
# Output seen, 2026-11-30: 4851 of 4851 rows miss 1: from 0.99999948 to 1.00000037; refused: 4260
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gym-classics==1.0.0 gymnasium==1.4.0 numpy==2.4.6 scipy==1.17.1

cat > probe.py <<'PYTHON'
import gym_classics
import gymnasium as gym
import numpy as np

gym_classics.register("gymnasium")
model = gym.make("JacksCarRental-v0").unwrapped
rng = np.random.default_rng(0)
sums, refused = [], 0
for state in model.states():
    for action in model.actions():
        following, _, _, p = model.model(state, action)
        sums.append(float(sum(p)))
        try:
            rng.choice(following, p=p)
        except ValueError as error:
            assert "do not sum to 1" in str(error)
            refused += 1
off = sum(total != 1 for total in sums)
print(f"{off} of {len(sums)} rows miss 1: from {min(sums):.8f} to {max(sums):.8f}; refused: {refused}")
assert (off, len(sums), refused) == (4851, 4851, 4260)
assert 4e-7 < 1 - min(sums) < 6e-7 and 3e-7 < max(sums) - 1 < 5e-7
PYTHON
venv/bin/python probe.py
