"""Overrides written as Python values: strings as on the command line, and keyword arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from qsweep.config import flatten

SEVERAL = (list, tuple, range, np.ndarray)
"""Types whose elements a sweep varies over."""


def override_lines(
    overrides: Iterable[str | Iterable[str]], keys: Mapping[str, Any], several: bool = False
) -> list[str]:
    """Return overrides in the form of the command line.

    overrides: strings such as "buckets=40", or lists of them. keys: key -> value; a mapping gives the keys of
    a group: epsilon={"start": 0.3}. several: a list, tuple, range or array holds the values to vary over;
    otherwise it is one value.
    """
    given = [line for each in overrides for line in ([each] if isinstance(each, str) else each)]
    return [*given, *(f"{key}={text}" for key, text in _texts(flatten(keys), several))]


def _texts(keys: Mapping[str, Any], several: bool) -> Iterator[tuple[str, str]]:
    for key, value in keys.items():
        if several and isinstance(value, SEVERAL):
            yield key, ",".join(_text(each) for each in value)
        else:
            yield key, _text(value)


def _text(value: Any) -> str:
    """Return a value as Hydra reads it; a string stays as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, SEVERAL):
        return f"[{','.join(_text(each) for each in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{key}:{_text(each)}" for key, each in value.items()) + "}"
    return str(value)
