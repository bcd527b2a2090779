"""Policies: Q-tables that act; evaluated, held against the optimum, registered and found by name."""
