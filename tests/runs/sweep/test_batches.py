from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.config import config_hash, variant_hash
from qsweep.environments.resolved import Resolved
from qsweep.learning.training import LANES
from qsweep.plan.composition import load_resolved
from qsweep.runs.journal import Ended, Journal
from qsweep.runs.runner import Outcome, Work
from qsweep.runs.sweep import batches as module
from qsweep.runs.sweep.batches import LARGEST, SHARE, Assigned, Batch, batches, run_batch
from qsweep.system.interrupts import Interrupted
from qsweep.system.liveness import Owner, announce
from qsweep.tracking import run_search
from qsweep.tracking.store import open_store
from tests.support.walks import walk

OWNER = Owner("here", "1-0123456789abcdef-0123456789ab")


@cache
def variant(buckets: int, engine: str = "compiled") -> Resolved:
    """A variant."""
    return load_resolved([f"buckets={buckets}", "tracking=none", "episodes=5", f"engine={engine}"])


def assigned(
    number: int, buckets: int = 2, seed: int = 0, run_id: str = "", engine: str = "compiled"
) -> Assigned:
    """A run of a sweep."""
    work = Work(
        variant(buckets, engine).changed(seed=seed),
        f"run {number}",
        f"qsweep train seed={seed}",
        False,
        run_id,
    )
    return Assigned(number, work)


def numbers(groups: Sequence[Sequence[Assigned]]) -> list[list[int]]:
    return [[each.number for each in group] for group in groups]


def test_a_batch_travels() -> None:
    """A batch survives encoding, in characters that are safe in shells and file names."""
    strange = load_resolved(
        [
            "tracking=none",
            "env=cart_pole",
            "buckets=[1,2,3,4]",
            "exploration=softmax",
            "sweep.name='it\\'s, {a}'",
        ]
    )
    runs = (
        assigned(0),
        assigned(7, seed=2**40, run_id="abc"),
        Assigned(3, Work(strange, "ä='1',b=[2]", "", False)),
    )
    batch = Batch(OWNER, 3, runs)
    text = batch.encoded()
    assert re.fullmatch(r"[\w=-]+", text)
    again = Batch.decoded(text)
    assert again == batch
    assert config_hash(again.runs[2].work.config) == config_hash(strange.config)


runs_of_a_sweep = st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=150).map(
    lambda drawn: [
        assigned(number, buckets, number, "goes on" if resumable else "")
        for number, (buckets, resumable) in enumerate(drawn)
    ]
)


@settings(deadline=None, max_examples=60)
@given(runs_of_a_sweep, st.none() | st.integers(1, 60), st.integers(1, 64))
def test_every_run_is_in_one_batch(runs: list[Assigned], size: int | None, workers: int) -> None:
    """Each run is in one group, only with runs of its variant, and no more than the lanes."""
    made = batches(runs, OWNER, size, workers)
    there = [each for batch in made for each in batch.runs]
    assert sorted(each.number for each in there) == list(range(len(runs)))
    assert all(len(batch.runs) <= (size or LARGEST) for batch in made)
    for batch in made:
        groups = list(batch.groups())
        assert [each for group in groups for each in group] == list(batch.runs)
        for group in groups:
            assert len(group) <= batch.lanes <= LANES
            assert len({variant_hash(each.work.config) for each in group}) == 1
            assert len(group) == 1 or not any(each.work.run_id for each in group)


def test_variants_stay_together() -> None:
    """Interleaved runs of a variant are adjacent and in order; smaller groups come last."""
    runs = [assigned(number, buckets=2 + number % 2, seed=number) for number in range(10)]
    [batch] = batches(runs, OWNER, 10, 1)
    assert numbers([batch.runs]) == [[0, 2, 4, 1, 3, 5, 6, 8, 7, 9]]
    assert numbers(list(batch.groups())) == [[0, 2, 4], [1, 3, 5], [6, 8], [7, 9]]


