"""Everything a run leaves, gathered block by block: files in a folder, curves in a log."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import Any

import numpy as np
import numpy.typing as npt

from qsweep.config import Config
from qsweep.learning.training import Block, State
from qsweep.system import arrow
from qsweep.tracking import RunLog, checkpoints, episodes
from qsweep.tracking.curves import Curves, Points, joined
from qsweep.tracking.unfinished import Left

FLUSH_EPISODES, FLUSH_BYTES, FLUSH_SECONDS = 1000, 2**23, 2.0
"""Episodes, bytes of tables and time, gathered before they are written: small writes cost more."""


class Recorder:
    """Writes a run's episodes and checkpoints to files and its curves to `log`.

    left: the folder, and what is there already.
    """

    def __init__(self, config: Config, log: RunLog, left: Left, about: dict[str, Any]) -> None:
        self._log = log
        self._curves = Curves(config.episodes, config.window, config.tracking.max_points)
        self._about = about
        self._left = left
        self._files = ExitStack()
        self._episodes = self._episode_file()
        self._history: checkpoints.History | None = None
        self._waiting: list[Block] = []
        self._bytes, self._flushed = 0, time.monotonic()
        self._points: list[Points] = []
        self._last: Block | None = None
        self.steps = 0
        self._again()

    def _again(self) -> None:
        """Go through the episodes that are on disk already: the curves need them."""
        for path in self._left.files(episodes.FILE_NAME):
            for block in episodes.blocks(path):
                columns = (arrow.numbers(block.column(n)) for n in range(1, 4))
                self._draw(*columns)

    def _episode_file(self) -> episodes.EpisodeFile:
        path = self._left.part(episodes.FILE_NAME, self._left.parts)
        return self._files.enter_context(episodes.EpisodeFile(path, self._left.episodes))

    def _history_file(self, shape: tuple[int, ...]) -> checkpoints.History:
        path = self._left.part(checkpoints.FILE_NAME, self._left.parts)
        return self._files.enter_context(checkpoints.History(path, shape, self._about))

    def add(self, block: Block) -> None:
        """Record the next block."""
        self._history = self._history or self._history_file(block.tables.shape[1:])
        self._last = block
        self._waiting.append(block)
        self._bytes += block.tables.nbytes
        episodes = block.end - self._waiting[0].first
        waited = time.monotonic() - self._flushed
        if episodes >= FLUSH_EPISODES or self._bytes >= FLUSH_BYTES or waited >= FLUSH_SECONDS:
            self._flush()

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []  # first: nothing is written twice, whatever happens
        self._bytes, self._flushed = 0, time.monotonic()
        if not waiting:
            return
        returns = np.concatenate([block.returns for block in waiting])
        lengths = np.concatenate([block.lengths for block in waiting])
        epsilon = np.concatenate([block.epsilon for block in waiting])
        assert self._history is not None
        for block in waiting:
            saved = [number for number, span in enumerate(block.spans) if span.checkpoint]
            tables = block.tables if len(saved) == len(block.spans) else block.tables[saved]
            self._history.extend([block.spans[number].end for number in saved], tables)
        self._episodes.add(returns, lengths, epsilon)
        self._draw(returns, lengths, epsilon)

    def _draw(self, returns: Any, lengths: Any, epsilon: Any) -> None:
        self.steps += int(lengths.sum())
        points = self._curves.add(returns, epsilon)
        self._points.append(points)
        self._log.log(points)

    def settle(self, seconds: float, state: State) -> None:
        """Make everything so far durable; a run that is killed goes on from here."""
        assert self._last is not None
        self._flush()
        self._files.close()
        self._left = self._left.settle(self._last.end, seconds, state)
        self._files, self._history = ExitStack(), None
        self._episodes = self._episode_file()

    def close(self) -> None:
        """Write all that was added; the files are whole then. After an error, too."""
        with self._files:
            self._flush()
            if self._last and not self._last.spans[-1].checkpoint:
                history = self._history or self._history_file(self._last.tables.shape[1:])
                history.add(self._last.end, self._last.tables[-1])
        self._join()

    def _join(self) -> None:
        """The parts as whole files."""
        kinds = ((checkpoints.FILE_NAME, checkpoints.join), (episodes.FILE_NAME, episodes.join))
        for kind, join in kinds:
            parts = [*self._left.files(kind), self._left.part(kind, self._left.parts)]
            written = [path for path in parts if path.exists()]
            if len(written) == 1 and not self._left.parts:
                written[0].replace(self._left.folder / kind)
            elif written:
                join(written, self._left.folder / kind)

    @property
    def points(self) -> Points | None:
        """The curves so far, once there is a point."""
        return joined(self._points) if self._points else None

    @property
    def last_values(self) -> dict[str, float]:
        """The last value of every curve."""
        values = self.points.values if self.points else {}
        return {name: float(curve[-1]) for name, curve in values.items() if len(curve)}

    @property
    def q_table(self) -> npt.NDArray[np.float64] | None:
        """The table after the last episode, once there is one."""
        return None if self._last is None else self._last.tables[-1]

    @property
    def durable(self) -> int:
        """How many episodes a run that is killed goes on after."""
        return self._left.episodes

    @property
    def episodes(self) -> int:
        """How many episodes were recorded."""
        return self._left.episodes if self._last is None else self._last.end
