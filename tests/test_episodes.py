from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from qsweep.episodes import FILE_NAME, EpisodeFile


def block(file: EpisodeFile, returns: list[float]) -> None:
    """Append a block whose lengths and epsilon follow from its returns."""
    values = np.array(returns)
    file.add(values, (-values).astype(np.int32), values / -1000)


def test_every_episode_is_there(tmp_path: Path) -> None:
    """Blocks of any size come back as one table, its episodes counted from 0."""
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
    """While episodes are added there is no file of that name."""
    path = tmp_path / FILE_NAME
    with EpisodeFile(path) as file:
        block(file, [-200.0])
        assert not path.exists()
    assert path.exists()


def test_an_error_keeps_what_was_added(tmp_path: Path) -> None:
    """After an exception on the way, the episodes before it are readable."""
    path = tmp_path / FILE_NAME
    with suppress(KeyboardInterrupt), EpisodeFile(path) as file:
        block(file, [-200.0, -150.0])
        raise KeyboardInterrupt
    assert pd.read_parquet(path)["return"].tolist() == [-200.0, -150.0]


def test_a_run_without_episodes_leaves_an_empty_table(tmp_path: Path) -> None:
    """Nothing added is a readable file of no rows."""
    path = tmp_path / FILE_NAME
    with EpisodeFile(path):
        pass
    assert pd.read_parquet(path).shape == (0, 4)
