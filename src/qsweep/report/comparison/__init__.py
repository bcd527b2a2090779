"""Variants and runs compared: standings, verdicts and findings, as values."""
