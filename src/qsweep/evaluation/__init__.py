"""What a policy is worth: greedy rollouts on starts that training never saw."""

from __future__ import annotations

from qsweep.evaluation.judging import TEST_FILE, Judge, Verdict
from qsweep.evaluation.rollouts import Rollouts, roll_out

__all__ = ["TEST_FILE", "Judge", "Rollouts", "Verdict", "roll_out"]
