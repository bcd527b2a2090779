from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mlflow import MlflowClient

from qsweep.policies.registry.promotion import BEST, Promotion, register
from qsweep.policies.registry.rivals import Sampled
from qsweep.tracking.store import Store
from tests.policies.registry.test_promotion import NAME, best, candidate, store

pytestmark = pytest.mark.slow

__all__ = ["store"]


class Interrupting:
    """A client on another machine that calls a function before it first moves the alias."""

    def __init__(self, client: MlflowClient, meanwhile: Callable[[], object]) -> None:
        self._client = client
        self._meanwhile = [meanwhile]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def set_registered_model_alias(self, *arguments: Any) -> None:
        while self._meanwhile:
            self._meanwhile.pop()()
        self._client.set_registered_model_alias(*arguments)


def test_what_was_settled_long_ago_stays(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that was moved by hand, to an older version, is not moved back when a newer one takes it."""
    old, good = candidate(store, [-180, -180]), candidate(store, [-100, -100], seed=1)
    register(store, old)
    register(store, good)
    store.client.set_registered_model_alias(NAME, BEST, "1")
    monkeypatch.setattr("qsweep.policies.registry.rivals.RECENT_SECONDS", 0.0)  # so both are of long ago
    third = candidate(store, [-150, -150], seed=2)
    assert register(dataclasses.replace(store, artifacts=None, tables=None), third).better
    assert best(store) == third


@pytest.fixture
def machines(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Promotion]:
    """Register two runs from two machines, the second while the first is about to move `best`."""

    def race(first: str, second: str) -> Promotion:
        def other() -> None:
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))  # where that machine's locks lie
            register(dataclasses.replace(store, artifacts=None, tables=None), second)

        interrupted = dataclasses.replace(store, artifacts=None, tables=None)
        vars(interrupted)["client"] = Interrupting(store.client, other)
        return register(interrupted, first)

    return race


def test_of_two_machines_the_better_stays(store: Store, machines: Callable[..., Promotion]) -> None:
    """The last machine to move `best`, with the worse run, finds the better run and moves it back."""
    register(store, candidate(store, [-180, -180]))
    worse, better = candidate(store, [-170, -170], seed=1), candidate(store, [-150, -150], seed=2)
    assert machines(worse, better) == Promotion(NAME, "2", better=False, difference=-20.0)
    assert best(store) == better


def test_the_better_one_may_come_last(store: Store, machines: Callable[..., Promotion]) -> None:
    """If the better run moves `best` last, it keeps it."""
    worse, better = candidate(store, [-170, -170], seed=1), candidate(store, [-150, -150], seed=2)
    assert machines(better, worse) == Promotion(NAME, "1", better=True, difference=None)
    assert best(store) == better


def test_more_starts_count_for_more(store: Store, machines: Callable[..., Promotion]) -> None:
    """A better mean on fewer test starts does not take `best` from a run measured on more."""
    many, few = candidate(store, [-170] * 4, seed=1), candidate(store, [-150, -150], seed=2)
    machines(many, few)
    assert best(store) == many


def test_the_environment_as_registered_comes_first(store: Store, machines: Callable[..., Promotion]) -> None:
    """The standard environment takes precedence, whatever the returns and the order."""
    other, standard = candidate(store, [-90, -90], max_steps=100), candidate(store, [-150, -150], seed=2)
    assert machines(other, standard).difference is None
    assert best(store) == standard


@pytest.mark.parametrize(
    ("seeds", "others", "expected"),
    [
        ([1, 2, 3], [1, 2, 3], -1.0),
        ([1, 2], [2, 1, 9], 5.0 - (1.0 + 2.0) / 2),  # the same starts, in another order
        ([1, 2, 3], [1, 2, 9], 4.0 - 5.0),  # another set: all of both count
    ],
)
def test_the_lead_is_paired_where_starts_are_the_same(
    seeds: list[int], others: list[int], expected: float
) -> None:
    """On other starts the means of all are compared: each set was chosen as a set."""
    ours = Sampled(np.array(seeds), np.array({2: [4.0, 6.0], 3: [3.0, 4.0, 5.0]}[len(seeds)]))
    theirs = Sampled(np.array(others), np.array([1.0, 2.0, 12.0] if len(seeds) == 2 else [4.0, 5.0, 6.0]))
    assert ours.lead_over(theirs) == expected
