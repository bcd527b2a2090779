from __future__ import annotations

from pathlib import Path

import pytest

from qsweep.system.atomic_files import replacing_folder


def anything(folder: Path) -> None:
    """A check that lets every folder be replaced."""


def test_a_new_folder_replaces_the_old_one(tmp_path: Path) -> None:
    """The new folder has replaced the old one, and no temporary folder is left."""
    folder = tmp_path / "a" / "out"
    for text in ("one", "two"):
        with replacing_folder(folder, anything) as new:
            (new / text).write_text(text)
            assert not (folder / text).exists()
    assert [path.name for path in folder.iterdir()] == ["two"]
    assert [path.name for path in folder.parent.iterdir()] == ["out"]


def write_and_fail(folder: Path) -> None:
    with replacing_folder(folder, anything) as new:
        (new / "new").write_text("new")
        raise ZeroDivisionError


def test_the_old_folder_stays_if_writing_fails(tmp_path: Path) -> None:
    """If writing fails, the old folder is unchanged, and no temporary folder is left."""
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
    with replacing_folder(folder, only_new):
        folder.mkdir()
        (folder / "other").write_text("other")


def test_a_folder_created_meanwhile_is_kept(tmp_path: Path) -> None:
    """A folder that must not be replaced is kept, even if it was created while the new one was written."""
    with pytest.raises(FileExistsError):
        write_while_another_does(tmp_path / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "other"]
