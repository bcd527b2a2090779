#!/usr/bin/env bash
# numba 0.68.1: compiled, 10 ** -k is 0 where k is a variable, and 0.01 where it is written as 10 ** -2.
#
# Source: numba/cpython/numbers.py, int_power_impl ("if a != 1 and a != -1: return 0"); numba/numba#7012, open since
#   2021. CPython's compiler folds 10 ** -2 into the constant 0.01 before numba sees it.
# Expected: 0.01 in both, as in Python; or an error, as NumPy raises for integer arrays.
# Happens: two integers make an integer, and 0.01 cut to an integer is 0. A power with both numbers written out never
#   reaches numba. So a try with numbers passes, and a loop over step sizes 10 ** -k learns with 1, 0, 0, 0 in place of
#   1, 0.1, 0.01, 0.001. There is no warning, and 10.0 ** -k is right.
# Output seen, 2026-11-30:
#   10 ** -2: compiled 0.01, Python 0.01
#   10 ** -k: compiled [1.0, 0.0, 0.0, 0.0], Python [1.0, 0.1, 0.01, 0.001]
#   10.0 ** -k: compiled [1.0, 0.1, 0.01, 0.001]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet numba==0.68.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import numpy as np
from numba import njit


@njit
def written():
    return 10 ** -2


@njit
def sizes(count):
    found = np.empty(count)
    for k in range(count):
        found[k] = 10 ** -k
    return found


@njit
def float_sizes(count):
    found = np.empty(count)
    for k in range(count):
        found[k] = 10.0 ** -k
    return found


print(f"10 ** -2: compiled {written()}, Python {written.py_func()}")
print(f"10 ** -k: compiled {sizes(4).tolist()}, Python {sizes.py_func(4).tolist()}")
print(f"10.0 ** -k: compiled {float_sizes(4).round(6).tolist()}")
assert written() == 0.01 and sizes(4).tolist() == [1.0, 0.0, 0.0, 0.0]
assert np.allclose(sizes.py_func(4), float_sizes(4)) and sizes.py_func(4)[2] == 0.01
PYTHON
venv/bin/python probe.py
