"""Hydra's ranges with exact values: 0.1, 0.2, 0.3 for range(0.1,0.4,0.1), on every version of Hydra.

Up to 1.3, Hydra adds the binary fractions, and so may include the end, and forgets the values when it
reverses a range whose length is no multiple of its step.
"""

from __future__ import annotations

import math
from copy import copy
from decimal import Decimal
from random import shuffle
from typing import Any

from hydra._internal.grammar import grammar_functions
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep


def parser_of(loader: Any = None) -> OverridesParser:
    """Return Hydra's parser of overrides, with an exact `sort`."""
    parser = OverridesParser.create(config_loader=loader)
    parser.functions.functions["sort"] = _sort
    return parser


def values_of(override: Override) -> list[Any]:
    """Return the values of an override that varies a key.

    Raises HydraException if they cannot be enumerated, ValueError if they are not numbers.
    """
    sweep = override.value()
    if not isinstance(sweep, RangeSweep):
        return list(override.sweep_iterator())
    values = range_values(sweep)
    if sweep.shuffle:
        shuffle(values)
    return values


def range_values(sweep: RangeSweep) -> list[int | float]:
    """Return start, start + step, ... before stop. Raises ValueError if they are infinitely many."""
    start, stop, step = sweep.start, sweep.stop, sweep.step
    assert start is not None
    assert stop is not None
    if isinstance(start, int) and isinstance(stop, int) and isinstance(step, int):
        return list(range(start, stop, step))
    if step == 0 or not all(map(math.isfinite, (start, stop, step))):
        raise ValueError("a range needs finite numbers and a step that is not 0")
    first, end, by = (Decimal(repr(number)) for number in (start, stop, step))
    return [float(first + n * by) for n in range(max(0, math.ceil((end - first) / by)))]


def _sort(*given: Any, sweep: Any = None, list: Any = None, reverse: bool = False) -> Any:  # noqa: A002
    """Sort as Hydra does, but a range by its values."""
    [one] = given if len(given) == 1 else [sweep]
    if not isinstance(one, RangeSweep):
        return grammar_functions.sort(*given, sweep=sweep, list=list, reverse=reverse)
    values = range_values(one)
    if len(values) < 2 or (values[0] > values[-1]) == reverse:
        return one
    turned = copy(one)
    beyond = Decimal(repr(values[0])) - Decimal(repr(one.step))
    turned.start, turned.step = values[-1], -one.step
    turned.stop = int(beyond) if isinstance(values[0], int) else float(beyond)
    return turned
