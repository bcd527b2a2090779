"""The log of a resumed run: points that are in the store are not logged again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from qsweep.tracking.curves import Points
from qsweep.tracking.tracker import RunLog, Status


class ContinuedRunLog(RunLog):
    """A run log that skips points that are already in the store.

    logged: maps a metric's name to its last step in the store, -1 if it has none.
    """

    def __init__(self, log: RunLog, logged: Callable[[str], int]) -> None:
        self.run_id = log.run_id
        self._log = log
        self._logged = cache(logged)

    def log(self, points: Points) -> None:
        """Record the points of each curve that come after its last one in the store."""
        for key, values in points.values.items():
            new = points.episodes > self._logged(key)
            if new.any():
                self._log.log(Points(points.episodes[new], {key: values[new]}))

    def keep(self, file: Path, folder: str = "") -> None:
        """Save a file, replacing one of the same name."""
        self._log.keep(file, folder)

    def close(self, status: Status, metrics: Mapping[str, float], tags: Mapping[str, str]) -> None:
        """End the run."""
        self._log.close(status, metrics, tags)
