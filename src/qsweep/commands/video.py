"""`qsweep video`: a run's Q-table during training, checkpoint by checkpoint, as an MP4 or a GIF."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from qsweep import seeds
from qsweep.environments.resolved import Setting
from qsweep.errors import Problem, UsageError, printable
from qsweep.pictures.agent_stills import EpisodePlayer
from qsweep.pictures.agent_video import VideoInfo, headless, rendering_env
from qsweep.pictures.encoding import GIF_FPS, GIF_WIDTH, writing
from qsweep.pictures.layouts import layout
from qsweep.pictures.learning_video import HEIGHT, WIDTH, FrameTemplate, RunCurves, frames, write_frames
from qsweep.pictures.surfaces import Layout
from qsweep.policies.policy import RECORD, Policy, readable
from qsweep.policies.registry import names
from qsweep.policies.registry.fetching import folder_name
from qsweep.policies.setting import setting_of_archive
from qsweep.runs.progress import bar
from qsweep.system.atomic_files import temporary_folder
from qsweep.system.interrupts import StopRequests
from qsweep.system.overwriting import file_problems, writing_to
from qsweep.tracking import checkpoints, episodes
from qsweep.tracking.checkpoints import Archive, name_of
from qsweep.tracking.curves import Points
from qsweep.tracking.run_files import file_of
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store, open_store

T = TypeVar("T")

FRAMES = 250
"""Default number of checkpoints shown, approximately."""
FASTEST = {".mp4": 60.0, ".gif": float(GIF_FPS)}
"""File type -> largest number of frames per second."""
FPS = 25.0
MAX_ACTIONS, SLICED_ACTIONS = 60, 6
"""Most actions that fit into a frame, and most with several slices of the table."""


@dataclass(frozen=True)
class _Source:
    """A run's data: archive, setting, last policy, curves, and the checkpoints to show, in episodes."""

    archive: Archive
    setting: Setting
    policy: Policy
    points: Points
    checkpoints: list[int]


@dataclass(frozen=True)
class VideoMade:
    """The video that was made. first, last: checkpoints; every: checkpoints per frame."""

    path: Path
    run: str
    first: str
    last: str
    every: int
    info: VideoInfo

    def __str__(self) -> str:
        shown = "every checkpoint" if self.every == 1 else f"one checkpoint in {self.every}"
        return (
            f"{self.run}\nshowed    {self.first} to {self.last}, {shown}\nwrote     {self.path}: {self.info}"
        )


def video(
    name: str,
    out: Path | None = None,
    every: int | None = None,
    agent: bool = False,
    fps: float | None = None,
    force: bool = False,
    uri: str = "local",
) -> VideoMade:
    """Make a video of the Q-table of a run during training.

    name: RUN, to its last checkpoint; RUN/CHECKPOINT, MODEL@ALIAS or MODEL/VERSION, to that one. out: a
    file ending in .mp4 or .gif, by default called `name`. every: every n-th checkpoint is a frame, and
    so are the first and the last; by default so that there are about 250. agent: also show greedy
    episodes, the last checkpoint's to its end. fps: frames per second; by default 25 in an MP4, 20 in a
    GIF.

    Raises UsageError for a name that is no run's, a file that exists or cannot be written, an
    environment that cannot be made or, with `agent`, drawn.
    """
    path = out or Path("video.mp4" if names.is_path(name) else f"{folder_name(name)}.mp4")
    fps = min(FPS, FASTEST.get(path.suffix.lower(), FPS)) if fps is None else fps
    if problems := [*_problems(path, every, fps, force)]:
        raise UsageError(problems)
    with temporary_folder() as scratch:
        source = _source(name, uri, Path(scratch))
        made = source.checkpoints
        every = every or max(1, round(len(made) / FRAMES))
        shown = sorted({made[0], *made[every - 1 :: every], made[-1]})
        with writing_to("--out", path):
            info = _write_video(source, shown, path, agent, fps)
    origin = source.policy.origin
    run = f"{source.policy.env_id}  run {origin['run_name']} ({origin['run_id']})"
    return VideoMade(path, run, name_of(shown[0]), name_of(shown[-1]), every, info)


