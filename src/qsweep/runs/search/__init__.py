"""Searching instead of enumerating: an optuna study whose trials are means over seeds."""
