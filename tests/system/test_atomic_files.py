from __future__ import annotations

from pathlib import Path

import pytest

from qsweep.system.atomic_files import WholeFile, sync_folder, user_cache, write_text


def test_a_file_appears_only_when_it_is_closed(tmp_path: Path) -> None:
    """Until it is closed, what was written and flushed is not there under the file's name."""
    path = tmp_path / "table.bin"
    file = WholeFile(path)
    file.write(b"half ")
    file.flush()
    assert not path.exists()
    file.write(b"whole")
    file.close()
    assert path.read_bytes() == b"half whole"


def test_the_file_before_stays_until_then(tmp_path: Path) -> None:
    """A file of the same name keeps its old content until the new one is complete."""
    path = tmp_path / "table.bin"
    path.write_bytes(b"old")
    file = WholeFile(path)
    file.write(b"new")
    file.flush()
    assert path.read_bytes() == b"old"
    file.close()
    assert path.read_bytes() == b"new"


def test_nothing_else_is_left(tmp_path: Path) -> None:
    """Beside a closed file lies no file that it was written to."""
    file = WholeFile(tmp_path / "table.bin")
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["table.bin"]


def test_what_is_unfinished_is_hidden(tmp_path: Path) -> None:
    """An abandoned file has a name that `*` does not match in a shell."""
    file = WholeFile(tmp_path / "table.bin")
    file.write(b"half")
    file.flush()
    assert all(path.name.startswith(".") for path in tmp_path.iterdir())
    file.close()


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    """A second close does not touch a file that has since been changed."""
    path = tmp_path / "table.bin"
    file = WholeFile(path)
    assert not file.closed
    file.close()
    assert file.closed
    path.write_bytes(b"changed")
    file.close()
    assert path.read_bytes() == b"changed"


def test_write_says_how_much(tmp_path: Path) -> None:
    """As Python's binary files do, write returns the number of bytes."""
    file = WholeFile(tmp_path / "table.bin")
    assert file.write(b"12345") == 5
    file.close()


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """No folder is made on the way."""
    with pytest.raises(FileNotFoundError):
        WholeFile(tmp_path / "nowhere" / "table.bin")


def test_text_is_utf_8_and_replaces_what_was_there(tmp_path: Path) -> None:
    """Text is written as UTF-8 with its line ends as they are, over an older file too."""
    path = tmp_path / "config.yaml"
    write_text(path, "old: a much longer text than the new one\n")
    write_text(path, "ε: 0.5\n")
    assert path.read_bytes() == "ε: 0.5\n".encode()


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path: Path) -> None:
    """Where the system cannot make a rename durable, work goes on."""
    sync_folder(tmp_path)
    sync_folder(tmp_path / "nowhere")


def test_the_users_cache_is_where_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache lies in XDG_CACHE_HOME, otherwise below the home folder, and exists once asked for."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert user_cache() == tmp_path / "cache" / "qsweep"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert user_cache() == tmp_path / "home" / ".cache" / "qsweep"
    assert all((tmp_path / name / "qsweep").is_dir() for name in ("cache", "home/.cache"))
