"""Uploading saved runs, of which some are damaged. A local store stands for a server here."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from qsweep.errors import UsageError
from qsweep.tracking.client.unsent import FOLDER, METRICS, RUN, send
from qsweep.tracking.store import Store, open_store

COLUMNS = {"key": ["a"], "value": [1.5], "timestamp": [1], "step": [0]}


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def save(store: Store, **changes: object) -> str:
    """Save a run as one that a server did not take; returns its id."""
    run_id: str = store.client.create_run("0").info.run_id
    folder = FOLDER / run_id
    folder.mkdir(parents=True)
    about = {"uri": store.uri, "run": run_id, "status": "FINISHED", "tags": {"t": "1"}, **changes}
    (folder / RUN).write_text(json.dumps(about))
    pq.write_table(pa.table(COLUMNS), folder / METRICS)
    return run_id


DAMAGE = {
    "not JSON": (RUN, b"{"),
    "no mapping": (RUN, b"[]"),
    "not UTF-8": (RUN, b"\xff"),
    "no tags": (RUN, b'{"uri": "local", "run": "x", "status": "FINISHED"}'),
    "another status": (RUN, b'{"uri": "local", "run": "x", "status": "DONE", "tags": {}}'),
    "numbers for text": (RUN, b'{"uri": 3, "run": 4, "status": 5, "tags": {}}'),
    "no Parquet": (METRICS, b"PAR1"),
    "no metrics": (METRICS, None),
}


def test_damaged_runs_are_named_and_the_others_are_sent(store: Store) -> None:
    """Each damaged run is one problem and stays; what can be sent is sent and removed."""
    sound, damaged = save(store), {name: save(store) for name in DAMAGE}
    for name, (file, content) in DAMAGE.items():
        path = FOLDER / damaged[name] / file
        path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UsageError) as refused:
        send()
    assert len(refused.value.problems) == len(DAMAGE)
    assert all("this saved run is damaged" in str(problem) for problem in refused.value.problems)
    assert {path.name for path in FOLDER.glob("*/")} == set(damaged.values())
    run = store.client.get_run(sound)
    assert (run.info.status, run.data.metrics, run.data.tags["t"]) == ("FINISHED", {"a": 1.5}, "1")


def test_only_one_process_sends(store: Store) -> None:
    """A second `qsweep send` is refused while the first one uploads, and nothing is sent twice."""
    save(store)
    with (
        FileLock(FOLDER.with_name(".unsent.lock")),
        pytest.raises(UsageError, match="another process is uploading"),
    ):
        send()
    assert len(send()) == 1
    assert send() == []
