#!/usr/bin/env bash
# numba 0.68.1, numpy 2.4.6: compiled np.random gives NumPy's bits, shuffles and choices too, but not for gamma and beta.
#
# Source: numba/cpython/randomimpl.py (own implementations on the Mersenne Twister's state).
# Expected: numba's own implementations share the raw stream at most: random() and perhaps normal() agree, while
#   randint, shuffle, permutation and choice, which turn raw draws into numbers in their own way, do not.
# Happens: with the same seed random, uniform, normal, exponential, randint, shuffle, permutation and choice (with and
#   without replacement) agree to the bit over the draws made here; binomial, poisson and triangular do, too.
#   standard_gamma and beta differ from the first draw, so a compiled program agrees until it draws one of them.
# Output seen, 2026-11-30:
#   same: random uniform normal exponential randint shuffle permutation choice choice_without binomial poisson triangular
#   other: standard_gamma beta
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet numba==0.68.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import numpy as np
from numba import njit


def random():
    return np.array([np.random.random() for _ in range(50)])


def uniform():
    return np.array([np.random.uniform(-1.0, 2.0) for _ in range(50)])


def normal():
    return np.array([np.random.normal(0.0, 1.0) for _ in range(50)])


def exponential():
    return np.array([np.random.exponential(1.0) for _ in range(50)])


def randint():
    return np.array([np.random.randint(0, 10) for _ in range(50)])


def shuffle():
    cards = np.arange(20)
    np.random.shuffle(cards)
    return cards


def permutation():
    return np.random.permutation(20)


def choice():
    return np.random.choice(20, 5)


def choice_without():
    return np.random.choice(20, 5, False)


def binomial():
    return np.array([np.random.binomial(10, 0.3) for _ in range(50)])


def poisson():
    return np.array([np.random.poisson(3.0) for _ in range(50)])


def triangular():
    return np.array([np.random.triangular(0.0, 1.0, 2.0) for _ in range(50)])


def standard_gamma():
    return np.array([np.random.standard_gamma(2.0) for _ in range(50)])


def beta():
    return np.array([np.random.beta(2.0, 3.0) for _ in range(50)])


@njit
def seed(value):
    np.random.seed(value)


draws = [random, uniform, normal, exponential, randint, shuffle, permutation, choice, choice_without,
         binomial, poisson, triangular, standard_gamma, beta]
other = []
for draw in draws:
    np.random.seed(0)
    seed(0)
    if not np.array_equal(draw(), njit(draw)()):
        other.append(draw.__name__)
print("same:", *[draw.__name__ for draw in draws if draw.__name__ not in other])
print("other:", *other)
assert other == ["standard_gamma", "beta"]
PYTHON
venv/bin/python probe.py
