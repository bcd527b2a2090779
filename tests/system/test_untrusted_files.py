from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qsweep.errors import UsageError
from qsweep.policies.policy import Policy, readable
from qsweep.system.untrusted_files import disk_failed, opened, read_columns, read_json, read_yaml
from qsweep.tracking.checkpoints import Archive
from qsweep.tracking.unfinished import MANIFEST, progress_of

NO_DAMAGE = [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS, errno.EDQUOT, errno.EMFILE, errno.ESTALE]


@pytest.mark.parametrize("reader", [opened, read_json, read_yaml, read_columns, Archive])
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(tmp_path: Path, reader: object, kind: str) -> None:
    """A pipe, on which a reader would wait for ever, a device and a folder are refused."""
    path = tmp_path / "file"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    assert callable(reader)
    with pytest.raises((ValueError, OSError)):
        reader(path)


def test_a_pipe_in_a_pulled_folder_is_refused(tmp_path: Path) -> None:
    """No file of a pulled folder may be a pipe."""
    os.mkfifo(tmp_path / "policy.json")
    with pytest.raises(UsageError, match="no regular file"):
        Policy.load(tmp_path)


@pytest.mark.parametrize("code", NO_DAMAGE)
def test_errors_of_the_disk_are_no_damage(code: int) -> None:
    """An error of the disk is raised as it is, also where a library wraps it."""
    with pytest.raises(OSError, match=os.strerror(code)), readable("file"):
        raise OSError(code, os.strerror(code))
    wrapped = RuntimeError("a library's")
    wrapped.__cause__ = OSError(code, "inner")
    assert disk_failed(wrapped)


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "x"), OSError("pyarrow's"), ValueError("x")]
)
def test_other_errors_are_damage(error: Exception) -> None:
    """A missing file, and one with wrong content, is reported as such."""
    assert not disk_failed(error)
    with pytest.raises(UsageError, match="is missing or damaged"), readable("file"):
        raise error


def test_progress_on_a_failing_disk_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest that the disk does not give is no reason to begin anew: its files would be removed."""
    (folder := tmp_path / "0123").mkdir()
    (folder / MANIFEST).write_text("x")

    def failing(*_: object) -> int:
        raise OSError(errno.EIO, "Input/output error")

    assert progress_of("0123", tmp_path).episodes == 0
    monkeypatch.setattr("qsweep.system.untrusted_files.os.open", failing)
    with pytest.raises(OSError, match="Input/output"):
        progress_of("0123", tmp_path)
