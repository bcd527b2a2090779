"""What a policy is worth: greedy rollouts on starts that training never saw."""

from __future__ import annotations

from qsweep.evaluation.judging import Judge, Verdict
from qsweep.evaluation.rollouts import Rollouts, roll_out

__all__ = ["Judge", "Rollouts", "Verdict", "roll_out"]
