#!/usr/bin/env bash
# mazemdp 1.3.1: the goal pays nothing when it is reached, and with hit=True most actions in it cost 0.5 instead.
#
# Source: mazemdp/mdp.py, Mdp.step (terminated() is asked before current_state moves); mazemdp/maze.py,
#   Maze.simple_reward and reward_hit_walls (which overwrites the goal's row).
# Expected: the step into the goal ends the episode and pays 1, walls hurt on the way: build_maze puts the goal into
#   the last cell, so the shortest path of a 3x3 maze has 4 steps and returns 1.
# Happens: reward and end belong to the state that is left. The step into the goal is an ordinary one; a fifth step has
#   to be taken in the goal, and that one ends the episode wherever it goes. With hit=True the corner's two walls have
#   replaced the reward of two of its four actions by -0.5. The policy has to be good in the terminal state, too,
#   which elsewhere does not matter.
# Output seen, 2026-11-30:
#   hit=False: steps to the goal [(0.0, False), (0.0, False), (0.0, False), (0.0, False)]
#   hit=False: one more, N, S, E, W [(1.0, True), (1.0, True), (1.0, True), (1.0, True)]
#   hit=True: steps to the goal [(0.0, False), (0.0, False), (0.0, False), (0.0, False)]
#   hit=True: one more, N, S, E, W [(1.0, True), (-0.5, True), (-0.5, True), (1.0, True)]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mazemdp==1.3.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
from mazemdp import build_maze
from mazemdp.toolbox import E, N, S, W

seen = {}
for hit in (False, True):
    mdp, _, _, _ = build_maze(3, 3, hit, walls=[], start_states=[0])

    def played(actions):
        mdp.reset()
        return [(float(reward), bool(over)) for _, reward, over, _, _ in map(mdp.step, actions)]

    path = [S, S, E, E]
    steps, more = played(path), [played([*path, action])[-1] for action in (N, S, E, W)]
    assert played(path) == steps and mdp.current_state in mdp.terminal_states
    seen[hit] = more
    print(f"hit={hit}: steps to the goal {steps}")
    print(f"hit={hit}: one more, N, S, E, W {more}")
    assert steps == [(0.0, False)] * 4
assert seen == {False: [(1.0, True)] * 4, True: [(1.0, True), (-0.5, True), (-0.5, True), (1.0, True)]}
PYTHON
venv/bin/python probe.py
