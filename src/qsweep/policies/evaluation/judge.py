"""Choose a run's best checkpoint on validation starts; measure it, and the last one, on test starts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qsweep import seeds
from qsweep.environments.resolved import Resolved
from qsweep.learning.training import Block
from qsweep.policies.evaluation.bootstrap import mean_interval
from qsweep.policies.evaluation.rollouts import Rollouts, roll_out
from qsweep.system import arrow
from qsweep.system.arrays import QTable
from qsweep.tracking.curves import Points

TEST_FILE = "test_episodes.parquet"
TEST_SCHEMA = pa.schema(
    [
        ("seed", pa.int64()),
        ("return", pa.float64()),
        ("length", pa.int32()),
        ("terminated", pa.bool_()),
        ("final_return", pa.float64()),
    ]
)


@dataclass(frozen=True)
class Verdict:
    """The chosen checkpoint of a run, on test starts, beside the last one.

    episodes: how many the chosen one had been trained, which is its name's number.
    """

    episodes: int
    q_table: QTable
    test: Rollouts
    final: Rollouts
    env_id: str

    def write(self, path: Path) -> None:
        """The test episodes as Parquet: seed, return, length, terminated; and the last table's return."""
        columns: list[arrow.Numbers] = [
            np.arange(seeds.TEST, seeds.TEST + len(self.test.returns)),
            self.test.returns,
            self.test.lengths,
            self.test.terminated,
            self.final.returns,
        ]
        pq.write_table(arrow.table(TEST_SCHEMA, columns), path, compression="zstd")

    def metrics(self) -> dict[str, float]:
        """The summary metrics of a run, by their names in MLflow."""
        low, high = mean_interval(self.test.returns)
        metrics = {
            "best_episode": float(self.episodes),
            "test/return_mean": float(self.test.returns.mean()),
            "test/return_ci_low": low,
            "test/return_ci_high": high,
            "test/return_worst": float(self.test.returns.min()),
            "final/return_mean": float(self.final.returns.mean()),
        }
        successes = self.test.successes(self.env_id)
        if successes is not None:
            metrics["test/success_rate"] = float(successes.mean())
        return metrics


class Judge:
    """Hears a run's blocks and keeps the checkpoint that does best on validation starts.

    judged: after how many episodes each, the checkpoints that are judged. scores: of those judged so far.
    """

    def __init__(self, resolved: Resolved) -> None:
        self._resolved, config = resolved, resolved.config
        self._validation = seeds.validation(config.evaluation.episodes)
        self._test = seeds.test(config.evaluation.test_episodes)
        self.judged = frozenset(
            judged(config.episodes, config.checkpoint_every, config.evaluation.checkpoints)
        )
        self.scores: list[float] = []
        self._best: tuple[float, int, QTable] | None = None
        self._last: QTable | None = None

    def hear(self, block: Block) -> Iterator[Points]:
        """The validation scores of those checkpoints in the block that are to be judged."""
        self._last = block.tables[-1]
        for span, table in zip(block.spans, block.tables, strict=True):
            if span.checkpoint and span.end in self.judged:
                yield self.judge(span.end, table)

    def judge(self, episodes: int, q_table: QTable) -> Points:
        """The validation score of the checkpoint after so many episodes; in increasing order."""
        rollouts = roll_out(self._resolved, q_table, self._validation)
        score = float(rollouts.returns.mean())
        if self._best is None or score > self._best[0]:
            self._best = (score, episodes, q_table.copy())
        self.scores.append(score)
        return Points(np.array([episodes - 1]), {"eval/return_mean": np.array([score])})

    def verdict(self) -> Verdict:
        """The chosen checkpoint on test starts, once all blocks were heard: the last one is judged."""
        assert self._best is not None
        assert self._last is not None
        _, episodes, q_table = self._best
        test = roll_out(self._resolved, q_table, self._test)
        final = roll_out(self._resolved, self._last, self._test)
        return Verdict(episodes, q_table, test, final, self._resolved.env.id)


def judged(episodes: int, checkpoint_every: int, count: int) -> list[int]:
    """Which checkpoints are judged: `count` of them, evenly spaced, the last always among them.

    A checkpoint is given by the number of episodes before it.
    """
    made = -(-episodes // checkpoint_every)
    count = min(count, made)
    return [min(round(n * made / count) * checkpoint_every, episodes) for n in range(1, count + 1)]
