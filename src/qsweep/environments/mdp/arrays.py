"""Reading transitions [actions, states, states] and rewards, dense or sparse, as pymdptoolbox takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from qsweep.environments.mdp.process import Process, check_reward, check_size, distribution, wrong
from qsweep.environments.textbook.table_environment import Outcome, Outcomes

TRANSITIONS = "P must have the shape (actions, states, states)"
REWARDS = "R must have the shape (states,), (states, actions) or (actions, states, states)"
SUM = "divide each row by its sum: P / P.sum(axis=-1, keepdims=True)"
TERMINAL = "env.kwargs.terminal"

Reward = Callable[[int, Any, Any], Any]
"""(action, states, next states) -> the reward of each transition."""


def from_arrays(p: Any, r: Any, terminal: Any = None) -> Process:
    """Return the process of arrays. terminal: the states that end an episode when they are entered.

    Without `terminal` these are the states that no action leaves and that pay nothing. Raises UsageError,
    which says where the arrays have another form.
    """
    matrices = _matrices(p)
    actions, states = len(matrices), matrices[0].shape[0]
    check_size(sum(matrix.nnz for matrix in matrices))
    reward = _rewards(r, actions, states)
    if terminal is None:
        ends = {state for state in range(states) if _is_absorbing(matrices, reward, state)}
    else:
        ends = _ends(terminal, states)
        _check_unpaid(r, ends)
    rows: list[list[list[Outcome]]] = [
        _rows(matrix, action, reward, ends) for action, matrix in enumerate(matrices)
    ]
    outcomes: Outcomes = {s: {a: rows[a][s] for a in range(actions)} for s in range(states)}
    return Process(outcomes, (actions,) * states)


def _matrices(p: Any) -> list[Any]:
    """Return a sparse matrix [states, states] per action, duplicates summed, without zeros."""
    from scipy import sparse  # type: ignore[import-untyped]

    if sparse.issparse(p) or not isinstance(p, np.ndarray | list | tuple) or not len(p):
        raise wrong(f"{TRANSITIONS}, or be a list of a matrix per action; it is {_shown(p)}")
    found: list[Any] = []
    for action, given in enumerate(p):
        matrix = given if sparse.issparse(given) else _numbers(given, f"P[{action}]")
        states = matrix.shape[0] if matrix.ndim == 2 else 0
        if states == 0 or matrix.shape != (states, states) or (found and states != found[0].shape[0]):
            raise wrong(f"{TRANSITIONS}; {_shown(p)}", None, _axes(p))
        csr = sparse.csr_array(matrix, dtype=np.float64)
        csr.sum_duplicates()
        csr.eliminate_zeros()
        found.append(csr)
    return found


def _numbers(given: Any, what: str) -> Any:
    try:
        return np.asarray(given, np.float64)
    except (TypeError, ValueError):
        raise wrong(f"{what} must be an array of numbers; it is {_shown(given)}") from None


def _shown(given: Any) -> str:
    shapes = [str(getattr(each, "shape", np.shape(each))) for each in given] if _is_list(given) else []
    if shapes:
        return f"it is a list of {len(shapes)}, of the shapes {', '.join(dict.fromkeys(shapes))}"
    shape = getattr(given, "shape", None)
    return f"of type {type(given).__name__}" if shape is None else f"its shape is {shape}"


def _is_list(given: Any) -> bool:
    return isinstance(given, list | tuple) or (isinstance(given, np.ndarray) and given.dtype == object)


def _axes(p: Any) -> str:
    """Return the remedy of transitions whose last axis is the action."""
    shape: tuple[int, ...] = getattr(p, "shape", ())
    last = len(shape) == 3 and shape[0] == shape[1]
    return "the actions come first: np.moveaxis(P, -1, 0)" if last else ""


def _rewards(r: Any, actions: int, states: int) -> Reward:
    """Return the rewards of transitions; in the forms without a next state they belong to the state left."""
    from scipy import sparse

    if _is_list(r) and len(r) == actions and all(np.ndim(each) == 2 or sparse.issparse(each) for each in r):
        by_action = [each.tocsr() if sparse.issparse(each) else _numbers(each, "R") for each in r]
    else:
        values = r.toarray() if sparse.issparse(r) else _numbers(r, "R")
        if values.shape == (states,):
            return lambda _action, before, _after: values[before]
        if values.shape == (states, actions):
            return lambda action, before, _after: values[before, action]
        remedy = "the states come first: R.T" if values.shape == (actions, states) else ""
        if values.ndim != 3:
            shape = f"for {states} states and {actions} actions; its shape is {values.shape}"
            raise wrong(f"{REWARDS}, {shape}", None, remedy)
        by_action = [*values]
    if len(by_action) != actions or any(each.shape != (states, states) for each in by_action):
        raise wrong(f"{REWARDS}, for {states} states and {actions} actions; {_shown(r)}")
    return lambda action, before, after: np.asarray(by_action[action][before, after]).ravel()


def _is_absorbing(matrices: Sequence[Any], reward: Reward, state: int) -> bool:
    """Return whether no action leaves a state, and none pays anything there."""
    here = np.array([state])
    return all(
        matrix.indices[matrix.indptr[state] : matrix.indptr[state + 1]].tolist() == [state]
        and not reward(action, here, here)[0]
        for action, matrix in enumerate(matrices)
    )


def _ends(terminal: Any, states: int) -> set[int]:
    named = [terminal] if isinstance(terminal, int | np.integer) else terminal
    try:
        ends = {int(state) for state in named if state == int(state)}
    except (TypeError, ValueError):
        ends = {-1}
    if not ends <= {*range(states)} or len(ends) != len([*named]):
        rule = f"must be a list of different states, from 0 to {states - 1}"
        raise wrong(rule, terminal, key=TERMINAL)
    return ends


def _check_unpaid(r: Any, ends: set[int]) -> None:
    """Raise UsageError if the reward of a state that ends an episode would never be paid."""
    if np.ndim(r) == 3 or (_is_list(r) and hasattr(r[0], "shape") and len(r[0].shape) == 2):
        return  # a reward for entering the state
    values = np.asarray(r.toarray() if hasattr(r, "toarray") else r, np.float64)
    for state in sorted(ends):
        if np.any(values[state]):
            rule = f"ends the episode in state {state}, whose reward is then never paid"
            remedy = "R of this shape pays on leaving a state: give R as (actions, states, states)"
            raise wrong(rule, values[state].tolist(), remedy, TERMINAL)


def _rows(matrix: Any, action: int, reward: Reward, ends: set[int]) -> list[list[Outcome]]:
    """Return the outcomes of an action in each state."""
    before = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    earned = np.asarray(reward(action, before, matrix.indices), np.float64)
    after, chances = matrix.indices.tolist(), matrix.data.tolist()
    limits = matrix.indptr.tolist()
    found = []
    for state, (first, last) in enumerate(pairwise(limits)):
        if state in ends:
            found.append([(1.0, state, 0.0, True)])
            continue
        what = f"P[{action}][{state}], of action {action} in state {state},"
        likely = distribution(chances[first:last], what, _remedy(matrix, first == last))
        rewards = earned[first:last].tolist()
        found.append([*_outcomes(likely, after[first:last], rewards, ends, what)])
    return found


def _remedy(matrix: Any, empty: bool) -> str:
    """Return the remedy of a row of transitions that does not sum to 1."""
    if empty:
        return "a state without transitions ends the episode: name it in env.kwargs.terminal"
    columns = np.allclose(matrix.sum(axis=0), 1, rtol=0, atol=1e-6)
    return "its columns sum to 1: P.swapaxes(-1, -2)" if columns else SUM


def _outcomes(
    chances: Sequence[float], after: Sequence[int], rewards: Sequence[float], ends: set[int], what: str
) -> Iterator[Outcome]:
    for chance, state, reward in zip(chances, after, rewards, strict=True):
        check_reward(reward, what)
        yield chance, state, reward, state in ends
