from __future__ import annotations

from pathlib import Path

import pytest

from qsweep.system.liveness import announce, is_alive
from qsweep.system.start_folder import start_folder, started_in
from qsweep.tracking.store import database_of, local_database
from qsweep.tracking.unfinished import progress_of


def test_places_are_those_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the current folder was changed, files are still where the command was started."""
    (elsewhere := tmp_path / "elsewhere").mkdir()
    with started_in(tmp_path):
        monkeypatch.chdir(elsewhere)
        owner = announce()
        assert start_folder() == tmp_path
        assert local_database() == tmp_path / "mlruns" / "mlflow.db"
        assert database_of("sqlite:///x.db") == tmp_path / "x.db"
        assert progress_of("0123").folder == tmp_path / "multirun" / "unfinished" / "0123"
        assert is_alive(owner) is True
    assert start_folder() == elsewhere
    assert list(elsewhere.iterdir()) == []


def test_a_process_in_a_folder_that_was_moved(tmp_path: Path) -> None:
    """A process is alive in the folder that was moved with its file, and dead in a copy of that folder."""
    import shutil

    owner = announce(tmp_path / "a" / ".alive")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    (tmp_path / "a").rename(tmp_path / "b")
    assert is_alive(owner, tmp_path / "b" / ".alive") is True
    assert is_alive(owner, tmp_path / "copy" / ".alive") is False
