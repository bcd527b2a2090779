"""`steps`: training ends with the first checkpoint at which so many environment steps are taken."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qsweep.config import Config, config_hash, record
from qsweep.learning.training import Chunk, train, train_blocks
from qsweep.plan.resolution import resolve
from qsweep.runs.runner import Work
from qsweep.tracking.checkpoints import FILE_NAME, Archive
from tests.support.trained import run

LAKE: dict[str, Any] = {"env": {"id": "FrozenLake-v1"}, "episodes": 600, "checkpoint_every": 25}


def trained(**more: Any) -> list[Chunk]:
    """Return the chunks of a training on FrozenLake."""
    return list(train(resolve(LAKE | more)))


@pytest.mark.parametrize("engine", ["compiled", "gymnasium"])
@pytest.mark.parametrize("steps", [1, 700, 10**9])
def test_training_ends_with_a_checkpoint(engine: str, steps: int) -> None:
    """The first one at which the steps are taken; what is trained until then is as without `steps`."""
    whole, found = trained(engine=engine), trained(engine=engine, steps=steps)
    taken = np.cumsum([chunk.lengths.sum() for chunk in whole])
    expected = whole[: int(np.searchsorted(taken, steps)) + 1]
    assert [chunk.span for chunk in found] == [chunk.span for chunk in expected]
    for one, other in zip(found, expected, strict=True):
        assert (one.q_table == other.q_table).all()
        assert (one.returns == other.returns).all()


def test_seeds_that_train_interleaved_end_on_their_own() -> None:
    """Each of four seeds ends where it ends alone."""
    configs = [resolve(LAKE | {"seed": seed, "steps": 900}) for seed in range(4)]
    spans: list[list[Any]] = [[] for _ in configs]
    for number, block in train_blocks(configs):
        spans[number] += block.spans
    assert spans == [[chunk.span for chunk in train(config)] for config in configs]
    assert len({of_one[-1].end for of_one in spans}) > 1


def test_resumed_training_counts_the_steps_before() -> None:
    """It ends at the same checkpoint, and the last chunk has no state to resume from."""
    config = resolve(LAKE | {"steps": 1500})
    saved, ends = {}, []
    for chunk in train(config):
        ends.append(chunk.span.end)
        if chunk.span.end == 100:
            assert chunk.state is not None
            saved = dict(chunk.state())
    assert chunk.state is None
    assert [chunk.span.end for chunk in train(config, saved)] == [end for end in ends if end > 100]


def test_a_run_that_is_killed_between_its_budget_and_the_checkpoint() -> None:
    """It goes on to the checkpoint."""
    config = resolve(LAKE | {"checkpoint_every": 1500, "episodes": 3000, "steps": 50})
    states = [(chunk.span, chunk.state) for chunk in train(config)]
    assert [span.end for span, _ in states] == [1000, 1500]
    first = next(train(config)).state
    assert first is not None
    assert [chunk.span.end for chunk in train(config, first())] == [1500]


def test_a_recorded_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last checkpoint is evaluated, though it is none of those that are evenly spaced, and is stored."""
    monkeypatch.chdir(tmp_path)
    asked = {"evaluation": {"checkpoints": 2, "episodes": 5, "test_episodes": 10}}
    config = resolve(LAKE | asked | {"steps": 700})
    [outcome] = run([Work(config, "short", "")])
    end = outcome.episodes
    assert end < 300
    assert outcome.metrics["best_episode"] == end
    assert len(outcome.scores) == 1
    [path] = tmp_path.glob(f"**/{FILE_NAME}")
    assert Archive(path).episodes()[-1] == end


def test_a_record_without_it_is_as_before() -> None:
    """Configs of earlier versions keep their hash."""
    assert "steps" not in record(Config())
    assert record(Config(steps=5))["steps"] == 5
    assert config_hash(Config(steps=5)) != config_hash(Config())
