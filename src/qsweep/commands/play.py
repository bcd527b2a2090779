"""`qsweep play`: greedy episodes of a named policy: a summary and, optionally, a video or a window."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from qsweep import seeds
from qsweep.commands.environment import resolved_environment
from qsweep.environments.resolved import Setting
from qsweep.errors import Problem, UsageError
from qsweep.policies.evaluation.bootstrap import mean_interval
from qsweep.policies.evaluation.rollouts import Rollouts, roll_out, roll_out_by
from qsweep.policies.policy import Policy
from qsweep.policies.registry.fetching import named
from qsweep.policies.untrained import Untrained
from qsweep.system.atomic_files import write_text
from qsweep.system.overwriting import file_problems, writing_to
from qsweep.system.start_folder import start_folder
from qsweep.tracking.store import open_store

if TYPE_CHECKING:  # imports matplotlib and Pillow
    from qsweep.pictures.agent_video import VideoInfo

MOST = 10**6
"""Largest number of episodes."""
LISTED = 20
"""Largest number of episodes whose returns are listed."""


@dataclass(frozen=True)
class Pictures:
    """Optional output: films of the first episode, a page that plays, a window with all episodes."""

    video: Path | None = None
    gif: Path | None = None
    window: bool = False
    force: bool = False
    page: Path | None = None

    @property
    def files(self) -> Mapping[str, Path]:
        """The films to write, by option."""
        given = {"--video": self.video, "--gif": self.gif}
        return {option: path for option, path in given.items() if path}

    def problems(self, untrained: bool = False) -> Iterator[Problem]:
        """Yield the problems that can be found in advance. untrained: there is no Q-table."""
        if untrained and self.page:
            remedy = "use --video FILE.mp4 instead"
            yield Problem("--page", "shows a Q-table, which --policy has not", str(self.page), remedy)
        for option, path in {**self.files, **({"--page": self.page} if self.page else {})}.items():
            ending = {"--video": ".mp4", "--gif": ".gif", "--page": ".html"}[option]
            if path.suffix.lower() != ending:
                yield Problem(option, f"must end in {ending}", str(path))
            else:
                yield from file_problems(option, path, self.force)
        if self.window:
            from qsweep.pictures.agent_video import has_display

            if not has_display():
                rule = "needs a display, but none is available"
                yield Problem("--human", rule, None, "use --video FILE.mp4 instead")


@dataclass(frozen=True)
class Played:
    """The result of `play`. source: the policy's origin in words; starts: the seeds; info: of the video."""

    policy: Policy
    source: str
    starts: range
    rollouts: Rollouts
    files: Mapping[str, Path] = field(default_factory=dict)
    info: VideoInfo | None = None
    page: Path | None = None

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        episodes, plural = len(self.starts), "" if len(self.starts) == 1 else "s"
        yield f"{self.policy.env_id}  {self.source}"
        greedy = "" if isinstance(self.policy, Untrained) else "greedy "
        yield f"played    {episodes:,} {greedy}episode{plural}"
        start = f"seed {self.starts[0]}" if not plural else f"seeds {self.starts[0]} to {self.starts[-1]}"
        yield f"starts    {start}, not used in training, validation or test"
        yield f"return    {self._return()}"
        if 1 < episodes <= LISTED:
            yield f"returns   {' '.join(f'{total:g}' for total in self.rollouts.returns)}"
        successes = self.rollouts.successes(self.policy.env_id)
        if successes is not None:
            yield f"success   {successes.mean():.1%}: {successes.sum():,} of {episodes:,}"
        yield f"length    mean {self.rollouts.lengths.mean():.1f} steps"
        if self.info:
            files = ", ".join(map(str, self.files.values()))
            yield f"wrote     {files}: the first episode, {self.info}"
        if self.page:
            yield f"wrote     {self.page}: open it in a browser"

    def _return(self) -> str:
        returns = self.rollouts.returns
        if len(returns) == 1:
            return f"{returns[0]:g}"
        low, high = mean_interval(returns)
        return (
            f"mean {returns.mean():.4g} (95% {low:.4g} to {high:.4g}), worst {returns.min():g}, "
            f"best {returns.max():g}"
        )


NO_PICTURES = Pictures()


def play(
    name: str,
    episodes: int = 10,
    first: int = 0,
    pictures: Pictures = NO_PICTURES,
    uri: str = "local",
    untrained: str = "",
) -> Played:
    """Run `episodes` greedy episodes of the policy `name` from held-out starts, beginning with start `first`.

    name: as for `pull`, or a folder that it wrote. untrained: "random" or an action; then `name` is that of
    an environment. Raises UsageError for an unknown name, a file that exists or cannot be written, an
    environment that cannot be made or drawn.
    """
    if problems := [*_range_problems(episodes, first), *pictures.problems(bool(untrained))]:
        raise UsageError(problems)
    starts = seeds.play(episodes, first)
    policy, source, setting, rollouts = (
        _untrained(name, untrained, starts) if untrained else _trained(name, uri, starts)
    )
    files = {option: start_folder() / path for option, path in pictures.files.items()}
    made = _write_video(setting, policy, starts[0], files) if files else None
    if pictures.page:
        _write_page(policy, uri, start_folder() / pictures.page)
    if pictures.window:
        from qsweep.pictures.agent_video import show

        show(setting, policy, starts)
    return Played(policy, source, starts, rollouts, pictures.files, made, pictures.page)


Playing = tuple[Policy, str, Setting, Rollouts]


def _trained(name: str, uri: str, starts: range) -> Playing:
    policy, source = named(name, uri)
    setting = policy.setting()
    return policy, source, setting, roll_out(setting, policy.q_table, starts)


def _untrained(name: str, wanted: str, starts: range) -> Playing:
    run, _ = resolved_environment(name)
    policy = Untrained.of(run, wanted)
    return policy, policy.name, run, roll_out_by(run, policy.act, starts)


def _range_problems(episodes: int, first: int) -> Iterator[Problem]:
    if not 1 <= episodes <= MOST:
        yield Problem("--episodes", f"must be a whole number from 1 to {MOST:,}", episodes)
    if not 0 <= first <= 2**29:
        yield Problem("--seed", f"must be a whole number from 0 to {2**29:,}", first)


def _write_video(setting: Setting, policy: Policy, seed: int, files: Mapping[str, Path]) -> VideoInfo:
    from qsweep.pictures.agent_video import record_video  # matplotlib is slow to import

    option = next(iter(files))
    with writing_to(option, ", ".join(map(str, files.values()))):
        return record_video(setting, policy, seed, list(files.values()), option)


def _write_page(policy: Policy, uri: str, path: Path) -> None:
    from qsweep.commands.play_page import play_page  # imports pandas

    store = None
    with suppress(UsageError):
        store = open_store(uri, create=False)
    page = play_page(policy, store)
    if page is None:
        worlds = "MountainCar, CartPole, Acrobot or transition tables"
        rule = f"needs {worlds}, and a Q-table of at most 75,000 values"
        raise UsageError([Problem("--page", rule, policy.env_id, "use --video FILE.mp4 instead")])
    with writing_to("--page", path):
        write_text(path, page)
