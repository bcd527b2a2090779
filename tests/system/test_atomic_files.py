from __future__ import annotations

import sys
from pathlib import Path

import pytest

from qsweep.system.atomic_files import AtomicFile, sync_folder, user_cache, write_bytes, write_text
from tests.support.disks import files_of_at_most


def test_a_file_appears_only_when_it_is_closed(tmp_path: Path) -> None:
    """Until the file is closed, its name does not exist, even if bytes were written and flushed."""
    path = tmp_path / "table.bin"
    file = AtomicFile(path)
    file.write(b"first ")
    file.flush()
    assert not path.exists()
    file.write(b"second")
    file.close()
    assert path.read_bytes() == b"first second"


def test_the_old_file_stays_until_then(tmp_path: Path) -> None:
    """A file of the same name keeps its old content until the new one is complete."""
    path = tmp_path / "table.bin"
    path.write_bytes(b"old")
    file = AtomicFile(path)
    file.write(b"new")
    file.flush()
    assert path.read_bytes() == b"old"
    file.close()
    assert path.read_bytes() == b"new"


def test_nothing_else_is_left(tmp_path: Path) -> None:
    """No temporary file is left after the file was closed."""
    file = AtomicFile(tmp_path / "table.bin")
    file.close()
    assert [path.name for path in tmp_path.iterdir()] == ["table.bin"]


def test_an_unfinished_file_is_hidden(tmp_path: Path) -> None:
    """An unfinished file has a name that `*` does not match in a shell."""
    file = AtomicFile(tmp_path / "table.bin")
    file.write(b"half")
    file.flush()
    assert all(path.name.startswith(".") for path in tmp_path.iterdir())
    file.close()


def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    """A second close does not change a file that has been written since."""
    path = tmp_path / "table.bin"
    file = AtomicFile(path)
    assert not file.closed
    file.close()
    assert file.closed
    path.write_bytes(b"changed")
    file.close()
    assert path.read_bytes() == b"changed"


def test_write_returns_the_number_of_bytes(tmp_path: Path) -> None:
    """`write` returns the number of bytes, as Python's binary files do."""
    file = AtomicFile(tmp_path / "table.bin")
    assert file.write(b"12345") == 5
    file.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit of file sizes")
def test_a_file_that_does_not_fit_leaves_nothing(tmp_path: Path) -> None:
    """On an error the old file stays, and no part of the new one."""
    path = tmp_path / "table.bin"
    write_bytes(path, b"old")
    with files_of_at_most(1 << 16), pytest.raises(OSError, match="File too large"):
        write_bytes(path, bytes(1 << 20))
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["table.bin"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    """A missing folder is not created."""
    with pytest.raises(FileNotFoundError):
        AtomicFile(tmp_path / "nowhere" / "table.bin")


def test_text_is_utf_8_and_replaces_what_was_there(tmp_path: Path) -> None:
    """Text is written as UTF-8 with unchanged line ends, and replaces an older file."""
    path = tmp_path / "config.yaml"
    write_text(path, "old: a much longer text than the new one\n")
    write_text(path, "ε: 0.5\n")
    assert path.read_bytes() == "ε: 0.5\n".encode()


def test_a_folder_that_cannot_be_synced_is_no_error(tmp_path: Path) -> None:
    """No exception is raised if the system cannot make a rename durable."""
    sync_folder(tmp_path)
    sync_folder(tmp_path / "nowhere")


def test_the_users_cache_is_where_the_system_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is in XDG_CACHE_HOME, otherwise below the home folder, and is created when needed."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert user_cache() == tmp_path / "cache" / "qsweep"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert user_cache() == tmp_path / "home" / ".cache" / "qsweep"
    assert all((tmp_path / name / "qsweep").is_dir() for name in ("cache", "home/.cache"))
