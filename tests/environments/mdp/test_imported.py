"""Markov decision processes of others: read, checked, solved and trained on."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium.utils.env_checker import check_env
from scipy import sparse

from qsweep.config import Config, Env, InitialQ, record
from qsweep.environments.description import describe
from qsweep.environments.mdp import ID
from qsweep.environments.mdp.arrays import from_arrays
from qsweep.environments.mdp.dictionary import from_dictionary
from qsweep.environments.mdp.examples import forest
from qsweep.environments.resolved import Resolved
from qsweep.errors import UsageError
from qsweep.learning.engines import gymnasium_engine
from qsweep.plan.resolution import resolve
from qsweep.policies.optimum import optimum
from qsweep.policies.optimum.random_policy import random_return

Arrays = npt.NDArray[np.float64]
GIVEN = "given_mdps"
"""The module whose attributes are the sources of these tests."""
P = np.array(
    [[[0.5, 0.5, 0.0], [0.0, 0.25, 0.75], [0.0, 0.0, 1.0]], [np.eye(3)[1], np.eye(3)[0], np.eye(3)[2]]]
)
R = np.array([[0.0, -1.0], [2.0, 0.5], [0.0, 0.0]])
"""Two actions in three states, the last of which is never left and pays nothing."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], str]:
    """Make a value an attribute of a module; return its source."""
    module = ModuleType(GIVEN)
    monkeypatch.setitem(sys.modules, GIVEN, module)

    def source(value: Any, name: str = "mdp") -> str:
        setattr(module, name, value)
        return f"{GIVEN}:{name}"

    return source


def run(source: str, steps: int = 20, **kwargs: Any) -> Resolved:
    """Return a resolved run in the process of a source."""
    env = Env(id=ID, kwargs={"source": source, **kwargs}, max_steps=steps)
    return resolve(record(Config(env=env, episodes=20, seed=3, initial_q=InitialQ(0.0, 0.0))))


def refused(source: str, **kwargs: Any) -> str:
    """Return the only line of the error of a source."""
    with pytest.raises(UsageError) as caught:
        describe(Env(id=ID, kwargs={"source": source, **kwargs}))
    [problem] = caught.value.problems
    return str(problem)


def best(p: Arrays, r: Arrays, steps: int, ends: tuple[int, ...] = ()) -> Arrays:
    """Return the best expected return of each state by backward induction on dense arrays: float64[states].

    r: of any shape. It shares nothing with the code under test.
    """
    actions, states, _ = p.shape
    full = np.empty_like(p)
    for a in range(actions):
        for s in range(states):
            for t in range(states):
                full[a, s, t] = r[s] if r.ndim == 1 else r[s, a] if r.ndim == 2 else r[a, s, t]
    value = np.zeros(states)
    for _ in range(steps):
        value = np.array(
            [
                0.0
                if s in ends
                else max(
                    sum(p[a, s, t] * (full[a, s, t] + value[t] * (t not in ends)) for t in range(states))
                    for a in range(actions)
                )
                for s in range(states)
            ]
        )
    return value


def test_the_forest_is_pymdptoolboxs() -> None:
    """The example has the arrays that mdptoolbox.example.forest() returns."""
    transitions, rewards = forest()
    expected = [[[0.1, 0.9, 0], [0.1, 0, 0.9], [0.1, 0, 0.9]], [[1, 0, 0]] * 3]
    np.testing.assert_array_equal(transitions, expected)
    np.testing.assert_array_equal(rewards, [[0, 0], [0, 1], [4, 2]])


@pytest.mark.parametrize(("start", "expected"), [(0, 3.33), (1, 6.93), (2, 10.93)])
def test_the_forest_has_pymdptoolboxs_value(start: int, expected: float) -> None:
    """Three steps earn what mdptoolbox 4.0b3's FiniteHorizon(P, R, 1, 3) computes."""
    found = run("qsweep.environments.mdp.examples:forest", 3, start=start)
    assert optimum(found.env) == pytest.approx(expected, abs=1e-12)
    assert found.config.engine == "compiled"


def test_random_processes_have_the_value_of_backward_induction(given: Callable[..., str]) -> None:
    """Any arrays give the optimum of backward induction, and the mean over actions for the random policy."""
    random = np.random.default_rng(4)
    p = random.dirichlet(np.full(6, 0.4), size=(3, 6))
    p[random.random(p.shape) < 0.3] = 0
    p /= p.sum(axis=-1, keepdims=True)
    for r in (random.normal(size=6), random.normal(size=(6, 3)), random.normal(size=(3, 6, 6))):
        found = run(given((p, r)), 7)
        assert optimum(found.env) == pytest.approx(best(p, r, 7).mean(), abs=1e-12)
        mean = best(p.mean(axis=0, keepdims=True), np.einsum("ast,ast->s", p, _full(r, p)) / 3, 7).mean()
        assert random_return(found.env) == pytest.approx(mean, abs=1e-12)


