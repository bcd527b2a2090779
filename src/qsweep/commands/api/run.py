"""A recorded run: its results as values, and as pictures and films that display themselves."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qsweep.commands.api.evaluation import Evaluation, evaluate
from qsweep.commands.plot import CHARTS, CURVE
from qsweep.config import with_slashes
from qsweep.errors import Problem, UsageError, closest, printable
from qsweep.pictures.learning_curve import learning_curve
from qsweep.policies.policy import Policy, readable
from qsweep.policies.registry.fetching import fetch
from qsweep.policies.registry.names import Target, checkpoint_in, resolve
from qsweep.report.displays import Film, Picture, html_table, image, picture_of, titled
from qsweep.report.formats import share_of_optimum, with_interval
from qsweep.report.loading.archives import archive
from qsweep.report.q_table_figures import checkpoint_figures
from qsweep.system.arrays import QTable
from qsweep.system.atomic_files import temporary_folder
from qsweep.system.extras import need
from qsweep.system.untrusted_files import read_columns, read_yaml
from qsweep.tracking import episodes
from qsweep.tracking.curves import Points
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.stored_run import StoredRun

if TYPE_CHECKING:  # slow to import
    import pandas as pd

COLUMNS = ["episode", "return", "length", "epsilon"]
"""The columns of `Run.episodes`."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A learning curve that a notebook shows as a picture.

    points: at most 1,000 of each curve, as `frame` has them. window: the number of episodes in an average.
    """

    points: Points
    window: int
    title: str

    @property
    def frame(self) -> pd.DataFrame:
        """The curve as a frame: episode (from 0), return_avg, return_min, return_max, epsilon."""
        import pandas as pd

        values = {name.removeprefix("train/"): column for name, column in self.points.values.items()}
        return pd.DataFrame({"episode": self.points.episodes, **values})

    @cached_property
    def picture(self) -> Picture:
        """The curve as a picture."""
        file = io.BytesIO()
        learning_curve(self.points, self.window, self.title).save(file, "PNG")
        return Picture(file.getvalue())

    def save(self, path: str | Path) -> Path:
        """Write the curve as a PNG file and return its path. Raises ValueError for another ending."""
        return self.picture.save(path)

    def _repr_png_(self) -> bytes:
        return self.picture.png


@dataclass(frozen=True, eq=False)
class Run:
    """A recorded run and one of its checkpoints: the best one, unless its name says another.

    record: the run in the store. target: the checkpoint. A file is read when it is first needed; every
    property and method raises UsageError if that file is missing or damaged.
    """

    store: Store
    record: StoredRun
    target: Target

    @property
    def run_id(self) -> str:
        """The run's id, 32 hex digits."""
        return self.record.run_id

    @property
    def env_id(self) -> str:
        """The environment's id."""
        return printable(self.record.params.get("env.id", "unknown"))

    @property
    def name(self) -> str:
        """The run's name."""
        return with_slashes(printable(self.record.name), self.env_id)

    @property
    def status(self) -> str:
        """RUNNING, FINISHED, FAILED or KILLED, when it was loaded."""
        return self.record.status

    @property
    def metrics(self) -> Mapping[str, float]:
        """The last value of every metric by its name; docs/records.md lists them."""
        return self.record.metrics

    @property
    def score(self) -> float:
        """The return by which runs are compared, of the best checkpoint; NaN if it was not evaluated.

        It is the exact expected return where that is known, else the mean over the test starts.
        """
        return self.record.score

    @property
    def interval(self) -> tuple[float, float]:
        """The 95% bootstrap interval of the score over test starts; NaN if the score is exact."""
        return self.record.interval

    @cached_property
    def config(self) -> Mapping[str, Any]:
        """The resolved config, nested as in config.yaml."""
        with temporary_folder() as scratch, readable(f"run {self.run_id}: config.yaml"):
            found: Mapping[str, Any] = read_yaml(self._file("config.yaml", scratch))
            return found

    @cached_property
    def episodes(self) -> pd.DataFrame:
        """All training episodes: episode (from 0), return (undiscounted), length (steps), epsilon."""
        import pandas as pd

        with temporary_folder() as scratch, readable(f"run {self.run_id}: {episodes.FILE_NAME}"):
            return pd.DataFrame(read_columns(self._file(episodes.FILE_NAME, scratch), COLUMNS))

    @cached_property
    def checkpoints(self) -> list[str]:
        """The names of all checkpoints, in order: ep000010, ep000020, ..."""
        with archive(self.store, self.run_id, self.record.artifacts) as history:
            return history.names()

    @cached_property
    def policy(self) -> Policy:
        """The greedy policy of the checkpoint; `policy.act(observation)` returns its action."""
        with temporary_folder() as scratch:
            return fetch(self.store, self.target, Path(scratch))

    @property
    def checkpoint(self) -> str:
        """The name of the checkpoint that `q_table`, `evaluate` and `plot` are about."""
        return str(self.policy.origin["checkpoint"])

    @property
    def q_table(self) -> QTable:
        """The Q-table of the checkpoint, float64[buckets..., actions]."""
        return self.policy.q_table

    def at(self, checkpoint: str | int) -> Run:
        """Return the run at another checkpoint: its name, or the number of episodes before it.

        Raises UsageError if there is no such checkpoint.
        """
        name = f"ep{checkpoint:06d}" if isinstance(checkpoint, int) else checkpoint
        if name not in self.checkpoints:
            rule = "is not a checkpoint of this run"
            raise UsageError([Problem("checkpoint", rule, name, closest(name, self.checkpoints))])
        return replace(self, target=Target(self.run_id, name, self.record.name))

    def curve(self) -> Curve:
        """Return the learning curve: average, minimum and maximum return over trailing episodes, epsilon."""
        with readable(f"run {self.run_id}: param window"):
            window = int(self.record.params["window"])
        with temporary_folder() as scratch, readable(f"run {self.run_id}: {episodes.FILE_NAME}"):
            points = episodes.curves(self._file(episodes.FILE_NAME, scratch), window)
        return Curve(points, window, self._title)

    def evaluate(self, episodes: int = 1000) -> Evaluation:
        """Play greedy episodes of the checkpoint from starts that neither training nor its score used.

        Raises UsageError if `episodes` is not from 1 to 1,000,000.
        """
        return evaluate(self.policy, episodes)

    def plot(self, chart: str = "actions") -> Picture:
        """Draw the checkpoint's Q-table, or the learning curve.

        chart: actions (where each action is the greedy one), policy (the greedy action of each cell), values
        (of the greedy action), visits (checkpoints at which a cell had changed) or curve. Raises UsageError
        for another one.
        """
        if chart not in CHARTS:
            raise UsageError([Problem("chart", f"must be one of {', '.join(CHARTS)}", chart)])
        if chart == CURVE:
            return self.curve().picture
        with archive(self.store, self.run_id, self.record.artifacts) as history:
            checkpoint = checkpoint_in(history, self.target)
            [(_, figure)] = checkpoint_figures(history, chart, [int(checkpoint[2:])], self._title)
            return picture_of(figure)

    def video(self, agent: bool = False, every: int | None = None) -> Film:
        """Film the Q-table during training, checkpoint by checkpoint, up to the last one.

        agent: also show greedy episodes. every: show every n-th checkpoint; by default about 250 in all.
        Raises UsageError if `every` is below 1, or the environment cannot be made or drawn here, or the
        packages for films are not installed.
        """
        need("video", "video")
        from qsweep.commands.video import video  # imports pygame

        with temporary_folder() as scratch:
            file = Path(scratch) / "learning.mp4"
            made = video(self.run_id, file, every, agent, uri=self.store.uri)
            return Film(file.read_bytes(), f"{self._title}: {made.first} to {made.last}")

    @property
    def _title(self) -> str:
        return f"{self.env_id} · {self.name}"

    def _file(self, name: str, scratch: str) -> Path:
        return file_of(self.store, self.run_id, self.record.artifacts, name, Path(scratch))

    def __repr__(self) -> str:
        return f"Run({self.name!r}, {self.env_id}, {self.status}, score {self._score()}, id {self.run_id})"

    def _repr_html_(self) -> str:
        pictures = []
        with suppress(UsageError):  # a run that failed early has no files
            pictures = [image(self.plot(chart), width) for chart, width in ((CURVE, 400), ("policy", 340))]
        return titled(self._title, html_table(self._rows()), *pictures)

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "run", self.run_id
        yield "status", self.status
        yield "score", self._score()
        if "optimum/return" in self.metrics:
            best, by_chance = self.metrics["optimum/return"], self.metrics.get("random/return", math.nan)
            yield "of optimum", share_of_optimum(self.score, best, by_chance)
        if math.isfinite(self.metrics.get("best_episode", math.nan)):
            yield "best checkpoint", f"ep{int(self.metrics['best_episode']):06d}"
        if "train/steps" in self.metrics:
            steps, seconds = self.metrics["train/steps"], self.metrics["train/seconds"]
            yield "trained", f"{steps:,.0f} steps in {seconds:.2f} s"

    def _score(self) -> str:
        exact = " (exact)" if "test/return_exact" in self.metrics else ""
        return f"{with_interval(self.score, *self.interval)}{exact}"


def load_run(name: str, uri: str = "auto") -> Run:
    """Return a recorded run by any name that `qsweep pull` takes.

    name: RUN (a run's name, or the end or beginning of its id), RUN/ep017500, MODEL@best or MODEL/3. uri: the
    store, "local" for mlruns/ in the current folder. Raises UsageError if there is no store or no such run.
    """
    store = open_store(uri, create=False)
    target = resolve(store, name)
    with readable(f"run {target.run_id}"):
        return Run(store, run_of(store, target.run_id), target)
