"""Cosine and sine without branches and calls, so that a loop over them can be vectorised.

They compute what glibc's libm does from version 2.28 on, on processors with fused multiplication and
addition: the angle less a multiple of pi/2, and a short series around the nearest 128th, whose sine and
cosine are in a table (Gal and Bachelis 1991, "An accurate elementary mathematical library for the IEEE
floating point standard"). They are used only if they give the bits of this machine's libm: `same_as_libm`.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np

from qsweep.environments.twins.trigonometry import libm_cos, libm_sin
from qsweep.learning.compiler.compilation import compiled
from qsweep.learning.compiler.intrinsics import fma
from qsweep.system.arrays import Floats

HALF_PI, HALF_PI_REST = 1.5707963267948966, 6.123233995736766e-17
HALF_PI_PARTS = (
    *(float.fromhex("0x1.921fb58p+0"), float.fromhex("-0x1.dde973cp-27")),
    *(float.fromhex("-0x1.cb3b398p-55"), float.fromhex("-0x1.d747f23e32ed7p-83")),
)
"""Their sum is pi/2; a small multiple of each but the last is exact."""
NEAR_0, NEAR_HALF_PI = float.fromhex("0x1.b6p-1"), float.fromhex("0x1.368fdp+1")
"""Up to the first, angles are not reduced; up to the second, they are subtracted from pi/2."""
ROUNDING, TABLE_ROUNDING = 1.5 * 2.0**52, 1.5 * 2.0**45
"""Adding one of these rounds to an integer, or to a 128th."""
SIN_3, SIN_5 = -0.16666666666666488, 0.008333332142857223
COS_2, COS_4, COS_6 = 0.5, -0.04166666666666644, 0.001388888740079376
"""The series around 0 of the sine and of one less the cosine, within a 256th."""
SMALL = 0.126
"""Sines of smaller numbers are computed without the table, by a longer series."""
LONG = (
    *(-0.16666666666666666, 0.008333333333332329, -0.00019841269834414642),
    *(2.755729806860771e-06, -2.5022014848318398e-08),
)
STEPS, BITS = 128, 256
SIDE = 2**14
"""An eighth of the number of test angles."""


def _table() -> Floats:
    """Return sin, its rest, cos, its rest of each 128th up to pi/4 and a little more, float64[4 * 112]."""
    one = 1 << BITS

    def parts(exact: int) -> tuple[float, float]:
        first = exact / one
        numerator, denominator = first.as_integer_ratio()
        return first, (exact - numerator * one // denominator) / one

    rows = []
    for step in range(112):
        x = step * one // STEPS
        term, sums, n = one, [0, 0], 0
        while term:
            sums[n % 2] += term if n % 4 < 2 else -term
            n += 1
            term = (term * x // n) >> BITS
        rows += [*parts(sums[1]), *parts(sums[0])]
    return np.array(rows)


TABLE = _table()


def _series(a: float, rest: float, is_cosine: bool) -> float:
    """Return the cosine, or the sine, of a + rest; a is at most 0.86 in magnitude, the rest is tiny."""
    rest_of_magnitude = -rest if a < 0.0 else rest
    magnitude = abs(a)
    nearest = (magnitude + TABLE_ROUNDING) - TABLE_ROUNDING
    x = magnitude - nearest
    x = x + rest_of_magnitude if is_cosine else x
    row = np.uint64(np.int64(nearest * (4.0 * STEPS)))
    skipped = np.uint64(2) if is_cosine else np.uint64(0)
    own, other = row + skipped, row + (np.uint64(2) - skipped)
    square = x * x
    odd, even = fma(square, SIN_5, SIN_3), square * fma(square, fma(square, COS_6, COS_4), COS_2)
    sin = -fma(x * square, odd, x) if is_cosine else x + fma(x * square, odd, rest_of_magnitude)
    versine = even if is_cosine else fma(x, rest_of_magnitude, even)
    more = fma(sin, TABLE[other + np.uint64(1)], TABLE[own + np.uint64(1)])
    more = fma(sin, TABLE[other], fma(-versine, TABLE[own], more))
    by_table: float = TABLE[own] + more
    square = a * a
    series = fma(square, fma(square, fma(square, fma(square, LONG[4], LONG[3]), LONG[2]), LONG[1]), LONG[0])
    by_series: float = a + fma(fma(series, a, -(0.5 * rest)), square, rest)
    if is_cosine:
        return by_table
    return by_series if magnitude < SMALL else math.copysign(by_table, a)


def _reduced(x: float) -> tuple[float, float, int]:
    """Return a, a rest and n: x = a + rest + n pi/2."""
    n = fma(x, 1.0 / HALF_PI, ROUNDING) - ROUNDING
    first = fma(-n, HALF_PI_PARTS[1], fma(-n, HALF_PI_PARTS[0], x))
    second = fma(-n, HALF_PI_PARTS[2], first)
    rest = fma(-n, HALF_PI_PARTS[2], first - second)
    a = fma(-n, HALF_PI_PARTS[3], second)
    return a, rest + fma(-n, HALF_PI_PARTS[3], second - a), int(n)


def cos(x: float) -> float:
    """Return the cosine of x."""
    a, rest, n = _reduced(x)
    magnitude = abs(x)
    nearby = HALF_PI - magnitude
    shifted = nearby + HALF_PI_REST
    near_0, near = magnitude < NEAR_0, magnitude < NEAR_HALF_PI
    a = x if near_0 else shifted if near else a
    rest = 0.0 if near_0 else (nearby - shifted) + HALF_PI_REST if near else rest
    found = _series(a, rest, near_0 | ((not near) & ((n & 1) == 0)))
    return -found if (not near) & (((n + 1) & 2) != 0) else found


def sin(x: float) -> float:
    """Return the sine of x."""
    a, rest, n = _reduced(x)
    magnitude = abs(x)
    near_0, near = magnitude < NEAR_0, magnitude < NEAR_HALF_PI
    a = x if near_0 else HALF_PI - magnitude if near else a
    rest = 0.0 if near_0 else HALF_PI_REST if near else rest
    found = _series(a, rest, (not near_0) & (near | ((n & 1) == 1)))
    found = math.copysign(found, x) if near | (x == 0.0) else found
    return -found if (not near) & ((n & 2) != 0) else found


def differences(angles: Floats, found: Floats) -> int:
    """Return how many cosines and sines of angles differ from libm's. found float64[4, angles]: written."""
    for i in range(len(angles)):
        found[0, i], found[1, i] = cos(angles[i]), sin(angles[i])
    for i in range(len(angles)):
        found[2, i], found[3, i] = libm_cos(angles[i]), libm_sin(angles[i])
    count = 0
    for i in range(len(angles)):
        count += (found[0, i] != found[2, i]) | (found[1, i] != found[3, i])
    return count


def angles_to_test() -> Floats:
    """Return the angles for which both are compared with libm: a fine grid, and random ones of every size."""
    random = np.random.default_rng(0)
    grid = np.arange(-SIDE, SIDE) / (SIDE / 8)
    magnitudes = 2.0 ** random.uniform(-30.0, 20.0, SIDE)
    return np.concatenate([grid, random.uniform(-8.0, 8.0, 4 * SIDE), magnitudes, -magnitudes])


@cache
def same_as_libm() -> bool:
    """Return whether both give the bits of this machine's libm for all test angles; takes some 10 ms."""
    from numba import float64, int64

    angles = angles_to_test()
    compare = compiled(differences, int64(float64[::1], float64[:, ::1]))
    return bool(compare(angles, np.empty((4, len(angles)))) == 0)


def vectorised() -> dict[str, Any]:
    """Return the replacements of libm's functions in loops over several lanes, none if they differ."""
    module = "qsweep.environments.twins.trigonometry"
    return {f"{module}.libm_cos": cos, f"{module}.libm_sin": sin} if same_as_libm() else {}
