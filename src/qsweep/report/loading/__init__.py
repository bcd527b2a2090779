"""Recorded runs and their curves, selected and loaded as frames."""
