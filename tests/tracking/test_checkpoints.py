from __future__ import annotations

import errno
import hashlib
import json
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep.errors import UsageError
from qsweep.system.arrays import QTable
from qsweep.tracking.checkpoints import FILE_NAME, Archive, History, join, layout, name_of, sha256

pytestmark = pytest.mark.slow

NAN_PAYLOADS = np.array([0x7FF8000000000123, 0xFFF8000000000456], np.uint64).view(np.float64)


def written(path: Path, tables: Iterable[tuple[int, QTable]], shape: tuple[int, ...]) -> Archive:
    """Write a history of these checkpoints and open it for reading."""
    with History(path, shape, {}) as history:
        for episodes, table in tables:
            history.add(episodes, table)
    return Archive(path)


def walk(steps: int, shape: tuple[int, ...] = (3, 2, 2)) -> list[tuple[int, QTable]]:
    """Return checkpoints every ten episodes; two values change from each to the next."""
    generator = np.random.default_rng(5)
    table = generator.normal(size=shape)
    tables = []
    for step in range(1, steps + 1):
        table = table.copy()
        table.flat[generator.integers(table.size, size=2)] = generator.normal(size=2)
        tables.append((10 * step, table))
    return tables


def same_bits(found: QTable, expected: QTable) -> bool:
    return found.shape == expected.shape and found.tobytes() == expected.tobytes()


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, QTable]]:
    """Draw checkpoints of arbitrary 64-bit values; each differs from the last in some entries or none."""
    words = st.integers(0, 2**64 - 1)
    usual = st.sampled_from([0, 2**63, 0x7FF8000000000123, 0xFFF0000000000000, 1])
    bits = np.array(draw(st.lists(words | usual, min_size=6, max_size=6)), np.uint64)
    episodes, tables = 0, []
    for changes in draw(st.lists(st.dictionaries(st.integers(0, 5), words | usual, max_size=6), min_size=1)):
        bits = bits.copy()
        for entry, word in changes.items():
            bits[entry] = word
        episodes += draw(st.integers(1, 1000))
        tables.append((episodes, bits.view(np.float64).reshape(3, 2)))
    return tables


@pytest.mark.parametrize(
    ("episodes", "name"), [(10, "ep000010"), (17_500, "ep017500"), (1_000_000, "ep1000000")]
)
def test_names_by_hand(episodes: int, name: str) -> None:
    """A checkpoint is named after its number of episodes, with at least six digits."""
    assert name_of(episodes) == name


@pytest.mark.slow
@settings(deadline=None)
@given(histories(), st.sampled_from([1, 30, 50_000]))
def test_every_checkpoint_is_stored_bit_for_bit(tables: list[tuple[int, QTable]], group_rows: int) -> None:
    """All bits are preserved, including NaN payloads and signs of zeros, in one row group or many."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(layout, "GROUP_ROWS", group_rows)
        archive = written(Path(folder) / FILE_NAME, tables, (3, 2))
        assert archive.names() == [name_of(episodes) for episodes, _ in tables]
        for episodes, table in tables:
            assert same_bits(archive.q_table(name_of(episodes)), table)


def test_an_earlier_versions_history_is_read(tmp_path: Path) -> None:
    """Its columns are not marked as non-nullable."""
    table = np.arange(6.0).reshape(3, 2)
    written(tmp_path / "now", [(10, table)], (3, 2))
    rows = pq.read_table(tmp_path / "now")
    fields = [field.with_nullable(True) for field in rows.schema]
    metadata = rows.schema.metadata
    pq.write_table(rows.cast(pa.schema(fields, metadata)), tmp_path / "then")
    assert same_bits(Archive(tmp_path / "then").q_table("ep000010"), table)


def test_zeros_and_nans_that_differ_only_in_their_bits_are_changes(tmp_path: Path) -> None:
    """0 to -0, and one NaN to another, count as changes."""
    tables = [np.array([0.0, NAN_PAYLOADS[0]]), np.array([-0.0, NAN_PAYLOADS[1]])]
    archive = written(tmp_path / FILE_NAME, enumerate(tables, 1), (2,))
    assert all(same_bits(archive.q_table(name_of(n)), table) for n, table in enumerate(tables, 1))


def test_a_table_that_did_not_change_is_a_checkpoint_too(tmp_path: Path) -> None:
    """Three checkpoints of an unchanged table have three names."""
    table = np.arange(6.0).reshape(3, 2)
    archive = written(tmp_path / FILE_NAME, [(10, table), (20, table), (30, table.copy())], (3, 2))
    assert archive.names() == ["ep000010", "ep000020", "ep000030"]
    assert same_bits(archive.q_table("ep000030"), table)


def test_names_are_in_the_order_of_training(tmp_path: Path) -> None:
    """ep1000000 follows ep999990: the order is not alphabetical."""
    table = np.zeros((1, 2))
    archive = written(tmp_path / FILE_NAME, [(999_990, table), (1_000_000, table)], (1, 2))
    assert archive.names() == ["ep999990", "ep1000000"]


@pytest.mark.slow
@pytest.mark.parametrize("entries", [2**20 + 3, 2**18 + 1])
def test_a_large_table_is_read_completely(tmp_path: Path, entries: int) -> None:
    """Tables of a million values, more than Parquet's default row group, are read back completely."""
    generator = np.random.default_rng(0)
    tables = [(10 * n, generator.normal(size=(entries, 1))) for n in range(1, 7)]
    archive = written(tmp_path / FILE_NAME, tables, (entries, 1))
    assert [n for n, table in tables if not same_bits(archive.q_table(name_of(n)), table)] == []