def _full(r: Arrays, p: Arrays) -> Arrays:
    shaped = r[None, :, None] if r.ndim == 1 else r.T[:, :, None] if r.ndim == 2 else r
    full: Arrays = np.broadcast_to(shaped, p.shape)
    return full


def forms() -> dict[str, Any]:
    """The same process in every form."""
    rewards = np.repeat(R.T[:, :, None], 3, axis=2)
    rewards[:, 2] = 0
    objects = np.empty(2, object)
    objects[:] = [sparse.csr_array(each) for each in P]
    twice = sparse.coo_array(
        (np.r_[P[0].ravel(), P[0].ravel()] / 2, np.tile(np.indices((3, 3)).reshape(2, 9), 2))
    )
    return {
        "lists": (P.tolist(), R.tolist()),
        "float32": (P.astype(np.float32), R.astype(np.float32)),
        "sparse": ([sparse.csc_array(each) for each in P], R),
        "sparse matrices": ([sparse.csr_matrix(each) for each in P], sparse.csr_matrix(R)),
        "duplicates": ([twice, sparse.csr_array(P[1])], R),
        "objects": (objects, R),
        "by transition": (P, rewards),
        "sparse by transition": (P, [sparse.coo_array(each) for each in rewards]),
        "named": {"P": P, "R": R},
        "terminal": {"P": np.where(np.arange(3)[:, None] == 2, 0, P), "R": R, "terminal": [2]},
    }


@pytest.mark.parametrize("form", forms())
def test_every_form_is_the_same_process(given: Callable[..., str], form: str) -> None:
    """Dense, sparse, in float32, with duplicates: entering the state that is never left ends the episode."""
    process = from_dictionary(run(given(forms()[form])).make().unwrapped.P)  # type: ignore[attr-defined]
    assert process.ended == [2]
    assert process.p == from_arrays(P, R).p
    assert process.p[1][0] == [(0.25, 1, 2.0, False), (0.75, 2, 2.0, True)]
    assert optimum(run(given(forms()[form])).env) == pytest.approx(best(P, R, 20, ends=(2,))[:2].mean())


def test_rounded_probabilities_are_normalised() -> None:
    """Float32 thirds do not sum to 1 in float64; the row does after reading."""
    p = np.full((1, 3, 3), 1 / 3, np.float32)
    assert float(p[0, 0].astype(np.float64).sum()) != 1
    rows = from_arrays(p, np.zeros(3)).p
    assert [outcome[0] for outcome in rows[0][0]] == [1 / 3] * 3


def test_exact_probabilities_are_left_as_they_are() -> None:
    """Ten tenths sum to 1 - 2^-53, which every float64 table of tenths does."""
    rows = from_dictionary({s: {0: [(0.1, 0, 0.0, False)] * 10} for s in (0,)}).p
    assert [outcome[0] for outcome in rows[0][0]] == [0.1] * 10


@pytest.mark.parametrize("name", ["FrozenLake-v1", "CliffWalking-v1"])
def test_toy_text_by_its_dictionary(given: Callable[..., str], name: str) -> None:
    """The tables of an environment give its own optimum, its own draws and its own Q-table."""
    inner: Any = gymnasium.make(name).unwrapped
    imported = run(given(inner), 100)
    own = resolve({**record(imported.config), "env": record(Config(env=Env(id=name, max_steps=100)))["env"]})
    assert optimum(imported.env) == optimum(own.env)
    tables = [list(gymnasium_engine.train(each))[-1].tables[-1].tobytes() for each in (own, imported)]
    assert tables[0] == tables[1]


def test_a_dictionary_may_leave_ends_out(given: Callable[..., str]) -> None:
    """A state that only ends episodes needs no rows; a state may have fewer actions than another."""
    p = {
        0: {0: [(1.0, 1, -1.0, False)], 1: [(1, np.int64(2), 5, True)]},
        1: [[(0.5, 0, 0.0, False), (0.5, 2, 10.0, 1)]],
    }
    found = run(given(p), 2, start=0)
    assert found.description.available == (2, 1, 2)
    assert optimum(found.env) == 5
    assert optimum(run(given(p), 3, start=0).env) == pytest.approx(-1 + 0.5 * 5 + 0.5 * 10)


