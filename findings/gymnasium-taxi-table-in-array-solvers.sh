#!/usr/bin/env bash
# gymnasium 1.4.0 and pymdptoolbox 4.0b3: Taxi's table as arrays is another problem, worth ten times as much.
#
# Source: gymnasium/envs/toy_text/taxi.py, TaxiEnv (P: the rows of the four delivered states);
#   mdptoolbox/mdp.py, PolicyIteration(transitions, reward, discount).
# Expected: the terminal states of a toy-text table are absorbing and pay 0, as FrozenLake's are, so that transition and
#   reward arrays made of P have the same optimum as the table.
# Happens: in Taxi the four delivered states have ordinary rows: the passenger can be picked up again and delivered
#   again for another 20. Only the flag "terminated" in the entries stops that, and array solvers have no such flag.
#   The same state is also reached with the flag set (by delivering) and unset (by driving while the passenger waits at
#   the destination), so the flag is not a property of the state.
# Output seen, 2026-11-30:
#   FrozenLake-v1: value of state 0 by the table 0.1805, by the arrays 0.1805
#   Taxi-v4: value of state 0 by the table 18.0, by the arrays 184.6154
#   Taxi-v4 states reached both with and without termination: [0, 85, 410, 475]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gymnasium==1.4.0 numpy==2.4.6 scipy==1.17.1 pymdptoolbox==4.0b3

cat > probe.py <<'PYTHON'
from collections import defaultdict

import gymnasium as gym
import numpy as np
from mdptoolbox.mdp import PolicyIteration

GAMMA = 0.95


def by_table(table):
    """Value iteration that heeds the flag `terminated`."""
    value = np.zeros(len(table))
    for _ in range(600):
        value = np.array([
            max(
                sum(p * (r + GAMMA * value[s] * (not end)) for p, s, r, end in entries)
                for entries in actions.values()
            )
            for actions in table.values()
        ])
    return value


def by_arrays(table):
    count, moves = len(table), len(table[0])
    transitions, reward = np.zeros((moves, count, count)), np.zeros((count, moves))
    for state, actions in table.items():
        for action, entries in actions.items():
            for p, following, r, _ in entries:
                transitions[action, state, following] += p
                reward[state, action] += p * r
    solver = PolicyIteration(transitions, reward, GAMMA)
    solver.run()
    return solver.V


seen = {}
for name in ("FrozenLake-v1", "Taxi-v4"):
    table = gym.make(name).unwrapped.P
    seen[name] = round(float(by_table(table)[0]), 4), round(float(by_arrays(table)[0]), 4)
    print(f"{name}: value of state 0 by the table {seen[name][0]}, by the arrays {seen[name][1]}")
ends = defaultdict(set)
for actions in gym.make("Taxi-v4").unwrapped.P.values():
    for entries in actions.values():
        for _, following, _, end in entries:
            ends[int(following)].add(bool(end))
both = sorted(state for state, flags in ends.items() if len(flags) == 2)
print("Taxi-v4 states reached both with and without termination:", both)
assert seen == {"FrozenLake-v1": (0.1805, 0.1805), "Taxi-v4": (18.0, 184.6154)}
assert both == [0, 85, 410, 475]
PYTHON
venv/bin/python probe.py
