from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from qsweep.errors import UsageError
from qsweep.system import atomic_files
from qsweep.tracking import checkpoints, episodes
from qsweep.tracking.checkpoints import Archive, History
from qsweep.tracking.episodes import EpisodeFile
from qsweep.tracking.unfinished import (
    LOCK,
    MANIFEST,
    Progress,
    all_progress,
    forget,
    progress_of,
    working_folder,
)

RUN = "0123456789abcdef"
PART = 10
"""Episodes between two durable points."""


def table(done: int) -> Any:
    """Return the Q-table after `done` episodes."""
    return np.full((3, 2), float(done))


def returns(first: int, count: int) -> Any:
    """Return the returns of `count` episodes from `first` on."""
    return -np.arange(first, first + count, dtype=np.float64)


def write_part(progress: Progress) -> None:
    """Write another part of each file, as a run does."""
    values = returns(progress.episodes, PART)
    with EpisodeFile(progress.part(episodes.FILE_NAME, progress.parts), progress.episodes) as file:
        file.add(values, np.ones(PART, np.int32), np.zeros(PART))
    with History(progress.part(checkpoints.FILE_NAME, progress.parts), (3, 2), {}) as history:
        history.add(progress.episodes + PART, table(progress.episodes + PART))


def next_point(progress: Progress) -> Progress:
    """Write the next durable point."""
    write_part(progress)
    done = progress.episodes + PART
    return progress.make_durable(done, done / 4, {"q": table(done), "episodes": np.array(done)})


def killed_run(root: Path, points: int = 2) -> Progress:
    """Return the progress of a run that was killed after `points` durable points."""
    progress = Progress(root / RUN, RUN, "abc", "def")
    progress.folder.mkdir(parents=True)
    for _ in range(points):
        progress = next_point(progress)
    return progress


def check_resumable(progress: Progress) -> None:
    """Check that the files hold the manifest's episodes, their checkpoints and the final state."""
    assert progress.readable()
    assert (progress.config, progress.code, progress.seconds) == ("abc", "def", progress.episodes / 4)
    seen = [pq.read_table(path)["return"].to_numpy() for path in progress.files(episodes.FILE_NAME)]
    assert np.concatenate(seen).tolist() == returns(0, progress.episodes).tolist()
    names = [name for path in progress.files(checkpoints.FILE_NAME) for name in Archive(path).names()]
    assert names == [f"ep{n:06d}" for n in range(PART, progress.episodes + 1, PART)]
    assert progress.state()["q"].tolist() == table(progress.episodes).tolist()


def test_a_durable_point_is_read_again(tmp_path: Path) -> None:
    """Another process reads the last durable point with its state, parts and training time."""
    killed_run(tmp_path, points=3)
    progress = progress_of(RUN, tmp_path)
    assert (progress.episodes, progress.parts, progress.seconds, progress.run_id) == (30, 3, 7.5, RUN)
    check_resumable(progress)
    assert [found.run_id for found in all_progress(tmp_path)] == [RUN]


def test_a_damaged_manifest_is_ignored(tmp_path: Path) -> None:
    """A manifest with any flipped bit is ignored: the run would resume from the wrong episode."""
    manifest = killed_run(tmp_path).folder / MANIFEST
    sound = manifest.read_bytes()
    for place in range(len(sound)):
        manifest.write_bytes(bytes([*sound[:place], sound[place] ^ 1, *sound[place + 1 :]]))
        assert progress_of(RUN, tmp_path) == Progress(tmp_path / RUN, RUN)
        assert all_progress(tmp_path) == []


