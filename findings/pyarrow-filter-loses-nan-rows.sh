#!/usr/bin/env bash
# pyarrow 25.0.1: filters on a Parquet file lose rows with NaN, even is_nan(), by what else is in their row group.
#
# Source: pyarrow/parquet/core.py, read_table(filters=...); Arrow C++, dataset/file_parquet.cc (row groups are skipped
#   by their statistics, which leave NaN out: min and max are those of the numbers).
# Expected: filters select the rows that the same expression selects in memory, where NaN != -200 is true: skipping
#   row groups is a matter of speed.
# Happens: a row group with the values -200 and NaN has min = max = -200 and counts as all -200, so "!= -200" and
#   is_nan skip it with its NaN rows; "~(<= 0)" loses them wherever all numbers are below 0. The answer thus depends
#   on neighbours and on row_group_size. Who looks for the runs that diverged in a file of scores finds some of them,
#   or none. Filter the table after reading it.
# Output seen, 2026-11-30:
#   != -200: in memory 'bcd', in one row group 'bcd', in two 'cd'
#   ~(<= 0): in memory 'bd', in one row group '', in two ''
#   is_nan: in memory 'bd', in one row group 'bd', in two ''
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet pyarrow==25.0.1 numpy==2.4.6

cat > probe.py <<'PYTHON'
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

nan = float("nan")
table = pa.table({"run": ["a", "b", "c", "d"], "return": [-200.0, nan, -150.0, nan]})
column = pc.field("return")
conditions = {"!= -200": column != -200.0, "~(<= 0)": ~(column <= 0.0), "is_nan": column.is_nan()}
seen = {}
for name, condition in conditions.items():
    found = [table.filter(condition)]
    for rows in (4, 2):
        pq.write_table(table, "runs.parquet", row_group_size=rows)
        found.append(pq.read_table("runs.parquet", filters=condition))
    seen[name] = ["".join(rows["run"].to_pylist()) for rows in found]
    print(f"{name}: in memory {seen[name][0]!r}, in one row group {seen[name][1]!r}, in two {seen[name][2]!r}")
assert seen == {"!= -200": ["bcd", "bcd", "cd"], "~(<= 0)": ["bd", "", ""], "is_nan": ["bd", "bd", ""]}
PYTHON
venv/bin/python probe.py
