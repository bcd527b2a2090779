"""Choose a run's best checkpoint; evaluate it and the last one.

Where the environment has transition tables, a checkpoint's score is its exact expected return. Elsewhere it
is the mean return on validation starts, and that of the chosen one the mean return on test starts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from qsweep.environments.resolved import Resolved
from qsweep.learning.training import Block
from qsweep.policies.evaluation.exact import exact_evaluation
from qsweep.policies.evaluation.rollouts import Rollouts, roll_out
from qsweep.policies.evaluation.starts import StartSet, test_starts, validation_starts
from qsweep.system import arrow
from qsweep.system.arrays import QTable
from qsweep.system.atomic_files import AtomicFile
from qsweep.tracking.curves import Points
from qsweep.tracking.stored_run import EXACT, SAMPLED, SCORE

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
class EvaluationResult:
    """The rollouts of a run's chosen checkpoint and of its last one on test starts, `starts`.

    episodes: the number of training episodes before the chosen checkpoint, as in its name. exact,
    final_exact: the exact expected returns of both, None if unknown.
    """

    episodes: int
    q_table: QTable
    test: Rollouts
    final: Rollouts
    starts: StartSet
    env_id: str
    exact: float | None = None
    final_exact: float | None = None

    @property
    def score(self) -> float:
        """The number that runs are compared by."""
        return float(self.test.returns.mean()) if self.exact is None else self.exact

    def write(self, path: Path) -> None:
        """Write the test episodes as Parquet: seed, return, length, terminated, the last table's return."""
        columns: list[arrow.Numbers] = [
            np.array(self.starts.seeds),
            self.test.returns,
            self.test.lengths,
            self.test.terminated,
            self.final.returns,
        ]
        with AtomicFile(path) as file:
            pq.write_table(arrow.table(TEST_SCHEMA, columns), file, compression="zstd")

    def metrics(self) -> dict[str, float]:
        """Return the summary metrics of a run by their names in MLflow."""
        low, high = self.starts.interval(self.test.returns)
        metrics = {
            "best_episode": float(self.episodes),
            SCORE: self.score,
            SAMPLED: float(self.test.returns.mean()),
            "test/return_ci_low": low,
            "test/return_ci_high": high,
            "test/return_worst": float(self.test.returns.min()),
            "final/return_mean": float(self.final.returns.mean()),
        }
        if self.exact is not None and self.final_exact is not None:
            metrics |= {EXACT: self.exact, "final/return_exact": self.final_exact}
        successes = self.test.successes(self.env_id)
        if successes is not None:
            metrics["test/success_rate"] = float(successes.mean())
        return metrics


class Evaluator:
    """Receives a run's blocks and keeps the checkpoint with the highest score.

    evaluated: the checkpoints to evaluate, by the number of episodes before them. scores: of the
    checkpoints evaluated so far.
    """

    def __init__(self, resolved: Resolved) -> None:
        self._resolved, config = resolved, resolved.config
        self._exact = exact_evaluation(resolved)
        self._validation = validation_starts(resolved.env, config.evaluation.episodes)
        self._test = test_starts(resolved.env, resolved.test_episodes)
        self.evaluated = frozenset(
            evaluated_episodes(config.episodes, config.checkpoint_every, config.evaluation.checkpoints)
        )
        self.scores: list[float] = []
        self._best: tuple[float, int, QTable] | None = None
        self._last: tuple[int, QTable] | None = None

    def receive(self, block: Block) -> Iterator[Points]:
        """Yield the scores of the block's checkpoints that are to be evaluated."""
        self._last = block.end, block.tables[-1]
        for span, table in zip(block.spans, block.tables, strict=True):
            if span.checkpoint and span.end in self.evaluated:
                yield self.evaluate(span.end, table)

    def evaluate_last(self) -> Iterator[Points]:
        """Yield the score of the last checkpoint, if `steps` ended the training at one that was skipped."""
        assert self._last is not None
        if self._last[0] not in self.evaluated:
            yield self.evaluate(*self._last)

    def evaluate(self, episodes: int, q_table: QTable) -> Points:
        """Return the score of the checkpoint after `episodes` episodes, which must increase."""
        score = self._score(q_table)
        if self._best is None or score > self._best[0]:
            self._best = (score, episodes, q_table.copy())
        self.scores.append(score)
        return Points(np.array([episodes - 1]), {"eval/return_mean": np.array([score])})

    def _score(self, q_table: QTable) -> float:
        if self._exact:
            return self._exact.of(q_table)
        return float(roll_out(self._resolved, q_table, self._validation.seeds).returns.mean())

    def result(self, check: Callable[[], object] = lambda: None) -> EvaluationResult:
        """Evaluate the chosen and the last checkpoint, after all blocks were received.

        check: as for `roll_out`.
        """
        assert self._best is not None
        assert self._last is not None
        _, episodes, q_table = self._best
        test = roll_out(self._resolved, q_table, self._test.seeds, check)
        _, last = self._last
        final = roll_out(self._resolved, last, self._test.seeds, check)
        exact = [self._exact.of(table) for table in (q_table, last)] if self._exact else [None, None]
        return EvaluationResult(episodes, q_table, test, final, self._test, self._resolved.env.id, *exact)


def evaluated_episodes(episodes: int, checkpoint_every: int, count: int) -> list[int]:
    """Return the checkpoints to evaluate: `count` of them, evenly spaced and including the last.

    A checkpoint is given by the number of episodes before it. Without `count` checkpoints, all of them.
    """
    made = -(-episodes // checkpoint_every)
    count = min(count, made)
    return [min(round(n * made / count) * checkpoint_every, episodes) for n in range(1, count + 1)]