def test_without_a_durable_point(tmp_path: Path) -> None:
    """Before its first durable point a run has no state and cannot be resumed."""
    assert progress_of(RUN, tmp_path) == Progress(tmp_path / RUN, RUN)
    assert progress_of(RUN, tmp_path).state() == {}
    with working_folder(progress_of(RUN, tmp_path)) as progress:
        assert (progress.episodes, progress.folder.is_dir()) == (0, True)
        assert all_progress(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Return copies of a run's folder before and after every change: the states a kill can leave."""
    taken: list[Path] = []

    def watched(change: Callable[..., Any]) -> Callable[..., Any]:
        def around(*arguments: Any, **more: Any) -> Any:
            for step in (lambda: None, lambda: change(*arguments, **more)):
                step()
                copy = tmp_path / "copies" / str(len(taken))
                if (tmp_path / "own" / RUN).exists():
                    shutil.copytree(tmp_path / "own" / RUN, copy / RUN)
                    taken.append(copy)

        return around

    for owner, name in (
        (atomic_files.AtomicFile, "write"),
        (atomic_files.AtomicFile, "close"),
        (Path, "unlink"),
    ):
        monkeypatch.setattr(owner, name, watched(getattr(owner, name)))
    killed_run(tmp_path / "own", points=3)
    monkeypatch.undo()
    return taken


@pytest.mark.slow
def test_a_kill_between_any_two_writes(moments: list[Path]) -> None:
    """After a kill at any time, the last or previous durable point is complete; partial files are removed."""
    reached = []
    for root in moments:
        with working_folder(progress_of(RUN, root)) as progress:
            if progress.episodes:
                check_resumable(progress)
            named = [
                *progress.files(episodes.FILE_NAME),
                *progress.files(checkpoints.FILE_NAME),
                progress.folder / LOCK,
            ]
            named += [progress.folder / MANIFEST, progress.folder / f"{progress.parts:04d}-state.npz"]
            assert set(progress.folder.iterdir()) == {
                path for path in named if progress.episodes or path.name == LOCK
            }
            reached.append(progress.episodes)
            if progress.episodes < 30:
                write_part(progress)  # it can be done again
    assert reached == sorted(reached)
    assert set(reached) == {0, 10, 20, 30}


def test_a_point_counts_from_the_moment_of_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is written last, after the parts and the state that it names."""
    written: list[str] = []
    close = atomic_files.AtomicFile.close

    def noted(file: Any) -> None:
        if not file.closed:
            written.append(file._path.name)
        close(file)

    monkeypatch.setattr(atomic_files.AtomicFile, "close", noted)
    killed_run(tmp_path, points=1)
    assert written == ["0000-episodes.parquet", "0000-q_table_history.parquet", "0001-state.npz", MANIFEST]


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def replaced(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


@pytest.mark.slow
@pytest.mark.parametrize("harm", [emptied, cut, replaced, Path.unlink])
@pytest.mark.parametrize(
    "name",
    [
        "0002-state.npz",
        "0000-episodes.parquet",
        "0001-episodes.parquet",
        "0000-q_table_history.parquet",
        "0001-q_table_history.parquet",
        MANIFEST,
    ],
)
def test_a_damaged_file_starts_the_run_over(tmp_path: Path, name: str, harm: Callable[[Path], None]) -> None:
    """If a file of the last point is missing or damaged, the run starts over without the old files."""
    harm(killed_run(tmp_path).folder / name)
    with working_folder(progress_of(RUN, tmp_path)) as progress:
        assert (progress.episodes, progress.parts, progress.state()) == (0, 0, {})
        assert [path.name for path in progress.folder.iterdir()] == [LOCK]


@pytest.mark.parametrize("name", ["0001-state.npz", "0000-episodes.parquet", "0000-q_table_history.parquet"])
def test_a_changed_byte_is_detected(tmp_path: Path, name: str) -> None:
    """A changed byte in any file is detected, or does not change what is read."""
    progress = killed_run(tmp_path, points=1)
    path = progress.folder / name
    good = path.read_bytes()
    for position in range(0, len(good), 7):
        for flip in (0x01, 0x80):
            path.write_bytes(good[:position] + bytes([good[position] ^ flip]) + good[position + 1 :])
            if progress.readable():
                check_resumable(progress)


def test_a_finished_runs_folder_is_removed(tmp_path: Path) -> None:
    """A finished run's folder is removed."""
    killed_run(tmp_path)
    with working_folder(progress_of(RUN, tmp_path)) as progress:
        next_point(progress)
    assert list(tmp_path.iterdir()) == []


def interrupt(root: Path, points: int) -> None:
    """Interrupt the run after `points` more durable points, with partly written files."""
    with working_folder(progress_of(RUN, root)) as progress:
        for _ in range(points):
            progress = next_point(progress)
        write_part(progress)
        raise KeyboardInterrupt


@pytest.mark.parametrize(("before", "more"), [(0, 0), (0, 1), (2, 0), (2, 1)])
def test_an_interrupted_run_can_be_resumed(tmp_path: Path, before: int, more: int) -> None:
    """The folder is kept at the last durable point, if there is one."""
    if before:
        killed_run(tmp_path, before)
    with pytest.raises(KeyboardInterrupt):
        interrupt(tmp_path, more)
    assert [progress.episodes for progress in all_progress(tmp_path)] == (
        [PART * (before + more)] if before + more else []
    )
    assert len(list(tmp_path.iterdir())) == bool(before + more)


HOLD = """
import sys
from pathlib import Path
from qsweep.tracking.unfinished import progress_of, working_folder
with working_folder(progress_of(sys.argv[1], Path(sys.argv[2]))):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Start another process that resumes the run."""
    killed_run(tmp_path)
    command = [sys.executable, "-c", HOLD, RUN, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.slow
def test_a_folder_locked_by_another_process(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """While one process resumes a run, a second one is refused until the first is dead."""
    before = sorted(path.name for path in (tmp_path / RUN).iterdir())
    with (
        pytest.raises(UsageError, match="is being executed by another process"),
        working_folder(progress_of(RUN, tmp_path)),
    ):
        pass
    assert sorted(path.name for path in (tmp_path / RUN).iterdir()) == before
    holder.kill()
    holder.wait()
    with working_folder(progress_of(RUN, tmp_path)) as progress:
        check_resumable(progress)


def test_an_untracked_run_has_a_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run without an id works in a temporary folder; other runs' folders are not touched."""
    monkeypatch.chdir(tmp_path)
    killed_run(tmp_path / "multirun" / "unfinished")
    with working_folder(progress_of("")) as progress:
        assert progress.folder.is_dir()
        assert tmp_path not in progress.folder.parents
    assert not progress.folder.exists()
    forget("")
    check_resumable(progress_of(RUN))