def _problems(path: Path, every: int | None, fps: float, force: bool) -> Iterator[Problem]:
    if every is not None and every < 1:
        yield Problem("--every", "must be a whole number of at least 1", every)
    fastest = FASTEST.get(path.suffix.lower())
    if fastest is None:
        yield Problem("--out", f"must end in {' or '.join(FASTEST)}", str(path))
    elif not 1 <= fps <= fastest:
        yield Problem("--fps", f"must be a number from 1 to {fastest:g}, for a {path.suffix} file", fps)
    yield from file_problems("--out", path, force)


def _target(name: str, uri: str) -> tuple[Store, names.Target]:
    """Return the run or version of a name, and its store.

    A pulled folder (a path, as for `qsweep play`) is refused: it has only one checkpoint.
    """
    folder = Path(name).expanduser()
    pulled = (folder / RECORD).is_file()
    try:
        if not (pulled and names.is_path(name)):
            store = open_store(uri, create=False)
            return store, names.resolve(store, name)
    except UsageError:
        if not pulled:
            raise
    rule = "must be a run: a pulled folder has only one checkpoint"
    remedy = f"name its run: qsweep video {Policy.load(folder).origin['run_name']}"
    raise UsageError([Problem("name", rule, name, remedy)])


def _source(name: str, uri: str, scratch: Path) -> _Source:
    store, target = _target(name, uri)
    run_id = target.run_id
    with readable(f"run {run_id}"):
        run = run_of(store, run_id)
    named = target.model or len(names.parts_of(name)) > 1  # a run's name alone stands for all of it
    path = f"checkpoints/{checkpoints.FILE_NAME}"
    with readable(f"run {run_id}: {path}"):
        archive = Archive(file_of(store, run_id, run.artifacts, path, scratch))
        numbers = archive.episodes().tolist()
        if not numbers:
            raise UsageError([Problem("name", "must be a run that has a checkpoint", name)])
        if named:
            last = int(names.checkpoint_in(archive, target)[2:])
            numbers = [n for n in numbers if n <= last]
        setting = setting_of_archive(archive)
    policy = Policy.from_checkpoint(archive, name_of(numbers[-1]), run_id, printable(run.name))
    with readable(f"run {run_id}: {episodes.FILE_NAME}"):
        kept = file_of(store, run_id, run.artifacts, episodes.FILE_NAME, scratch)
        points = episodes.curves(kept, int(policy.config["window"]))
    return _Source(archive, setting, policy, points, numbers)


def _write_video(source: _Source, shown: list[int], path: Path, agent: bool, fps: float) -> VideoInfo:
    policy = source.policy
    title = f"{policy.env_id} · run {policy.origin['run_name']}"
    window, episodes = int(policy.config["window"]), int(source.points.episodes[-1]) + 1
    curves = RunCurves(source.points, window, episodes, title)
    with ExitStack() as stack, StopRequests() as stop:
        player = _agent(source, fps, stack) if agent else None
        template = FrameTemplate(_layout(source), curves, agent)
        writer = stack.enter_context(writing(path, fps))
        images = frames(template, source.archive.tables(shown), player)
        count = write_frames(_watched(images, len(shown), stop), writer)
    width = GIF_WIDTH if path.suffix.lower() == ".gif" else WIDTH
    return VideoInfo(count, (width, HEIGHT * width // WIDTH), fps)


def _agent(source: _Source, fps: float, stack: ExitStack) -> EpisodePlayer:
    stack.enter_context(headless())
    env = stack.enter_context(rendering_env(source.setting, "rgb_array", "--agent"))
    return EpisodePlayer(env, source.setting, source.policy, seeds.play(1)[0], fps)


def _layout(source: _Source) -> Layout:
    """Return the layout of the run's tables; with more than two dimensions, the most visited slices."""
    policy = source.policy
    if policy.actions > MAX_ACTIONS:
        rule = f"must be a run with at most {MAX_ACTIONS} actions; {policy.env_id} has {policy.actions}"
        raise UsageError([Problem("name", rule)])
    changes = (
        source.archive.changes(source.checkpoints[-1], complete=False)
        if len(policy.grid.buckets) > 2
        else None
    )
    panels = 3 if policy.actions <= SLICED_ACTIONS else 1
    return layout(source.setting, changes, panels)


def _watched(images: Iterable[T], expected: int, stop: StopRequests) -> Iterator[T]:
    """Yield the images with a progress bar, until a signal comes."""
    with bar("{task.completed:,.0f} frames") as progress:
        task = progress.add_task("filming", total=expected)
        for image in images:
            stop.check()
            yield image
            progress.advance(task)
