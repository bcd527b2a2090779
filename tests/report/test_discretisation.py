from __future__ import annotations

import numpy as np
import pytest

from qsweep.policies.aliasing import Aliasing
from qsweep.report.discretisation import sentences

NAMES = ("position", "velocity")


def found(shares: list[tuple[float, float]]) -> list[Aliasing]:
    return [Aliasing(0.5, 4.0, 1.25, pair, 0.01, np.zeros(4)) for pair in shares]


@pytest.mark.parametrize(
    ("shares", "advice"),
    [
        (
            [(0.0, 0.2), (0.01, 0.22), (-0.01, 0.19)],
            "More buckets in velocity would help, in position would not.",
        ),
        ([(0.05, 0.2), (0.06, 0.21), (0.055, 0.2)], "More buckets in velocity would help."),
        (
            [(0.1, 0.11), (0.11, 0.1), (0.1, 0.12)],
            "these differ too little between dimensions to prefer one.",
        ),
        ([(0.0, 0.2)], "no dimension stands out."),
        ([(0.0, 0.01), (0.0, 0.011), (0.0, 0.01)], "no dimension stands out."),
        ([(0.0, 0.4), (0.0, -0.2), (0.0, 0.1)], "no dimension stands out."),
    ],
)
def test_advice_needs_evidence(shares: list[tuple[float, float]], advice: str) -> None:
    """A dimension is named only if it recovers regret with all seeds, and more than the others."""
    text = sentences(found(shares), NAMES)
    assert text.startswith("Within a cell the temporal-difference target varies by 0.5")
    assert text.endswith(advice)
