"""The environment of a Markov decision process that others wrote down as arrays or as a dictionary."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from qsweep.environments.mdp.process import KEY, Process, distribution, wrong
from qsweep.environments.mdp.source import read_source
from qsweep.environments.textbook.table_environment import TableEnvironment
from qsweep.system.arrays import Floats

START = "env.kwargs.start"


class ImportedMDP(TableEnvironment):
    """A Markov decision process from a file or a Python attribute.

    source, arguments, terminal: see `read_source`. start: a state, or the probability of each; None: what the
    source says, else equal probabilities of all states in which an episode has not ended. sha256: the hash
    that the tables must have, or None. Raises UsageError if something of it cannot be used.
    """

    def __init__(
        self,
        source: str = "",
        start: int | Sequence[float] | None = None,
        terminal: Sequence[int] | None = None,
        arguments: Mapping[str, Any] | None = None,
        sha256: str | None = None,
        render_mode: str | None = None,
    ) -> None:
        process, starts, self.sha256 = _read(source, arguments or {}, start, terminal)
        if sha256 not in (None, self.sha256):
            remedy = "the source has changed, or is random: np.savez keeps a table of it"
            raise wrong(f"must have the tables of the hash {sha256}; it has {self.sha256}", source, remedy)
        super().__init__(process.p, _picture(process), render_mode, starts)
        if len(set(process.available)) > 1:
            self.actions_in = process.available


Tables = tuple[Process, Floats, str]
"""Tables, their start distribution, and the hash of both."""


def _read(source: Any, arguments: Mapping[str, Any], start: Any, terminal: Any) -> Tables:
    """Return the tables of a source; those of a file that has not changed are read once."""
    if not arguments and isinstance(source, str) and source.endswith(".npz") and Path(source).is_file():
        state = Path(source).stat()
        given = json.dumps([start, terminal], default=repr)
        return _of_file(source, state.st_mtime_ns, state.st_size, given)
    return _new(source, arguments, start, terminal)


@lru_cache(maxsize=4)
def _of_file(source: str, _changed: int, _size: int, given: str) -> Tables:
    return _new(source, {}, *json.loads(given))


def _new(source: Any, arguments: Mapping[str, Any], start: Any, terminal: Any) -> Tables:
    process = read_source(source, arguments, terminal)
    starts = _starts(process, start)
    return process, starts, process.hash(starts)


def _starts(process: Process, given: Any) -> Floats:
    """Return the start distribution, float64[states]."""
    states = len(process.p)
    key, start = (KEY, process.start) if given is None else (START, given)
    if start is None:
        running = np.setdiff1d(np.arange(states), process.ended)
        if not len(running):
            raise wrong("must have a state in which an episode does not end")
        start = np.isin(np.arange(states), running) / len(running)
    try:
        values = np.asarray(start, np.float64)
        values = np.eye(states)[int(start)] if values.ndim == 0 and 0 <= values < states else values
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.shape != (states,):
        rule = (
            f"must start in a state, from 0 to {states - 1}, or have a probability for each of the {states}"
        )
        raise wrong(rule, given, key=key)
    starts = np.array(distribution(values.tolist(), "start", "divide by the sum", key))
    if at_end := [state for state in process.ended if starts[state]]:
        raise wrong(f"must not start in state {at_end[0]}, where an episode has ended", given, key=key)
    return starts


def _picture(process: Process) -> list[str]:
    """Return the states in rows of equal length: T for ends, # behind the last state."""
    states, ended = len(process.p), {*process.ended}
    columns = math.ceil(math.sqrt(states)) if states > 10 else states
    marks = ["T" if state in ended else "." for state in range(states)]
    marks += ["#"] * (-states % columns)
    return ["".join(marks[row : row + columns]) for row in range(0, len(marks), columns)]
