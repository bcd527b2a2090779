#!/usr/bin/env bash
# OpenSpiel 2.0.2: the tabular Boltzmann Q-learner chooses illegal moves while it learns; evaluated, it does not.
#
# Source: open_spiel/python/algorithms/boltzmann_tabular_qlearner.py, BoltzmannQLearner._softmax (over all actions); its
#   docstring: "a valid soft-max selected action and valid action probabilities"; google-deepmind/open_spiel#1610.
# Expected: only moves in legal_actions are chosen, as by QLearner, its parent class, and by itself at temperature 0.
# Happens: an illegal move has the value 0 and thus its share of the softmax: in tic-tac-toe with two cells taken 2 of
#   9, and more where the legal moves look like losing. Evaluation uses temperature 0, so an agent passes every
#   test of play, while in training it chooses moves that the game refuses.
# Output seen, 2026-11-30, tic-tac-toe, cells 0 and 1 taken:
#   legal: [2, 3, 4, 5, 6, 7, 8]
#   BoltzmannQLearner: probability of illegal moves 0.222, chosen 220 times in 1000
#   BoltzmannQLearner, evaluated: probability of illegal moves 0.000, chosen 0 times in 1000
#   QLearner: probability of illegal moves 0.000, chosen 0 times in 1000
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet open-spiel==2.0.2 numpy==2.4.6

cat > probe.py <<'PYTHON'
import numpy as np
from open_spiel.python import rl_environment
from open_spiel.python.algorithms.boltzmann_tabular_qlearner import BoltzmannQLearner
from open_spiel.python.algorithms.tabular_qlearner import QLearner

np.random.seed(0)
env = rl_environment.Environment("tic_tac_toe")
env.reset()
env.step([0])
turn = env.step([1])
legal = turn.observations["legal_actions"][0]
print(f"legal: {legal}")
shares, chosen = [], []
for learner, evaluated in ((BoltzmannQLearner, False), (BoltzmannQLearner, True), (QLearner, False)):
    steps = [learner(0, 9).step(turn, is_evaluation=evaluated) for _ in range(1000)]
    shares.append(float(1 - steps[0].probs[legal].sum()))
    chosen.append(sum(int(step.action) not in legal for step in steps))
    what = f"{learner.__name__}{', evaluated' if evaluated else ''}"
    print(f"{what}: probability of illegal moves {abs(shares[-1]):.3f}, chosen {chosen[-1]} times in 1000")
assert shares[0] > 0.2 and chosen[0] > 150 and chosen[1:] == [0, 0] and max(shares[1:]) < 1e-9
PYTHON
venv/bin/python probe.py