def test_shape_and_description_are_stored(tmp_path: Path) -> None:
    """An archive returns the table's shape and the description of the run."""
    about = {"config": {"env": {"id": "MountainCar-v0"}}, "grid": {"low": [-1.2, -0.07]}}
    with History(tmp_path / FILE_NAME, (2, 3, 4), about) as history:
        history.add(1, np.zeros((2, 3, 4)))
    archive = Archive(tmp_path / FILE_NAME)
    assert archive.shape == (2, 3, 4)
    assert archive.about == about


def test_a_checkpoint_needs_only_its_row_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its checkpoints can be read although the bytes of all other row groups are zeroed."""
    monkeypatch.setattr(layout, "GROUP_ROWS", 1)
    path, tables = tmp_path / FILE_NAME, walk(100)
    written(path, tables, (3, 2, 2))
    metadata, content = pq.ParquetFile(path).metadata, bytearray(path.read_bytes())
    kept = metadata.num_row_groups // 2
    for group in range(metadata.num_row_groups):
        for column in range(3) if group != kept else ():
            chunk = metadata.row_group(group).column(column)
            end = chunk.data_page_offset + chunk.total_compressed_size
            content[chunk.data_page_offset : end] = bytes(chunk.total_compressed_size)
    path.write_bytes(content)
    bounds = metadata.row_group(kept).column(0).statistics
    inside = [(n, table) for n, table in tables if bounds.min <= n <= bounds.max]
    archive = Archive(path)
    assert metadata.num_row_groups > 3
    assert 1 < len(inside) < 50
    assert all(same_bits(archive.q_table(name_of(n)), table) for n, table in inside)


def test_every_row_group_starts_with_the_complete_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first rows of a group are all entries of one checkpoint, in order."""
    monkeypatch.setattr(layout, "GROUP_ROWS", 1)
    written(tmp_path / FILE_NAME, walk(60), (3, 2, 2))
    file = pq.ParquetFile(tmp_path / FILE_NAME)
    for group in range(file.num_row_groups):
        frame = file.read_row_group(group).to_pandas()[:12]
        assert frame["entry"].tolist() == list(range(12))
        assert frame["episodes"].nunique() == 1


def test_pandas_alone_reads_a_history(tmp_path: Path) -> None:
    """Applying a history's rows in order, up to a checkpoint's, gives its table without qsweep."""
    tables = walk(40)
    written(tmp_path / FILE_NAME, tables, (3, 2, 2))
    shape = json.loads(pq.read_schema(tmp_path / FILE_NAME).metadata[b"shape"])
    frame = pd.read_parquet(tmp_path / FILE_NAME)
    assert frame.dtypes.astype(str).to_dict() == {
        "episodes": "int32",
        "entry": "int32",
        "value": "float64",
    }
    for episodes, table in tables:
        rows = frame[frame["episodes"] <= episodes].drop_duplicates("entry", keep="last")
        assert same_bits(rows.sort_values("entry")["value"].to_numpy().reshape(shape), table)


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("ep000011", "did you mean ep000010?"), ("epo00020", "did you mean ep000020?"), ("best", "one of ep0")],
)
def test_an_unknown_name_is_refused_with_the_closest(tmp_path: Path, name: str, remedy: str) -> None:
    """An unknown name raises UsageError, whose message suggests an existing one."""
    table = np.zeros((1, 2))
    archive = written(tmp_path / FILE_NAME, [(10, table), (20, table)], (1, 2))
    with pytest.raises(UsageError) as refused:
        archive.q_table(name)
    assert name in str(refused.value)
    assert remedy in str(refused.value)


