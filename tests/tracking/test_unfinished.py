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
    """The Q-table after so many episodes."""
    return np.full((3, 2), float(done))


def returns(first: int, count: int) -> Any:
    """The returns of some episodes."""
    return -np.arange(first, first + count, dtype=np.float64)


def write_part(left: Progress) -> None:
    """Another part of each file, as a run writes them."""
    values = returns(left.episodes, PART)
    with EpisodeFile(left.part(episodes.FILE_NAME, left.parts), left.episodes) as file:
        file.add(values, np.ones(PART, np.int32), np.zeros(PART))
    with History(left.part(checkpoints.FILE_NAME, left.parts), (3, 2), {}) as history:
        history.add(left.episodes + PART, table(left.episodes + PART))


def settled(left: Progress) -> Progress:
    """The next durable point."""
    write_part(left)
    done = left.episodes + PART
    return left.make_durable(done, done / 4, {"q": table(done), "episodes": np.array(done)})


def begun(root: Path, points: int = 2) -> Progress:
    """A run that was killed after so many durable points."""
    left = Progress(root / RUN, RUN, "abc", "def")
    left.folder.mkdir(parents=True)
    for _ in range(points):
        left = settled(left)
    return left


def check_goes_on(left: Progress) -> None:
    """All that the manifest promises is there: episodes, checkpoints and the state at their end."""
    assert left.readable()
    assert (left.config, left.code, left.seconds) == ("abc", "def", left.episodes / 4)
    seen = [pq.read_table(path)["return"].to_numpy() for path in left.files(episodes.FILE_NAME)]
    assert np.concatenate(seen).tolist() == returns(0, left.episodes).tolist()
    names = [name for path in left.files(checkpoints.FILE_NAME) for name in Archive(path).names()]
    assert names == [f"ep{n:06d}" for n in range(PART, left.episodes + 1, PART)]
    assert left.state()["q"].tolist() == table(left.episodes).tolist()


def test_what_was_settled_is_found_again(tmp_path: Path) -> None:
    """Another process finds the last durable point, with the state, the parts and the time spent."""
    begun(tmp_path, points=3)
    left = progress_of(RUN, tmp_path)
    assert (left.episodes, left.parts, left.seconds, left.run_id) == (30, 3, 7.5, RUN)
    check_goes_on(left)
    assert [found.run_id for found in all_progress(tmp_path)] == [RUN]


def test_a_damaged_manifest_counts_for_nothing(tmp_path: Path) -> None:
    """A bit of it is flipped, wherever: a run that believed it would go on from the wrong episode."""
    manifest = begun(tmp_path).folder / MANIFEST
    sound = manifest.read_bytes()
    for place in range(len(sound)):
        manifest.write_bytes(bytes([*sound[:place], sound[place] ^ 1, *sound[place + 1 :]]))
        assert progress_of(RUN, tmp_path) == Progress(tmp_path / RUN, RUN)
        assert all_progress(tmp_path) == []


