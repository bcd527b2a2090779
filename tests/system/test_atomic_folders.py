from __future__ import annotations

from pathlib import Path

import pytest

from qsweep.system.atomic_files import taking_place_of


def anything(folder: Path) -> None:
    """Any folder may be replaced."""


def test_a_new_folder_takes_the_place(tmp_path: Path) -> None:
    """What was written aside is there afterwards, what was there before is gone, and nothing else is left."""
    folder = tmp_path / "a" / "out"
    for text in ("one", "two"):
        with taking_place_of(folder, anything) as aside:
            (aside / text).write_text(text)
            assert not (folder / text).exists()
    assert [path.name for path in folder.iterdir()] == ["two"]
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def write_and_fail(folder: Path) -> None:
    with taking_place_of(folder, anything) as aside:
        (aside / "new").write_text("new")
        raise ZeroDivisionError


def test_what_was_there_stays(tmp_path: Path) -> None:
    """If writing fails the old folder is as it was, and nothing is left beside it."""
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "old").write_text("old")
    with pytest.raises(ZeroDivisionError):
        write_and_fail(folder)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "old"]


def only_new(folder: Path) -> None:
    if folder.exists():
        raise FileExistsError


def write_while_another_does(folder: Path) -> None:
    with taking_place_of(folder, only_new):
        folder.mkdir()
        (folder / "other").write_text("other")


def test_what_came_into_being_meanwhile(tmp_path: Path) -> None:
    """A folder that may not be replaced is not, even if it appears while the new one is written."""
    with pytest.raises(FileExistsError):
        write_while_another_does(tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "other"]