def test_a_name_between_two_checkpoints_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names before, between and after the checkpoints, and between row groups, are unknown."""
    monkeypatch.setattr(layout, "GROUP_ROWS", 1)
    archive = written(tmp_path / FILE_NAME, walk(60), (3, 2, 2))
    for episodes in [0, *range(5, 610, 10), 610]:
        with pytest.raises(UsageError, match="is not a checkpoint of this run"):
            archive.q_table(name_of(episodes))


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """The file does not exist while checkpoints are added."""
    path = tmp_path / FILE_NAME
    with History(path, (1, 2), {}) as history:
        history.add(1, np.zeros((1, 2)))
        assert not path.exists()
    assert Archive(path).names() == ["ep000001"]


def test_an_error_keeps_the_checkpoints_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an exception, all checkpoints added before it are readable."""
    monkeypatch.setattr(layout, "GROUP_ROWS", 1)
    path, tables = tmp_path / FILE_NAME, walk(30)
    with suppress(KeyboardInterrupt), History(path, (3, 2, 2), {}) as history:
        for episodes, table in tables:
            history.add(episodes, table)
        raise KeyboardInterrupt
    archive = Archive(path)
    assert archive.names() == [name_of(n) for n, _ in tables]
    assert all(same_bits(archive.q_table(name_of(n)), table) for n, table in tables)


def test_a_history_without_checkpoints_is_readable(tmp_path: Path) -> None:
    """A run that ended before its first checkpoint leaves a readable archive without checkpoints."""
    assert written(tmp_path / FILE_NAME, [], (2, 2)).names() == []


def test_the_hash_is_that_of_the_values_in_c_order() -> None:
    """The hash is the SHA-256 of little-endian doubles in row-major order."""
    expected = hashlib.sha256(struct.pack("<6d", -0.0, 1.5, -2.0, 1e-300, 4.0, 0.1)).hexdigest()
    assert sha256(np.array([[-0.0, 1.5, -2.0], [1e-300, 4.0, 0.1]])) == expected


@pytest.mark.parametrize("other", [np.asfortranarray, lambda q: q.astype(">f8"), lambda q: q[::1, ::1]])
def test_the_hash_is_of_values_not_of_memory(other: Callable[[QTable], QTable]) -> None:
    """The hash does not depend on the table's memory layout."""
    q_table = np.random.default_rng(1).normal(size=(4, 3))
    assert sha256(other(q_table)) == sha256(q_table)


def test_the_hash_distinguishes_zeros() -> None:
    """Tables that are equal but not identical have different hashes."""
    assert sha256(np.array([0.0])) != sha256(np.array([-0.0]))


@pytest.mark.parametrize("rows", [1, 50_000])
def test_several_checkpoints_are_read_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    """Requested tables come in the order of training, unchanged; no row group is read twice."""
    monkeypatch.setattr(layout, "GROUP_ROWS", rows)
    tables = walk(100)
    archive = written(tmp_path / FILE_NAME, tables, (3, 2, 2))
    read: list[int] = []
    real = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, group: int) -> object:
        read.append(group)
        return real(self, group)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    found = list(archive.tables([1000, 10, *range(200, 700, 30), 10, 55]))
    expected = [(n, table) for n, table in tables if n in (10, 1000, *range(200, 700, 30))]
    assert [n for n, _ in found] == [n for n, _ in expected]
    assert all(same_bits(a, b) for (_, a), (_, b) in zip(found, expected, strict=True))
    assert len(read) == len(set(read))


def test_returned_tables_are_copies(tmp_path: Path) -> None:
    """Modifying a returned table does not change the next one."""
    tables = walk(3)
    archive = written(tmp_path / FILE_NAME, tables, (3, 2, 2))
    for (_, expected), (_, found) in zip(tables, archive.tables([10, 20, 30]), strict=True):
        assert same_bits(found, expected)
        found[:] = 99.0


def test_no_request_gives_no_tables(tmp_path: Path) -> None:
    """No request, or no matching checkpoint, gives no tables."""
    archive = written(tmp_path / FILE_NAME, walk(3), (3, 2, 2))
    assert list(archive.tables([])) == []
    assert list(archive.tables([5, 15, 40])) == []


