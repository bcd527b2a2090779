from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from qsweep.tracking.run_search import experiments
from qsweep.tracking.store import open_store
from tests.conftest import copy_store

KEPT = 8
"""Stores that stay open for whoever opens them again."""


@pytest.fixture
def _no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


def opened(folder: Path) -> set[Path]:
    """Return the files of a folder that this process has open."""
    links = [link.readlink() for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return {file for file in links if folder in file.parents and file.suffix == ".db"}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="Linux alone lists open files")
@pytest.mark.usefixtures("_no_collection")
def test_stores_that_are_not_used_any_more_are_closed(tmp_path: Path, migrated_store: Path) -> None:
    """A process that opens one store after the other never runs out of files."""
    for number in range(2 * KEPT):
        database = tmp_path / str(number) / "mlflow.db"
        database.parent.mkdir()
        copy_store(migrated_store, database)
        assert experiments(open_store(f"sqlite:///{database}"))
    assert len(opened(tmp_path)) == KEPT
