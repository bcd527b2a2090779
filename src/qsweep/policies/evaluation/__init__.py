"""Evaluation of policies: greedy rollouts from start states that were not used in training."""