@pytest.mark.filterwarnings("ignore")
def test_gymnasium_accepts_it(given: Callable[..., str]) -> None:
    """Gymnasium's own check passes, with pictures in one row or several."""
    for states in (3, 11):
        source = given((np.full((2, states, states), 1 / states), np.zeros(states)), f"of_{states}")
        made = gymnasium.make(ID, source=source, render_mode="rgb_array")
        check_env(made.unwrapped)
        made.reset(seed=0)
        frame: Any = made.render()
        assert frame.shape == ((48, 144, 3) if states == 3 else (144, 192, 3))


def test_a_file_of_arrays(tmp_path: Path) -> None:
    """A file has its own start and ends; the config's start is used instead of the file's."""
    file = tmp_path / "mdp.npz"
    np.savez(file, P=P, R=R, start=[0.25, 0.75, 0], terminal=[2])
    values = best(P, R, 20, ends=(2,))
    assert optimum(run(str(file)).env) == pytest.approx(0.25 * values[0] + 0.75 * values[1])
    assert optimum(run(str(file), start=1).env) == pytest.approx(values[1])
    assert optimum(run(str(file), start=[1.0, 0, 0]).env) == pytest.approx(values[0])


def test_other_tables_are_another_environment(tmp_path: Path) -> None:
    """The config has the hash of the tables, so that a result of other ones is not taken for theirs."""
    file = tmp_path / "mdp.npz"
    np.savez(file, P=P, R=R)
    first = run(str(file))
    assert run(str(file)).config == first.config
    np.savez(file, P=P, R=2 * R)
    assert run(str(file)).config != first.config
    with pytest.raises(UsageError, match=r"the tables of the hash .* has changed"):
        run(str(file), sha256=first.env.kwargs["sha256"])


def test_a_random_source_is_refused(given: Callable[..., str]) -> None:
    """A function that returns another process at each call has no result that can be repeated."""
    random = np.random.default_rng(0)
    with pytest.raises(UsageError, match="or is random"):
        run(given(lambda: (P, random.normal(size=3))))


def test_arguments_are_given_to_the_function() -> None:
    """A function's own names for them."""
    found = run("qsweep.environments.mdp.examples:forest", arguments={"states": 5})
    assert found.shape == (5, 2)


