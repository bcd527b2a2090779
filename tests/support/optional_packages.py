"""Presets that need a package which some machines cannot install."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

NEEDS = {"lunar_lander": "Box2D", "minigrid": "minigrid"}
"""The beginning of a preset's name -> the package that it needs; Box2D has no wheel for Python 3.14."""


def skip_without_packages(preset: str) -> None:
    """Skip a test of a preset whose environment cannot be made here."""
    for name, package in NEEDS.items():
        if preset.startswith(name) and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
