"""What a policy is worth: greedy rollouts on starts that training never saw."""

from __future__ import annotations

from qsweep.policies.evaluation.judge import TEST_FILE, Judge, Verdict
from qsweep.policies.evaluation.rollouts import Rollouts, roll_out

__all__ = ["TEST_FILE", "Judge", "Rollouts", "Verdict", "roll_out"]
