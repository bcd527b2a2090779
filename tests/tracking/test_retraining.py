from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from qsweep.environments.resolved import Resolved, Start
from qsweep.errors import UsageError
from qsweep.learning.training import train, train_blocks
from qsweep.plan.composition import load_resolved
from qsweep.runs.runner import about, stored_checkpoints
from qsweep.system.arrays import QTable
from qsweep.tracking import RunLog
from qsweep.tracking.checkpoints import FILE_NAME, Archive, History
from qsweep.tracking.recorder import Recorder
from qsweep.tracking.unfinished import Progress

DRAWN = ("env=frozen_lake", "initial_q.low=-1", "initial_q.high=0")
"""From zeros, the first episodes of a frozen lake learn nothing."""
LINES = (*DRAWN, "episodes=95", "checkpoint_every=5", "evaluation.checkpoints=4")
STORED = [5, 25, 50, 70, 95]
"""The first, the last, and those that are evaluated."""
LONG = (*DRAWN, "episodes=2500", "checkpoint_every=100", "evaluation.checkpoints=2")
"""A run of three blocks."""


def recorder_of(run: Resolved, folder: Path) -> Recorder:
    start = run.start.q_table if run.start else None
    return Recorder(run.config, RunLog(), Progress(folder), about(run), start, stored_checkpoints(run.config))


def recorded(folder: Path, run: Resolved, blocks: int | None = None) -> Archive:
    """Record a run, or its first blocks, and open its checkpoints."""
    recorder = recorder_of(run, folder)
    for _, block in islice(train_blocks([run]), blocks):
        recorder.add(block)
    recorder.close()
    return Archive(folder / FILE_NAME)


def trained(run: Resolved) -> dict[int, QTable]:
    """Return the table after every checkpoint of a run."""
    return {chunk.span.end: chunk.q_table.copy() for chunk in train(run) if chunk.span.checkpoint}


def assert_exact(archive: Archive, expected: dict[int, QTable]) -> None:
    """Every checkpoint has its name, and its table to the bit, in one pass."""
    assert archive.episodes().tolist() == sorted(expected)
    found = {number: table.tobytes() for number, table in archive.tables(expected)}
    assert found == {number: table.tobytes() for number, table in expected.items()}


@pytest.mark.parametrize("more", [(), ("algorithm=sarsa_lambda",), ("env=mountain_car", "buckets=7")])
def test_every_checkpoint_is_exact_though_few_are_stored(tmp_path: Path, more: tuple[str, ...]) -> None:
    """All names give the table of that moment; changes are counted over all of them."""
    run = load_resolved([*LINES, *more])
    archive, expected = recorded(tmp_path, run), trained(run)
    assert archive.stored.tolist() == STORED
    assert len({table.tobytes() for table in expected.values()}) == len(expected)
    assert_exact(archive, expected)
    assert archive.q_table("ep000035").tobytes() == expected[35].tobytes()
    bits = [table.view(np.int64) for table in expected.values()]
    changes = sum((new != old).any(axis=-1).astype(int) for old, new in pairwise(bits))
    assert archive.changes().tolist() == np.asarray(changes).tolist()


def test_a_run_that_starts_from_a_table(tmp_path: Path) -> None:
    """It is checkpoint 0, and the others are trained from it."""
    run = load_resolved(LINES)
    table = np.random.default_rng(0).normal(size=run.shape)
    run = replace(run, start=Start(table, "", ""))
    archive = recorded(tmp_path, run)
    assert archive.stored.tolist() == [0, *STORED]
    assert_exact(archive, {0: table, **trained(run)})


def test_an_interrupted_run_has_its_checkpoints_so_far(tmp_path: Path) -> None:
    """The last table is stored, whatever the plan was."""
    run = load_resolved(LONG)
    archive = recorded(tmp_path, run, blocks=1)
    assert archive.stored.tolist() == [100, 1000]
    assert_exact(archive, {n: table for n, table in trained(run).items() if n <= 1000})


def test_a_resumed_run(tmp_path: Path) -> None:
    """Its file holds the tables from which it was resumed, too; all others are trained as if in one piece."""
    run = load_resolved(LONG)
    recorder, (first, *rest) = recorder_of(run, tmp_path), [block for _, block in train_blocks([run])]
    recorder.add(first)
    recorder.make_durable(1.0, {})
    for block in rest:
        recorder.add(block)
    recorder.close()
    archive = Archive(tmp_path / FILE_NAME)
    assert archive.stored.tolist() == [100, 1000, 1200, 2500]
    assert_exact(archive, trained(run))


def test_other_code_gives_no_wrong_table(tmp_path: Path) -> None:
    """If training leads elsewhere, what is not stored is refused; what is stored is read."""
    run = load_resolved(LINES)
    archive = recorded(tmp_path, run)
    tables = dict(archive.tables(STORED))
    other = about(run.changed(seed=1))  # stands for code that computes something else
    with History(tmp_path / "now.parquet", run.shape, other, retrainable=True) as history:
        for number, table in tables.items():
            history.add(number, table)
    now = Archive(tmp_path / "now.parquet")
    assert len(now.names()) == 19
    assert now.q_table("ep000070").tobytes() == tables[70].tobytes()
    with pytest.raises(UsageError, match="is not stored, and training gives other tables") as refused:
        now.q_table("ep000035")
    assert "ep000035" in str(refused.value)
    assert "stored are ep000005" in str(refused.value)


@pytest.mark.parametrize("every", [0, -5, None, "5", 2.5])
def test_a_damaged_description_gives_no_names(tmp_path: Path, every: object) -> None:
    """A file that says how often a run is saved in no way that is possible is damaged."""
    described = {"config": {"checkpoint_every": every}}
    with History(tmp_path / FILE_NAME, (2, 2), described, retrainable=True) as history:
        history.add(10, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="has no checkpoint every"):
        Archive(tmp_path / FILE_NAME).names()


def test_a_small_file_cannot_ask_for_much_memory(tmp_path: Path) -> None:
    """Names that no run would have are not counted up."""
    with History(tmp_path / FILE_NAME, (1, 1), {"config": {"checkpoint_every": 1}}, True) as history:
        history.add(2**30, np.zeros((1, 1)))
    with pytest.raises(ValueError, match="has no checkpoint every 1 of them"):
        Archive(tmp_path / FILE_NAME).episodes()
