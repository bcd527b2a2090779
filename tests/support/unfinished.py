"""What a run leaves if it is killed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from qsweep.tracking.checkpoints import FILE_NAME, History
from qsweep.tracking.episodes import FILE_NAME as EPISODES
from qsweep.tracking.episodes import EpisodeFile
from qsweep.tracking.unfinished import progress_of


def leave(run_id: str, config: str = "", by: str = "") -> None:
    """Create what a run leaves if it is killed after its first durable point."""
    left = replace(progress_of(run_id), config=config, code=by)
    left.folder.mkdir(parents=True)
    with EpisodeFile(left.part(EPISODES, 0)), History(left.part(FILE_NAME, 0), (1, 1), {}):
        pass
    left.make_durable(10, 1.0, {"q": np.zeros(1)})