UNDONE = {0: {0: [(1.0, 0, 0.0, False)]}}
BAD: dict[str, tuple[Any, str]] = {
    "a number": (3, "an environment with such a P; it is of type int"),
    "no rewards": ({"P": P}, "must have P and R"),
    "an unknown array": ({"P": P, "R": R, "gamma": 0.9}, "it has P, R, gamma"),
    "one matrix": ((P[0], R), r"P must have the shape .*; its shape is \(3, 3\)"),
    "actions last": ((np.moveaxis(P, 0, -1), R), r"its shape is \(3, 3, 2\).*np\.moveaxis\(P, -1, 0\)"),
    "matrices of two sizes": (([np.eye(3), np.eye(2)], R), r"a list of 2, of the shapes \(3, 3\), \(2, 2\)"),
    "transposed": ((P.swapaxes(-1, -2), R), r"sums to 0\.5.*its columns sum to 1"),
    "a sum": ((P * 0.9, R), r"P\[0\]\[0\], of action 0 in state 0, sums to 0\.9 .*divide each row"),
    "an empty row": ((P * [[[1]], [[0]]], R), r"P\[1\]\[0\].* sums to 0 .*env\.kwargs\.terminal"),
    "a negative probability": ((P - 0.5 * np.eye(3) + 0.5, R), "sums to"),
    "below zero": ((np.array([[[-0.5, 1.5], [0, 1]]]), np.zeros(2)), "state 0, has -0.5"),
    "nan": ((P * np.nan, R), "has nan"),
    "rewards by action": ((P, R.T), r"its shape is \(2, 3\).*R\.T"),
    "rewards of another size": ((P, np.zeros(4)), r"for 3 states and 2 actions; its shape is \(4,\)"),
    "rewards of transitions of another size": ((P, np.zeros((2, 3, 4))), r"its shape is \(2, 3, 4\)"),
    "an infinite reward": ((P, R + np.inf), r"must have finite rewards.*P\[0\]\[0\].* has inf"),
    "texts": (([["a"]], R), r"must be an array of numbers|P must have the shape"),
    "a set of states": ({0: {0, 1}}, r"P\[0\] is of type set"),
    "an outcome without an end": ({0: {0: [(1.0, 0, 0.0)]}}, r"P\[0\]\[0\] has \(1\.0, 0, 0\.0\)"),
    "an outcome alone": ({0: {0: (1.0, 0, 0.0, False)}}, r"P\[0\]\[0\] has 1\.0"),
    "half a state": ({0: {0: [(1.0, 0.5, 0.0, False)]}}, r"P\[0\]\[0\] has"),
    "an unsure end": ({0: {0: [(1.0, 0, 0.0, 0.5)]}}, "terminated true or false"),
    "a sum in a dictionary": ({0: {0: [(0.3, 0, 0.0, False)] * 3}}, r"P\[0\]\[0\] sums to 0\.9"),
    "a missing action": ({0: {1: UNDONE[0][0]}}, r"the actions of P\[0\] from 0 without a gap; 0 is missing"),
    "a missing state": ({1: UNDONE[0]}, r"P\[1\]\[0\] leads to state 0"),
    "a state beyond": ({0: {0: [(1.0, 7, 0.0, False)]}}, r"P\[0\]\[0\] leads to state 7"),
    "a gap": ({0: {0: [(1.0, 7, 0.0, True)]}}, "the states of P from 0 without a gap; 1 is missing"),
    "names": ({"A1": UNDONE[0]}, "P has the key 'A1'"),
    "no state": ({}, "without a gap; 0 is missing"),
    "only ends": ({0: {0: [(1.0, 0, 0.0, True)]}}, "a state in which an episode does not end"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_process_that_is_none_is_refused(given: Callable[..., str], case: str) -> None:
    """Each error has one line, which says where it is, what was found, and how to repair it."""
    value, message = BAD[case]
    found = refused(given(value))
    assert found.startswith("env.kwargs.source: ")
    assert re.search(message, found), found


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"start": 3}, r"env\.kwargs\.start: must start in a state, from 0 to 2"),
        ({"start": "first"}, r"env\.kwargs\.start: must start in a state"),
        ({"start": [0.5, 0.4, 0.0]}, r"env\.kwargs\.start: .*sums to 0\.9"),
        ({"start": 2}, r"env\.kwargs\.start: must not start in state 2, where an episode has ended"),
        ({"terminal": [3]}, r"env\.kwargs\.terminal: must be a list of different states, from 0 to 2"),
        (
            {"terminal": [1]},
            r"env\.kwargs\.terminal: .*state 1, whose reward is then never paid.*\[2\.0, 0\.5\]",
        ),
        ({"arguments": {"n": 3}}, r"env\.kwargs\.arguments: applies to a function only"),
        ({"finish": 3}, "unexpected keyword argument 'finish'"),
    ],
)
def test_arguments_that_do_not_suit(given: Callable[..., str], kwargs: dict[str, Any], message: str) -> None:
    """Each error names the key."""
    found = refused(given((P, R)), **kwargs)
    assert re.search(message, found), found


def test_ends_of_a_dictionary_are_in_its_outcomes(given: Callable[..., str]) -> None:
    """They cannot be named besides."""
    assert "env.kwargs.terminal: applies to arrays only" in refused(given(UNDONE), terminal=[0])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "must be FILE.npz with arrays P and R, or MODULE:NAME"),
        ("forest", "must be FILE.npz with arrays P and R, or MODULE:NAME"),
        ("missing.npz", "must be a file that exists.*looked in"),
        ("no_such_module:mdp", "No module named 'no_such_module'"),
        ("math:mdp", "has no attribute 'mdp'"),
        ("text.npz", "must be a file that numpy.savez wrote"),
        ("objects.npz", "name a Python attribute"),
        ("cut.npz", "must be a file that numpy.savez wrote"),
    ],
)
def test_a_source_that_cannot_be_read(tmp_path: Path, source: str, message: str, monkeypatch: Any) -> None:
    """The error says what a source is, and what is wrong with this one."""
    monkeypatch.chdir(tmp_path)
    Path("text.npz").write_text("P R")
    np.savez("objects.npz", P=np.array([np.eye(2), None], object), R=R)
    np.savez("whole.npz", P=P, R=R)
    Path("cut.npz").write_bytes(Path("whole.npz").read_bytes()[:-40])
    found = refused(source)
    assert re.search(message, found), found


def test_a_large_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bytes can hold gigabytes of zeros."""
    monkeypatch.setattr("qsweep.environments.mdp.source.MOST_BYTES", 100)
    np.savez_compressed(tmp_path / "mdp.npz", P=P, R=R)
    assert "at most 100 bytes" in refused(str(tmp_path / "mdp.npz"))


def test_a_large_process_is_refused(given: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before it fills the memory."""
    monkeypatch.setattr("qsweep.environments.mdp.process.MOST_OUTCOMES", 6)
    assert "at most 6 outcomes that can occur; it has 8" in refused(given((P, R)))
