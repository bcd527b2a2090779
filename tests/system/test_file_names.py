from __future__ import annotations

from pathlib import Path

import pytest

from qsweep.system.file_names import MAX_BYTES, fitting


@pytest.mark.parametrize("name", ["MountainCar-v0", "ü" * 100, "x" * MAX_BYTES])
def test_short_names_stay(name: str) -> None:
    """A name that fits is used as it is."""
    assert fitting(name) == name


@pytest.mark.parametrize("letter", ["x", "ü", "山", "🙂", "\udcff"])
def test_long_names_are_cut(tmp_path: Path, letter: str) -> None:
    """A name of too many bytes becomes one that a file system takes; two names stay two."""
    one, two = fitting(letter * 300), fitting(letter * 301)
    assert one != two
    for name in (one, two):
        assert len(name.encode()) <= MAX_BYTES
        (tmp_path / name).mkdir()
