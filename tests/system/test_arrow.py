from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qsweep.system import arrow
from tests.test_architecture import loaded_by

SCHEMA = pa.schema([("a", pa.int32()), ("b", pa.float64()), ("c", pa.bool_()), ("d", pa.int64())])


def table(n: int) -> pa.Table:
    """Return a table of n rows with a column of every type that is used."""
    generator = np.random.default_rng(0)
    return arrow.table(
        SCHEMA,
        [
            np.arange(n),
            generator.normal(size=n),
            generator.random(n) < 0.5,
            generator.integers(-(2**60), 2**60, n),
        ],
    )


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 1000])
def test_a_table_is_what_pyarrow_makes_of_it(n: int) -> None:
    """Columns made from buffers equal those of pyarrow's own conversion."""
    generator = np.random.default_rng(0)
    values = [generator.normal(size=n), generator.random(n) < 0.5, generator.integers(-(2**60), 2**60, n)]
    stock = pa.table([np.arange(n, dtype=np.int32), *values], schema=SCHEMA)
    table(n).validate(full=True)
    assert table(n).equals(stock)


def test_through_parquet_and_back() -> None:
    """Written values are read back, complete, in slices and over several row groups."""
    file = io.BytesIO()
    pq.write_table(table(1000), file, row_group_size=300)
    read = pq.ParquetFile(file).read()
    for name in ("a", "b", "d"):
        expected = table(1000).column(name).to_pylist()
        assert arrow.numbers(read.column(name)).tolist() == expected
        assert arrow.numbers(read.column(name).slice(250, 100)).tolist() == expected[250:350]
        assert arrow.numbers(read.column(name).slice(0, 0)).tolist() == []


def test_nan_and_signed_zero_stay() -> None:
    """A conversion to Arrow and back keeps the bits of NaN, -0.0, infinity and subnormal numbers."""
    values = np.array([np.nan, -0.0, np.inf, 5e-324])
    column = arrow.table(pa.schema([("x", pa.float64())]), [values]).column(0)
    assert arrow.numbers(column).tobytes() == values.tobytes()


def test_a_column_with_nulls_is_refused() -> None:
    """A column with a null raises ValueError."""
    with pytest.raises(ValueError, match="contains nulls"):
        arrow.numbers(pa.array([1.0, None]))


def test_pandas_is_not_imported() -> None:
    """No conversion, in either direction, imports pandas."""
    code = "import numpy, pyarrow; from qsweep.system import arrow\n"
    there = "t = arrow.table(pyarrow.schema([('x', pyarrow.float64())]), [numpy.zeros(3)])"
    loaded = loaded_by(f"{code}{there}; arrow.numbers(t.column(0))")
    assert "pyarrow" in loaded
    assert "pandas" not in loaded