def test_where_there_is_nothing(tmp_path: Path) -> None:
    """Before its first durable point a run has no state, and is none that could go on."""
    assert progress_of(RUN, tmp_path) == Progress(tmp_path / RUN, RUN)
    assert progress_of(RUN, tmp_path).state() == {}
    with working_folder(progress_of(RUN, tmp_path)) as left:
        assert (left.episodes, left.folder.is_dir()) == (0, True)
        assert all_progress(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Copies of a run's folder, taken before and after whatever changes it: what a kill might leave."""
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
    begun(tmp_path / "own", points=3)
    monkeypatch.undo()
    return taken


@pytest.mark.slow
def test_a_kill_between_any_two_writes(moments: list[Path]) -> None:
    """Whenever it comes, the last durable point or the one before is whole, and what was half done goes."""
    reached = []
    for root in moments:
        with working_folder(progress_of(RUN, root)) as left:
            if left.episodes:
                check_goes_on(left)
            named = [*left.files(episodes.FILE_NAME), *left.files(checkpoints.FILE_NAME), left.folder / LOCK]
            named += [left.folder / MANIFEST, left.folder / f"{left.parts:04d}-state.npz"]
            assert set(left.folder.iterdir()) == {
                path for path in named if left.episodes or path.name == LOCK
            }
            reached.append(left.episodes)
            if left.episodes < 30:
                write_part(left)  # it can be done again
    assert reached == sorted(reached)
    assert set(reached) == {0, 10, 20, 30}


def test_a_point_counts_from_the_moment_of_its_manifest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The manifest is what is written last, after the parts and the state that it names."""
    written: list[str] = []
    close = atomic_files.AtomicFile.close

    def noted(file: Any) -> None:
        if not file.closed:
            written.append(file._path.name)
        close(file)

    monkeypatch.setattr(atomic_files.AtomicFile, "close", noted)
    begun(tmp_path, points=1)
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
def test_what_cannot_be_read_does_not_count(tmp_path: Path, name: str, harm: Callable[[Path], None]) -> None:
    """Where a file of the last point is gone or spoilt, the run begins anew, with nothing of the old."""
    harm(begun(tmp_path).folder / name)
    with working_folder(progress_of(RUN, tmp_path)) as left:
        assert (left.episodes, left.parts, left.state()) == (0, 0, {})
        assert [path.name for path in left.folder.iterdir()] == [LOCK]


@pytest.mark.parametrize("name", ["0001-state.npz", "0000-episodes.parquet", "0000-q_table_history.parquet"])
def test_no_spoilt_byte_is_taken_for_good(tmp_path: Path, name: str) -> None:
    """With any byte of a file changed, either that is noticed or what is read is the same."""
    left = begun(tmp_path, points=1)
    path = left.folder / name
    good = path.read_bytes()
    for position in range(0, len(good), 7):
        for flip in (0x01, 0x80):
            path.write_bytes(good[:position] + bytes([good[position] ^ flip]) + good[position + 1 :])
            if left.readable():
                check_goes_on(left)


def test_a_run_that_finishes_takes_its_folder_along(tmp_path: Path) -> None:
    """When it has ended, nothing of it is left."""
    begun(tmp_path)
    with working_folder(progress_of(RUN, tmp_path)) as left:
        settled(left)
    assert list(tmp_path.iterdir()) == []


def interrupt(root: Path, points: int) -> None:
    """Be interrupted after some more durable points, with files half written."""
    with working_folder(progress_of(RUN, root)) as left:
        for _ in range(points):
            left = settled(left)
        write_part(left)
        raise KeyboardInterrupt


@pytest.mark.parametrize(("before", "more"), [(0, 0), (0, 1), (2, 0), (2, 1)])
def test_a_run_that_is_interrupted_can_go_on(tmp_path: Path, before: int, more: int) -> None:
    """Its folder stays, at the last durable point, if there was one."""
    if before:
        begun(tmp_path, before)
    with pytest.raises(KeyboardInterrupt):
        interrupt(tmp_path, more)
    assert [left.episodes for left in all_progress(tmp_path)] == (
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
    """Another process that goes on with the run."""
    begun(tmp_path)
    command = [sys.executable, "-c", HOLD, RUN, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.slow
def test_a_folder_in_another_processs_hands(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    """Of two processes that would go on with one run the second is refused, until the first is dead."""
    before = sorted(path.name for path in (tmp_path / RUN).iterdir())
    with (
        pytest.raises(UsageError, match="is being executed by another process"),
        working_folder(progress_of(RUN, tmp_path)),
    ):
        pass
    assert sorted(path.name for path in (tmp_path / RUN).iterdir()) == before
    holder.kill()
    holder.wait()
    with working_folder(progress_of(RUN, tmp_path)) as left:
        check_goes_on(left)


def test_an_untracked_run_has_a_folder_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has no id works in a folder of its own, which goes; those of others are not touched."""
    monkeypatch.chdir(tmp_path)
    begun(tmp_path / "multirun" / "unfinished")
    with working_folder(progress_of("")) as left:
        assert left.folder.is_dir()
        assert tmp_path not in left.folder.parents
    assert not left.folder.exists()
    forget("")
    check_goes_on(progress_of(RUN))
