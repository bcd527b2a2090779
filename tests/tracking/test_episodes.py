from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.tracking import episodes
from qsweep.tracking.episodes import FILE_NAME, EpisodeFile, blocks, join


def block(file: EpisodeFile, returns: list[float]) -> None:
    """Append a block whose lengths and epsilon follow from its returns."""
    values = np.array(returns)
    file.add(values, (-values).astype(np.int32), values / -1000)


def test_every_episode_is_there(tmp_path: Path) -> None:
    """Blocks of any size are read as one table, with episodes counted from 0."""
    path = tmp_path / FILE_NAME
    with EpisodeFile(path) as file:
        block(file, [-200.0, -199.0])
        block(file, [])
        block(file, [-180.0])
    frame = pd.read_parquet(path)
    assert frame.to_dict("list") == {
        "episode": [0, 1, 2],
        "return": [-200.0, -199.0, -180.0],
        "length": [200, 199, 180],
        "epsilon": [0.2, 0.199, 0.18],
    }


def test_columns_have_their_types(tmp_path: Path) -> None:
    """Episodes are int64, returns and epsilon float64, lengths int32."""
    path = tmp_path / FILE_NAME
    with EpisodeFile(path) as file:
        block(file, [-200.0])
    fields = {field.name: str(field.type) for field in pq.read_schema(path)}
    assert fields == {"episode": "int64", "return": "double", "length": "int32", "epsilon": "double"}


def test_values_come_back_bit_for_bit(tmp_path: Path) -> None:
    """Returns and epsilon keep every bit: negative zero, the smallest number, infinity."""
    path = tmp_path / FILE_NAME
    values = np.array([-0.0, 5e-324, -np.inf, 1 / 3])
    with EpisodeFile(path) as file:
        file.add(values, np.zeros(4, np.int32), values[::-1].copy())
    table = pq.read_table(path)
    assert table["return"].to_numpy().tobytes() == values.tobytes()
    assert table["epsilon"].to_numpy().tobytes() == values[::-1].tobytes()


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """The file does not exist while episodes are added."""
    path = tmp_path / FILE_NAME
    with EpisodeFile(path) as file:
        block(file, [-200.0])
        assert not path.exists()
    assert path.exists()


def test_an_error_keeps_what_was_added(tmp_path: Path) -> None:
    """After an exception, the episodes added before it are readable."""
    path = tmp_path / FILE_NAME
    with suppress(KeyboardInterrupt), EpisodeFile(path) as file:
        block(file, [-200.0, -150.0])
        raise KeyboardInterrupt
    assert pd.read_parquet(path)["return"].tolist() == [-200.0, -150.0]


def test_a_run_without_episodes_leaves_an_empty_table(tmp_path: Path) -> None:
    """A run without episodes leaves a readable file without rows."""
    path = tmp_path / FILE_NAME
    with EpisodeFile(path):
        pass
    assert pd.read_parquet(path).shape == (0, 4)


def written(path: Path, first: int, counts: list[int]) -> bytes:
    """Write episodes from `first` on in blocks of these sizes; return the file's bytes."""
    with EpisodeFile(path, first) as file:
        for count in counts:
            block(file, [-float(n % 7) for n in range(first, first + count)])
            first += count
    return path.read_bytes()


cuts = st.lists(st.integers(0, 45), min_size=1, max_size=5)


@settings(deadline=None, max_examples=60)
@given(st.lists(cuts, min_size=1, max_size=4))
def test_the_bytes_do_not_depend_on_the_cuts(parts: list[list[int]]) -> None:
    """Joining gives the same bytes for any division of the episodes into blocks and files."""
    with TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        patch.setattr(episodes, "GROUP", 20)
        folder, count = Path(temporary), sum(map(sum, parts))
        complete = written(folder / FILE_NAME, 0, [count])
        paths, first = [], 0
        for number, counts in enumerate(parts):
            paths.append(folder / f"{number}-{FILE_NAME}")
            written(paths[-1], first, counts)
            first += sum(counts)
        join(paths, folder / "joined")
        assert (folder / "joined").read_bytes() == complete
        seen = [n for part in blocks(folder / "joined") for n in part["episode"].to_pylist()]
        assert seen == list(range(count))
        assert all(len(part) <= 20 for part in blocks(folder / "joined"))