@pytest.mark.parametrize(
    ("count", "workers", "sizes", "lanes"),
    [
        (1, 2, [1], 1),
        (4, 2, [1] * 4, 1),  # no worker has nothing to do so that another may have two side by side
        (15, 2, [1] * 15, 1),
        (60, 2, [7] * 8 + [4], 7),
        (1000, 2, [48] * 13 + [32] * 4 + [16] * 15 + [8], 16),
        (10, 64, [1] * 10, 1),
    ],
)
def test_sizes(count: int, workers: int, sizes: list[int], lanes: int) -> None:
    """Few runs are launched singly, many in batches of decreasing size."""
    made = batches([assigned(number) for number in range(count)], OWNER, None, workers)
    assert [len(batch.runs) for batch in made] == sizes
    assert {batch.lanes for batch in made} == {lanes}
    assert len(made) >= min(count, workers)
    assert max(sizes) <= max(LANES, count // (SHARE * workers) + LANES)


def test_runs_that_do_not_train_side_by_side() -> None:
    """Resumed runs and runs of other engines train alone."""
    runs = [assigned(0), assigned(1), assigned(2, run_id="abc"), assigned(3), assigned(4, engine="gymnasium")]
    runs.append(assigned(5, engine="gymnasium"))
    assert numbers(list(Batch(OWNER, 2, tuple(runs)).groups())) == [[0, 1], [2], [3], [4], [5]]


def outcome(work: Work) -> Outcome:
    return Outcome(work.name, "id", 5, {"a": float(work.config.seed)})


def test_how_runs_ended_is_marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a run raises, its group fails with a one-line error, and later groups run."""
    jobs = Journal(tmp_path)
    seen: list[list[int]] = []

    def run(works: Sequence[Work], *_: object) -> list[Outcome]:
        seen.append([int(work.name[4:]) for work in works])
        assert sorted(jobs.running()) == seen[-1]
        if 2 in seen[-1]:
            raise ValueError("no such\n  bucket")
        return [outcome(work) for work in works]

    monkeypatch.setattr(module, "run", run)
    batch = Batch(OWNER, 2, tuple(assigned(number, seed=number) for number in range(5)))
    ended = run_batch(batch, jobs)
    assert seen == [[0, 1], [2, 3], [4]]
    assert ended == jobs.ended()
    assert [run.error for run in ended] == ["", "", *["ValueError: no such bucket"] * 2, ""]
    told = {"name": "run 1", "run_id": "id", "episodes": 5, "metrics": {"a": 1.0}, "scores": [], "notes": []}
    assert ended[1].outcome == told
    assert jobs.running() == {}


def test_an_interrupted_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The running group is marked as stopped; later groups never start."""
    jobs = Journal(tmp_path)

    def run(*_: object) -> list[Outcome]:
        raise Interrupted(15)

    monkeypatch.setattr(module, "run", run)
    batch = Batch(OWNER, 1, (assigned(0), assigned(1)))
    assert run_batch(batch, jobs) == [Ended(0, {}, "stopped by SIGTERM")]
    assert run_batch(batch, Journal(tmp_path)) == []


def test_a_batch_whose_launcher_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch runs only while its launcher is alive."""
    monkeypatch.chdir(tmp_path)
    living = announce()
    number, _, place = living.process.split("-")
    gone = replace(living, process=f"{number}-{'0' * 16}-{place}")
    runs = (assigned(0), assigned(1))
    assert [run.error for run in run_batch(Batch(living, 2, runs), Journal(tmp_path / "a"))] == ["", ""]
    assert run_batch(Batch(gone, 2, runs), Journal(tmp_path / "b")) == []


@pytest.mark.parametrize("place", [0, 2, 3])
def test_one_of_four_interleaved_runs_fails(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the run that meets a NaN fails; the others finish, and each run has one record."""
    monkeypatch.chdir(tmp_path)
    seeds = [0, 1, 2]
    seeds.insert(place, UNLUCKY)
    works = [still(seed, f"sqlite:///{tmp_path}/mlruns/mlflow.db") for seed in seeds]
    journal = Journal(tmp_path / "journal")
    ended = run_batch(Batch(announce(), 4, tuple(map(Assigned, range(4), works))), journal)
    assert ended == journal.ended()
    errors = [each.error for each in ended]
    assert errors.pop(place).startswith("tests.support.walks:Walk-v0: step gave a reward or an observation")
    assert errors == ["", "", ""]
    store = open_store(works[0].config.tracking.uri)
    assert {run.name: run.status for run in run_search.runs(store, run_search.experiments(store))} == {
        f"seed={seed}": "FAILED" if seed == UNLUCKY else "FINISHED" for seed in seeds
    }
    assert not list((tmp_path / "multirun" / "unfinished").iterdir())


UNLUCKY = 14
"""A seed whose first greedy episode meets the NaN, while those of 0, 1 and 2 stay where they begin."""


def still(seed: int, uri: str) -> Work:
    """Return a run of the walk that hardly learns and never explores."""
    never = {"start": 0.0, "end": 0.0}
    config = {"episodes": 3, "learning_rate": 0.001, "epsilon": never, "tracking": {"uri": uri}}
    return Work(walk("compiled", "nan", seed=seed, **config), f"seed={seed}", "", False)
