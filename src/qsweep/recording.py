"""Everything a run leaves, gathered chunk by chunk: files in a folder, curves in a log."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from qsweep import checkpoints, episodes
from qsweep.config import Config
from qsweep.curves import Curves, Points, joined
from qsweep.tracking import RunLog
from qsweep.training import Chunk

BLOCK = 1000
"""Episodes gathered before they are written: small writes cost more than they carry."""


class Recorder:
    """Writes a run's episodes and checkpoints to `folder` and its curves to `log`.

    When it is left, after an error too, all that was added is written and the files are complete.
    """

    def __init__(self, config: Config, log: RunLog, folder: Path, about: dict[str, Any]) -> None:
        self._log = log
        self._curves = Curves(config.episodes, config.window, config.tracking.max_points)
        self._about = about
        self._history_path = folder / checkpoints.FILE_NAME
        self._files = ExitStack()
        self._episodes = self._files.enter_context(episodes.EpisodeFile(folder / episodes.FILE_NAME))
        self._history: checkpoints.History | None = None
        self._waiting: list[Chunk] = []
        self._points: list[Points] = []
        self._last: Chunk | None = None
        self.steps = 0

    def add(self, chunk: Chunk) -> None:
        """Record the next chunk."""
        if self._history is None:
            shape = chunk.q_table.shape
            history = checkpoints.History(self._history_path, shape, self._about)
            self._history = self._files.enter_context(history)
        if chunk.span.checkpoint:
            self._history.add(chunk.span.end, chunk.q_table)
        self._last = chunk
        self._waiting.append(chunk)
        if chunk.span.end - self._waiting[0].span.first >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        returns = np.concatenate([chunk.returns for chunk in self._waiting])
        lengths = np.concatenate([chunk.lengths for chunk in self._waiting])
        epsilon = np.concatenate([chunk.epsilon for chunk in self._waiting])
        self._waiting = []
        self.steps += int(lengths.sum())
        self._episodes.add(returns, lengths, epsilon)
        points = self._curves.add(returns, epsilon)
        self._points.append(points)
        self._log.log(points)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._files:
            self._flush()
            if self._history and self._last and not self._last.span.checkpoint:
                self._history.add(self._last.span.end, self._last.q_table)

    @property
    def points(self) -> Points | None:
        """The curves so far, once there is a point."""
        return joined(self._points) if self._points else None

    @property
    def last_values(self) -> dict[str, float]:
        """The last value of every curve."""
        values = self.points.values if self.points else {}
        return {name: float(curve[-1]) for name, curve in values.items()}

    @property
    def q_table(self) -> npt.NDArray[np.float64] | None:
        """The table after the last episode, once there is one."""
        return None if self._last is None else self._last.q_table

    @property
    def episodes(self) -> int:
        """How many episodes were recorded."""
        return 0 if self._last is None else self._last.span.end
