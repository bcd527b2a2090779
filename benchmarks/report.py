"""A report over 1,000 runs of 2,500 points each (four curves): time and peak memory. `make bench`.

The runs are copies of a real one, row by row, with other params and scores; they share its artifacts.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from itertools import product
from pathlib import Path

import numpy as np

QSWEEP = str(Path(sys.executable).with_name("qsweep"))
BUCKETS, RATES = (10, 15, 20, 30, 40), (0.05, 0.1, 0.2, 0.4)
NAME = "synthetic"
TAKEN = {"run_uuid": "?1", "timestamp": "timestamp + ?4", "start_time": "start_time + ?4"}
"""What a copied row has that the source has not."""


def main() -> None:
    """Make the store, report on it in a process of its own, print what that took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--keep", type=Path, help="a folder to make the store in, and to leave it")
    chosen = parser.parse_args()
    folder = chosen.keep or Path(tempfile.mkdtemp(prefix="qsweep-"))
    try:
        if not (folder / "mlruns").exists():
            synthesise(folder, chosen.runs)
        measure(folder, chosen.runs)
    finally:
        if chosen.keep is None:
            shutil.rmtree(folder)


def measure(folder: Path, runs: int) -> None:
    """Report on the store in `folder`; print seconds, and the most memory the process had."""
    code = f"from qsweep.report.writing import *; print(report(Selection({NAME!r})))"
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], cwd=folder)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit("the report failed")
    took = time.perf_counter() - started
    megabytes = used.ru_maxrss / 1024
    print(f"report over {runs:,} runs of 2,500 points: {took:.1f} s, {megabytes:,.0f} MB at most")


def synthesise(folder: Path, runs: int) -> None:
    """Fill a new store in `folder` with `runs` runs of one sweep."""
    folder.mkdir(parents=True, exist_ok=True)
    model = [QSWEEP, "train", "registry.promote=never", f"sweep.name={NAME}"]
    subprocess.run(model, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    generator = np.random.default_rng(0)
    seeds = range(-(-runs // (len(BUCKETS) * len(RATES))))
    wanted = list(product(BUCKETS, RATES, seeds))[:runs]
    with sqlite3.connect(folder / "mlruns" / "mlflow.db") as database:
        database.execute("PRAGMA synchronous=OFF")
        database.execute("PRAGMA cache_size=-1000000")  # KiB: the tables' indices stay in memory
        [(source,)] = database.execute("SELECT run_uuid FROM runs WHERE name LIKE 'seed%'")
        for number, (buckets, rate, seed) in enumerate(wanted, start=1):
            _copy(database, source, number, (buckets, rate, seed + 1), float(generator.normal(0, 8)))
        database.execute("UPDATE runs SET lifecycle_stage = 'deleted' WHERE run_uuid = ?", (source,))
    database.close()


def _copy(
    database: sqlite3.Connection, source: str, number: int, chosen: tuple[int, float, int], luck: float
) -> None:
    """Copy the rows of a run under a new id: other params, hashes and name, later, all returns shifted."""
    (buckets, rate, seed), run_id, later = chosen, uuid.uuid4().hex, 1000 * number
    name = f"buckets={buckets},learning_rate={rate},seed={seed}"
    variant, config = (
        hashlib.sha256(text.encode()).hexdigest()[:12] for text in (name.rpartition(",")[0], name)
    )
    shift = luck - 100 * abs(np.log(rate / 0.1)) / buckets
    for table in ("runs", "params", "tags", "metrics", "latest_metrics"):
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        taken = [TAKEN.get(column, column) for column in columns]
        if table in ("metrics", "latest_metrics"):
            shifted = (
                "CASE WHEN key LIKE '%/return%' AND key <> 'optimum/return' THEN value + ?3 ELSE value END"
            )
            taken[columns.index("value")] = shifted
        select = f"SELECT {', '.join(taken)} FROM {table} WHERE run_uuid = ?2 AND ?3 = ?3 AND ?4 = ?4"
        insert = f"INSERT INTO {table} ({', '.join(columns)}) {select}"
        database.execute(insert, (run_id, source, shift, later))
    database.execute("UPDATE runs SET name = ? WHERE run_uuid = ?", (name, run_id))
    params = {"buckets": buckets, "learning_rate": rate, "seed": seed}
    tags = {"mlflow.runName": name, "qsweep.variant": variant, "qsweep.config": config}
    for table, values in (("params", params), ("tags", tags)):
        rows = [(str(value), key, run_id) for key, value in values.items()]
        database.executemany(f"UPDATE {table} SET value = ? WHERE key = ? AND run_uuid = ?", rows)


if __name__ == "__main__":
    main()
