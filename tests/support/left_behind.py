"""What a test would leave behind in the process that runs the next one."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STORES = {
    "mlflow.store.tracking.sqlalchemy_store": "SqlAlchemyStore",
    "mlflow.store.model_registry.sqlalchemy_store": "SqlAlchemyStore",
}
"""MLflow's module -> its class, which keeps each database that it ever opened."""
OPEN = Path("/proc/self/fd")
MANY, MORE = 300, 200
"""Open files above which garbage is collected, and how many more lead to the next collection."""
_limit = [MANY]
"""Open files above which it is collected next."""
DECISIVE = ("MLFLOW_TRACKING_URI", "QSWEEP_")
"""How variables begin that decide what a command does; libraries set others for a process's life."""


@contextmanager
def nothing_left_behind() -> Iterator[None]:
    """Close the databases that MLflow opened meanwhile; refuse decisive variables that were not set back.

    A worker runs thousands of tests: with more than 1,024 open files, no select() works any more.
    """
    before = _variables()
    yield
    for module, store in STORES.items():
        if module in sys.modules:
            engines = getattr(sys.modules[module], store)._engine_map
            while engines:
                engines.popitem()[1].dispose()
    if _open_files() > _limit[0]:
        gc.collect()  # stores in reference cycles; it takes seconds, and some files stay open, as of pools
        _limit[0] = max(MANY, _open_files() + MORE)
    after = _variables()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert not changed, f"variables that the test has not set back: {sorted(changed)}"


def _open_files() -> int:
    return len(os.listdir(OPEN)) if OPEN.is_dir() else 0


def _variables() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(DECISIVE)}
