"""Evaluation of policies: greedy rollouts from start states that were not used in training."""

from __future__ import annotations

from qsweep.policies.evaluation.evaluator import TEST_FILE, EvaluationResult, Evaluator
from qsweep.policies.evaluation.rollouts import Rollouts, roll_out

__all__ = ["TEST_FILE", "EvaluationResult", "Evaluator", "Rollouts", "roll_out"]
