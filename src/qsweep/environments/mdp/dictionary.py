"""Reading a dictionary P[state][action] of outcomes (probability, next state, reward, terminated)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from operator import index
from typing import Any

import numpy as np

from qsweep.environments.mdp.process import Process, check_reward, check_size, distribution, wrong
from qsweep.environments.textbook.table_environment import Outcome, Outcomes
from qsweep.errors import shortened

FORM = "P[state][action] must be a list of (probability, next state, reward, terminated)"
SUM = "divide the probabilities by their sum"


def from_dictionary(given: Any) -> Process:
    """Return the process of a dictionary, or of lists, whose order of outcomes is kept.

    A state that is only entered when an episode ends may be left out. Actions of a state are numbered from
    0; states may have different numbers of them. Raises UsageError, which says where it has another form.
    """
    p: Outcomes = {}
    for state, actions in _numbered(given, "P"):
        rows = dict(_numbered(actions, f"P[{state}]"))
        p[state] = {action: _outcomes(row, f"P[{state}][{action}]") for action, row in rows.items()}
        if p[state]:
            _check_numbers(p[state], f"the actions of P[{state}]")
    check_size(sum(len(row) for actions in p.values() for row in actions.values()))
    ends = _add_ends(p)
    _check_numbers(p, "the states of P")
    most = max(map(len, p.values()))
    counts = tuple(most if state in ends else len(p[state]) for state in range(len(p)))
    return Process(_filled(p, most), counts)


def _numbered(given: Any, what: str) -> list[tuple[int, Any]]:
    """Return pairs of number and value of a mapping or a sequence."""
    pairs: Iterable[tuple[Any, Any]]
    if isinstance(given, Mapping):
        pairs = given.items()
    elif isinstance(given, list | tuple | np.ndarray):
        pairs = enumerate(given)
    else:
        raise wrong(f"{FORM}; {what} is {_kind(given)}")
    try:
        return [(index(number), value) for number, value in pairs]
    except TypeError:
        keys = [key for key, _ in pairs if not isinstance(key, int | np.integer)]
        rule = f"must have states and actions numbered from 0; {what} has the key {keys[0]!r}"
        raise wrong(rule) from None


def _kind(given: Any) -> str:
    return f"of type {type(given).__name__}"


def _check_numbers(found: Mapping[int, Any], what: str) -> None:
    if sorted(found) != [*range(len(found))] or not found:
        missing = next((n for n in range(len(found) + 1) if n not in found), 0)
        raise wrong(f"must number {what} from 0 without a gap; {missing} is missing")


def _outcomes(row: Any, what: str) -> list[Outcome]:
    if not isinstance(row, list | tuple | np.ndarray):
        raise wrong(f"{FORM}; {what} is {_kind(row)}")
    outcomes = [_outcome(each, what) for each in row]
    chances = distribution([outcome[0] for outcome in outcomes], what, SUM)
    return [(chance, *outcome[1:]) for chance, outcome in zip(chances, outcomes, strict=True)]


def _outcome(given: Any, what: str) -> Outcome:
    try:
        chance, after, reward, terminated = given
        outcome = float(chance), _state(after), float(reward), bool(terminated)
    except (TypeError, ValueError):
        raise wrong(f"{FORM}; {what} has {shortened(repr(given))}") from None
    if terminated not in (False, True):
        raise wrong(f"{FORM}, and terminated true or false; {what} has {shortened(repr(given))}")
    check_reward(outcome[2], what)
    return outcome


def _state(given: Any) -> int:
    """Return a state's number; arrays of outcomes have it as a float."""
    if isinstance(given, float | np.floating) and float(given).is_integer():
        return int(given)
    return index(given)


def _add_ends(p: Outcomes) -> set[int]:
    """Add the states that have no rows and are only entered when an episode ends; return them."""
    ends = {state for state, actions in p.items() if not actions}
    for state, actions in [*p.items()]:
        for action, row in actions.items():
            for chance, after, _, terminated in row:
                passes = chance > 0 and not terminated
                if after < 0 or (passes and not p.get(after)):
                    what = f"P[{state}][{action}] leads to state {after}"
                    raise wrong(f"must have rows for all states that an episode passes; {what}")
                if after not in p:
                    ends.add(after)
    for state in ends:
        p[state] = {0: [(1.0, state, 0.0, True)]}
    return ends


def _filled(p: Outcomes, actions: int) -> Outcomes:
    """Return tables in the order of the states, with a row for each action: agents take no added one."""
    return {s: {a: p[s].get(a, p[s][0]) for a in range(actions)} for s in range(len(p))}