def test_episodes_are_those_of_the_names(tmp_path: Path) -> None:
    """`episodes` returns the numbers in the checkpoints' names, in order."""
    archive = written(tmp_path / FILE_NAME, walk(12), (3, 2, 2))
    assert archive.episodes().tolist() == list(range(10, 130, 10))


def test_changes_are_counted_per_cell(tmp_path: Path) -> None:
    """A cell counts once per checkpoint, even if several actions changed; the first is no change."""
    tables = [
        (10, np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])),
        (20, np.array([[5.0, 5.0], [1.0, 1.0], [2.0, 2.0]])),  # both values of the first cell
        (30, np.array([[5.0, 5.0], [1.0, 1.0], [2.0, 2.0]])),  # nothing
        (40, np.array([[5.0, 6.0], [1.0, 7.0], [2.0, 2.0]])),
        (50, np.array([[5.0, 5.0], [1.0, 7.0], [2.0, 2.0]])),  # back to what it was
    ]
    archive = written(tmp_path / FILE_NAME, tables, (3, 2))
    assert archive.changes().tolist() == [3, 1, 0]
    assert archive.changes(until=40).tolist() == [2, 1, 0]
    assert archive.changes(until=39).tolist() == [1, 0, 0]
    assert archive.changes(until=10).tolist() == [0, 0, 0]


def compared(tables: list[tuple[int, QTable]]) -> npt.NDArray[np.int64]:
    """Count each cell's changes by comparing each table with the previous one, bit by bit."""
    bits = [table.view(np.int64) for _, table in tables]
    changed = [(new != old).any(axis=-1).astype(np.int64) for old, new in pairwise(bits)]
    return np.sum(changed, axis=0) if changed else np.zeros(tables[0][1].shape[:-1], np.int64)


@given(histories())
@settings(deadline=None, max_examples=40)
def test_changes_are_those_of_the_tables(tables: list[tuple[int, QTable]]) -> None:
    """The counts equal those of comparing the tables, for arbitrary bits."""
    with TemporaryDirectory() as folder:
        archive = written(Path(folder) / FILE_NAME, tables, (3, 2))
        assert archive.changes().tolist() == compared(tables).tolist()


def test_changes_continue_in_a_joined_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the start of the second part, cells are compared with the last table of the first."""
    monkeypatch.setattr(layout, "GROUP_ROWS", 40)
    tables = walk(60)
    tables[20:25] = [(n, tables[20][1]) for n, _ in tables[20:25]]  # checkpoints without a change
    parts = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    for part, some in zip(parts, (tables[:23], tables[23:]), strict=True):
        written(part, some, (3, 2, 2))
    join(parts, tmp_path / FILE_NAME)
    archive = Archive(tmp_path / FILE_NAME)
    for count in (1, 2, 22, 23, 24, 41, 60):
        assert archive.changes(until=tables[count - 1][0]).tolist() == compared(tables[:count]).tolist()
    assert archive.changes().tolist() == compared(tables).tolist()


def test_changes_ignore_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The complete table at the start of a row group does not count as a change of every cell."""
    monkeypatch.setattr(layout, "GROUP_ROWS", 1)
    tables = walk(100)
    archive = written(tmp_path / FILE_NAME, tables, (3, 2, 2))
    assert pq.ParquetFile(tmp_path / FILE_NAME).num_row_groups > 3
    assert archive.changes().tolist() == compared(tables).tolist()
    assert archive.changes(until=555).tolist() == compared(tables[:55]).tolist()


def test_a_group_that_cannot_be_written_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a moment of a full disk only that group is missing; later checkpoints are written."""
    monkeypatch.setattr(layout, "GROUP_ROWS", 1)
    tables = np.random.default_rng(0).normal(size=(12, 2, 3))
    with History(tmp_path / FILE_NAME, (2, 3), {}) as history:
        written = history._writer.write_table

        def full(*_: object, **__: object) -> None:
            history._writer.write_table = written
            raise OSError(errno.ENOSPC, "no space left on device")

        history._writer.write_table = full
        for number, table in enumerate(tables, start=1):
            with suppress(OSError):
                history.add(number, table)
    archive = Archive(tmp_path / FILE_NAME)
    kept = archive.episodes().tolist()
    assert kept == list(range(13 - len(kept), 13))
    assert 6 <= len(kept) < 12
    for number, table in archive.tables(kept):
        assert np.array_equal(table, tables[number - 1])
