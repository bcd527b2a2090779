#!/usr/bin/env bash
# pymdptoolbox 4.0b3: ValueIteration(epsilon=0.01) returns values that are off by 68: only its policy is good.
#
# Source: mdptoolbox/mdp.py, ValueIteration.run (stops when util.getSpan(V - Vprev) < thresh) and _boundIter, whose comment
#   says "epsilon = |V - V*| < epsilon".
# Expected: V lies within epsilon of the optimal values, as that of a textbook's value iteration does, which stops when
#   no value changes by more than a threshold.
# Happens: it stops when the largest and the smallest change of a sweep are alike. The policy is then epsilon-optimal,
#   but all values may still grow by the same amount each sweep. On the package's own forest example this comes after 4
#   sweeps, with values of 8% to 16% of their size; a smaller epsilon changes nothing, as all changes are equal by then.
#   PolicyIteration gives the values.
# Output seen, 2026-11-30, forest management, discount 0.96:
#   ValueIteration, epsilon=0.01: 4 sweeps, V = [5.932, 9.388, 13.388], policy (0, 0, 0)
#   ValueIteration, epsilon=1e-09: 4 sweeps, V = [5.932, 9.388, 13.388], policy (0, 0, 0)
#   PolicyIteration: V = [74.65, 78.106, 82.106], policy (0, 0, 0)
#   largest errors: [68.72, 68.72]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet pymdptoolbox==4.0b3 numpy==2.4.6 scipy==1.17.1

cat > probe.py <<'PYTHON'
import mdptoolbox.example
import numpy as np
from mdptoolbox.mdp import PolicyIteration, ValueIteration

DISCOUNT = 0.96
P, R = mdptoolbox.example.forest()
exact = PolicyIteration(P, R, DISCOUNT)
exact.run()
errors = []
for epsilon in (0.01, 1e-9):
    found = ValueIteration(P, R, DISCOUNT, epsilon=epsilon, max_iter=100_000)
    found.run()
    errors.append(float(np.abs(np.array(found.V) - np.array(exact.V)).max()))
    values = [round(float(v), 3) for v in found.V]
    print(f"ValueIteration, epsilon={epsilon}: {found.iter} sweeps, V = {values}, policy {tuple(map(int, found.policy))}")
    assert found.policy == exact.policy
values = [round(float(v), 3) for v in exact.V]
print(f"PolicyIteration: V = {values}, policy {tuple(map(int, exact.policy))}")
print("largest errors:", [round(error, 2) for error in errors])
assert [round(error, 2) for error in errors] == [68.72, 68.72]
PYTHON
venv/bin/python probe.py
