"""Recording a run's training, block by block: files in a folder, curves in a log."""

from __future__ import annotations

import time
from collections.abc import Set
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.config import Config
from qsweep.learning.training import Block, State
from qsweep.system import arrow
from qsweep.system.arrays import QTable
from qsweep.tracking import RunLog, checkpoints, episodes, visits
from qsweep.tracking.curves import Curves, Points, joined
from qsweep.tracking.unfinished import Progress

FLUSH_EPISODES, FLUSH_SECONDS = 1000, 2.0
"""Episodes and time after which the buffer is written: small writes cost more."""


class Recorder:
    """Writes a run's episodes and checkpoints to files and its curves to `log`.

    progress: the folder, and the files that it already holds. start: the Q-table to record as checkpoint 0,
    if any. stored: the checkpoints to store besides the first and the last, in episodes, if all others can be
    trained again; None: all.
    """

    def __init__(
        self,
        config: Config,
        log: RunLog,
        progress: Progress,
        about: dict[str, Any],
        start: QTable | None = None,
        stored: Set[int] | None = None,
    ) -> None:
        self._log = log
        most = min(config.episodes, config.steps or config.episodes)  # an episode has at least one step
        self._curves = Curves(most, config.window, config.tracking.max_points)
        self._about, self._start, self._stored = about, start, stored
        self._progress = progress
        self._files = ExitStack()
        self._episodes = self._episode_file()
        self._history: checkpoints.History | None = None
        self._saved: int | None = None  # the last checkpoint in the file
        self._buffer: list[tuple[npt.NDArray[Any], ...]] = []
        self._flushed, self._recorded = time.monotonic(), progress.episodes
        self._points: list[Points] = []
        self._last: Block | None = None
        self.steps = 0
        self._replay()

    def _replay(self) -> None:
        """Compute the curves of the episodes on disk: the trailing windows need them."""
        for path in self._progress.files(episodes.FILE_NAME):
            for block in episodes.blocks(path):
                columns = (arrow.numbers(block.column(n)) for n in range(1, 4))
                self._add_curves(*columns)

    def _episode_file(self) -> episodes.EpisodeFile:
        path = self._progress.part(episodes.FILE_NAME, self._progress.parts)
        return self._files.enter_context(episodes.EpisodeFile(path, self._progress.episodes))

    def _history_file(self, shape: tuple[int, ...]) -> checkpoints.History:
        path = self._progress.part(checkpoints.FILE_NAME, self._progress.parts)
        made = checkpoints.History(path, shape, self._about, self._stored is not None)
        history = self._files.enter_context(made)
        if self._start is not None and not self._progress.parts:
            history.add(0, self._start)
        return history

    def add(self, block: Block) -> None:
        """Record the next block."""
        self._history = self._history or self._history_file(block.tables.shape[1:])
        self._store(block)
        self._last = block
        self._buffer.append((block.returns, block.lengths, block.epsilon))
        elapsed = time.monotonic() - self._flushed
        if block.end - self._recorded >= FLUSH_EPISODES or elapsed >= FLUSH_SECONDS:
            self._flush()

    def _store(self, block: Block) -> None:
        for span, table in zip(block.spans, block.tables, strict=True):
            first = self._saved is None and not self._progress.parts
            if span.checkpoint and (self._stored is None or first or span.end in self._stored):
                self._save(span.end, table)

    def _save(self, end: int, table: QTable) -> None:
        assert self._history is not None
        self._history.add(end, table)
        self._saved = end

    def _save_last(self) -> None:
        """Save the last table, whether it is a checkpoint or not: it proves those before it."""
        if self._last and self._last.end != self._saved:
            self._save(self._last.end, self._last.tables[-1])

    def _flush(self) -> None:
        parts, self._buffer = self._buffer, []  # first: after an error nothing is written twice
        self._flushed = time.monotonic()
        if not parts:
            return
        returns, lengths, epsilon = map(np.concatenate, zip(*parts, strict=True))
        self._recorded += len(returns)
        self._episodes.add(returns, lengths, epsilon)
        self._add_curves(returns, lengths, epsilon)

    def _add_curves(self, returns: Any, lengths: Any, epsilon: Any) -> None:
        self.steps += int(lengths.sum())
        points = self._curves.add(returns, epsilon)
        self._points.append(points)
        for part in self._curves.logged(points):
            self._log.log(part)

    def make_durable(self, seconds: float, state: State) -> None:
        """Make everything so far durable; a killed run resumes from here."""
        assert self._last is not None
        self._flush()
        self._save_last()
        self._files.close()
        self._progress = self._progress.make_durable(self._last.end, seconds, state)
        self._files, self._history = ExitStack(), None
        self._episodes = self._episode_file()

    def close(self) -> None:
        """Complete the files with all that was added, also after an error."""
        with self._files:
            self._flush()
            self._save_last()
        self._join()
        if self._last and self._last.visits is not None:
            visits.write(self._progress.folder / visits.FILE_NAME, self._last.visits)

    def _join(self) -> None:
        kinds = ((checkpoints.FILE_NAME, checkpoints.join), (episodes.FILE_NAME, episodes.join))
        for kind, join in kinds:
            parts = [*self._progress.files(kind), self._progress.part(kind, self._progress.parts)]
            written = [path for path in parts if path.exists()]
            if len(written) == 1 and not self._progress.parts:
                written[0].replace(self._progress.folder / kind)
            elif written:
                join(written, self._progress.folder / kind)

    @property
    def points(self) -> Points | None:
        """The curves so far; None before the first point."""
        return joined(self._points) if self._points else None

    @property
    def last_values(self) -> dict[str, float]:
        """The last value of every curve."""
        values = self.points.values if self.points else {}
        return {name: float(curve[-1]) for name, curve in values.items() if len(curve)}

    @property
    def q_table(self) -> npt.NDArray[np.float64] | None:
        """The table after the last episode; None before the first block."""
        return None if self._last is None else self._last.tables[-1]

    @property
    def durable(self) -> int:
        """The number of episodes after which the run would resume if it were killed now."""
        return self._progress.episodes

    @property
    def episodes(self) -> int:
        """The number of episodes recorded."""
        return self._progress.episodes if self._last is None else self._last.end
