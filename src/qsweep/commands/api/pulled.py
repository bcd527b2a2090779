"""`qsweep.pull`: a policy in a folder, with what can be done with it in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qsweep import seeds
from qsweep.commands import pull as pulling
from qsweep.commands.api.evaluation import Evaluation, evaluate
from qsweep.policies.policy import Policy
from qsweep.report.displays import Film, html_table, titled
from qsweep.system.arrays import QTable
from qsweep.system.atomic_files import temporary_folder
from qsweep.system.extras import need
from qsweep.tracking.store import open_store


@dataclass(frozen=True, eq=False)
class PulledPolicy:
    """A greedy policy, and the folder that holds it: Q-table, config, model, and a page that plays it."""

    folder: Path
    policy: Policy

    @property
    def env_id(self) -> str:
        """The environment's id."""
        return self.policy.env_id

    @property
    def q_table(self) -> QTable:
        """The Q-table, float64[buckets..., actions]."""
        return self.policy.q_table

    def act(self, observation: Sequence[float]) -> int:
        """Return the greedy action in the environment's numbering.

        observation: one number per dimension. Raises ValueError for another length, or NaN.
        """
        return self.policy.act(observation)

    def evaluate(self, episodes: int = 1000) -> Evaluation:
        """Play greedy episodes from starts that neither training nor the policy's score used.

        Raises UsageError if `episodes` is not from 1 to 1,000,000, or the environment cannot be made here.
        """
        return evaluate(self.policy, episodes)

    def video(self, start: int = 0) -> Film:
        """Film one greedy episode. start: the index of its start state.

        Raises UsageError if the environment cannot be drawn, or the packages for films are not installed.
        """
        need("video", "video")
        from qsweep.pictures.agent_video import record_video  # slow to import

        with temporary_folder() as scratch:
            file = Path(scratch) / "agent.mp4"
            [seed] = seeds.play(1, start)
            record_video(self.policy.setting(), self.policy, seed, [file], "video")
            return Film(file.read_bytes(), f"{self.env_id}, {self.policy.came_from}")

    def __repr__(self) -> str:
        return f"PulledPolicy({self.env_id}, {self.policy.came_from}, in {self.folder})"

    def _repr_html_(self) -> str:
        return titled(f"{self.env_id}: a greedy policy", html_table(self._rows()))

    def _rows(self) -> Iterator[tuple[str, str]]:
        yield "from", self.policy.came_from
        yield "folder", str(self.folder)
        yield "Q-table", f"float64{list(self.q_table.shape)}"
        yield from ((key, f"{value:.6g}") for key, value in self.policy.origin["metrics"].items())


def pull(name: str, out: str | Path | None = None, force: bool = False, uri: str = "auto") -> PulledPolicy:
    """Write a checkpoint into a folder, as `qsweep pull` does, and return it.

    name: MODEL@best, MODEL/3, RUN (its best checkpoint) or RUN/ep017500. out: the folder, by default called
    `name`. force: replace a folder that holds a pulled policy. uri: the store. Raises UsageError if the name
    is unknown, or the folder exists and may not be replaced.
    """
    done = pulling.pull(open_store(uri, create=False), name, Path(out) if out else None, force)
    return PulledPolicy(done.folder, done.policy)
