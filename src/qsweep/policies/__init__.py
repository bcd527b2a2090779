"""Greedy policies of Q-tables: evaluated, compared with the optimum, registered and found by name."""
