from __future__ import annotations

import time
import uuid

import pytest

from qsweep.tracking.run_ids import new_run_id


def test_it_is_a_uuid_of_version_7() -> None:
    """A run's id is a UUID with its creation time, in 32 hex digits like MLflow's."""
    before = time.time_ns() // 1_000_000
    made = new_run_id()
    found = uuid.UUID(hex=made)
    assert (found.hex, found.version, found.variant) == (made, 7, uuid.RFC_4122)
    assert before <= found.int >> 80 <= time.time_ns() // 1_000_000


def test_no_two_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids created at the same time differ."""
    monkeypatch.setattr(time, "time_ns", lambda: 10**18)
    assert len({new_run_id() for _ in range(1000)}) == 1000


def test_a_later_one_is_greater(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids sort by their creation time."""
    moments = [10**18, 10**18 + 10**6, 2 * 10**18, 7 * 10**18]
    made = []
    for moment in moments:
        monkeypatch.setattr(time, "time_ns", lambda moment=moment: moment)
        made.append(new_run_id())
    assert made == sorted(made)
