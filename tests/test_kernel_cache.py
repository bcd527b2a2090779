from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import qsweep

REPORT = """
import json
from qsweep.checkpoints import sha256
from qsweep.dynamics import twin_of
from qsweep.resolution import resolve
from qsweep.training import train
from qsweep.training.kernel import q_learning_episodes

values = {"episodes": 20, "buckets": 5, "env": {"id": "MountainCar-v0"}, "engine": "compiled"}
*_, last = train(resolve(values))
stats = {"kernel": q_learning_episodes.stats, "step": twin_of("MountainCar-v0").step.stats}
counts = {
    name: {"hits": sum(found.cache_hits.values()), "misses": sum(found.cache_misses.values())}
    for name, found in stats.items()
}
print(json.dumps(counts | {"q_table": sha256(last.q_table)}))
"""

EDITS = {
    "the rule": ("learning.py", "return q + alpha", "return q + 0.5 * alpha"),
    "the grid": ("discretizer.py", "bucket = int(x)", "bucket = int(x / 2)"),
    "the twin": ("dynamics/mountain_car.py", "0.0025", "0.0021"),
}

HIT, MISS = {"hits": 1, "misses": 0}, {"hits": 0, "misses": 1}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """What processes report that train one after the other, with one cache, on one copy of the source."""
    source, cache = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("cache")
    package = source / "qsweep"
    shutil.copytree(Path(qsweep.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    reports = {name: _train(source, cache) for name in ("first", "second")}
    for name, (file, old, new) in EDITS.items():
        text = (package / file).read_text()
        assert text.count(old) == 1
        (package / file).write_text(text.replace(old, new))
        reports[name] = _train(source, cache)
    return reports


def _train(source: Path, cache: Path) -> Any:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache), "PYTHONPATH": str(source)}
    command = [sys.executable, "-c", REPORT]
    ran = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    return json.loads(ran.stdout)


def test_the_first_process_compiles(processes: Mapping[str, Any]) -> None:
    """With an empty cache, kernel and twin are compiled once each."""
    assert (processes["first"]["kernel"], processes["first"]["step"]) == (MISS, MISS)


def test_a_second_process_compiles_nothing(processes: Mapping[str, Any]) -> None:
    """What the first process compiled the next one finds on disk, and trains the same table with it."""
    assert (processes["second"]["kernel"], processes["second"]["step"]) == (HIT, HIT)
    assert processes["second"]["q_table"] == processes["first"]["q_table"]


def test_an_edit_in_another_file_is_noticed(processes: Mapping[str, Any]) -> None:
    """After each edit of rule, grid or twin, the cached kernel does not give the old result."""
    tables = [processes[name]["q_table"] for name in ("second", *EDITS)]
    assert len(set(tables)) == len(tables)


def test_an_edit_of_a_twin_leaves_the_kernel_cached(processes: Mapping[str, Any]) -> None:
    """The kernel takes the step as an argument, and is not compiled again for a new one."""
    assert (processes["the twin"]["kernel"], processes["the twin"]["step"]) == (HIT, MISS)
