"""Checking answers: which exercises of the course the runs of a store solve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from qsweep.commands.check.evidence import Result
from qsweep.commands.check.exercises import EXERCISES
from qsweep.errors import Problem, UsageError
from qsweep.report.loading.selection import in_sweep_or_experiment
from qsweep.tracking.store import Store


@dataclass(frozen=True)
class Checked:
    """The results by lesson."""

    results: dict[int, Result]

    @property
    def holds(self) -> bool:
        """True if all exercises that were checked are solved.

        Among several, one that only waits for an answer does not count.
        """
        several = len(self.results) > 1
        return all(result.holds or (several and result.waits) for result in self.results.values())

    def __str__(self) -> str:
        return "\n".join(_lines(self.results))


def check(store: Store, lesson: int | None, answer: int | None, name: str | None = None) -> Checked:
    """Check the exercise of a lesson, or of all, on the runs of an experiment or sweep, or on all runs.

    lesson: from 1. answer: of the exercises that ask for one. Raises UsageError if there is no such lesson or
    experiment, or if the exercise takes no answer.
    """
    if lesson is not None and not 1 <= lesson <= len(EXERCISES):
        raise UsageError([Problem("LESSON", f"must be from 1 to {len(EXERCISES)}", lesson)])
    if lesson is not None and answer is not None and not EXERCISES[lesson - 1].answer:
        remedy = f"write: qsweep check {lesson}"
        raise UsageError([Problem("ANSWER", "is not asked for; the runs are the answer", answer, remedy)])
    runs: pd.DataFrame = in_sweep_or_experiment(store, name)
    chosen = range(1, len(EXERCISES) + 1) if lesson is None else [lesson]
    return Checked({number: EXERCISES[number - 1].check(runs, answer) for number in chosen})


def _lines(results: dict[int, Result]) -> Iterator[str]:
    for number, result in results.items():
        exercise = EXERCISES[number - 1]
        if len(results) == 1:
            yield exercise.task
        state = "solved" if result.holds else "open" if result.waits else "not yet"
        yield f"lesson {number}: {state}; {result.words}"
