"""Hydra's launchers of a cluster."""
