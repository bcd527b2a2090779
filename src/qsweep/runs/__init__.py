"""Execution of single runs, sweeps and searches."""
