"""Hydra launchers for clusters."""
