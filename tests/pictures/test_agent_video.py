from __future__ import annotations

import dataclasses
import math
import os
import signal
import weakref
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium import spaces
from PIL import Image, ImageColor

from qsweep.config import Env, record
from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.grid import Grid
from qsweep.errors import UsageError
from qsweep.pictures.agent_video import (
    BAR,
    Moment,
    VideoInfo,
    captioned_frame,
    moments,
    record_video,
    rendering_env,
)
from qsweep.pictures.encoding import writing
from qsweep.plan.composition import load_resolved
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.policy import Policy
from qsweep.system.interrupts import Interrupted

FPS = {"mountain_car": 30, "cart_pole": 50, "acrobot": 15, "frozen_lake": 4, "taxi": 4, "blackjack": 4}
PRESETS = [*FPS, "cliff_walking"]
FILMED = ["mountain_car", "cart_pole", "frozen_lake", "taxi"]
BACKGROUND = ImageColor.getrgb(BAR)
STEPS = 8


class Drawn(gymnasium.Env[int, int]):
    """An environment of four steps whose frame has a single colour."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  # as Gymnasium has it
    observation_space = spaces.Discrete(2)
    action_space = spaces.Discrete(2)

    def __init__(
        self, render_mode: str | None = None, at: str = "", size: tuple[int, int] = (65, 33)
    ) -> None:
        self.render_mode, self._at, self._size, self._step = render_mode, at, size, 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        self._step = 0
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Make a step; the third one fails, or sends a signal, as `at` says."""
        self._step += 1
        if self._step == 3 and self._at == "fails":
            raise ZeroDivisionError
        if self._step == 3 and self._at == "is killed":
            os.kill(os.getpid(), signal.SIGTERM)
        return 0, 0.5, self._step == 4, False, {}

    def render(self) -> Any:
        """A picture of one colour."""
        width, height = self._size
        return np.full((height, width, 3), 40 * self._step, np.uint8)


class Blind(Drawn):
    """An environment that cannot render."""

    metadata = {"render_modes": []}  # noqa: RUF012


@pytest.fixture(scope="module", autouse=True)
def registered() -> Iterator[None]:
    """Register the environments of this file."""
    made = {"Drawn-v0": Drawn, "Blind-v0": Blind}
    for name, entry in made.items():
        gymnasium.register(name, entry_point=entry)
    yield
    for name in made:
        del gymnasium.registry[name]


def policy_of(*lines: str, name: str = "by hand") -> Policy:
    """Return a policy with a random Q-table."""
    made = load_resolved(lines)
    table = np.random.default_rng(1).normal(size=made.shape)
    origin = {"checkpoint": "ep000010", "run_name": name, "run_id": "", "sha256": "", "metrics": {}}
    return Policy(table, made.grid, made.env, made.description.first_action, record(made.config), origin)


def drawn(**kwargs: Any) -> Policy:
    """Return a policy for `Drawn`."""
    origin = {"checkpoint": "ep000010", "run_name": "by hand"}
    grid = Grid((0.0,), (2.0,), (2,))
    return Policy(np.zeros((2, 2)), grid, Env("Drawn-v0", max_steps=100, kwargs=kwargs), 0, {}, origin)


def filmed(policy: Policy, *files: Path, seed: int = 5) -> VideoInfo:
    return record_video(policy.setting(), policy, seed, files, "--video")


def seen(policy: Policy, seed: int = 5) -> list[Moment]:
    """Return the moments of an episode, as they are recorded."""
    setting = policy.setting()
    with closing(rendering_env(setting, "rgb_array", "--video")) as env:
        return list(moments(env, setting, policy, seed))


def decoded(path: Path) -> list[npt.NDArray[np.int64]]:
    """Return the frames of an MP4, int64[height, width, 3]."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.int64) for frame in container.decode(video=0)]


def gif_frames(path: Path) -> tuple[list[npt.NDArray[np.int64]], list[int]]:
    """Return the frames of a GIF and their durations in milliseconds."""
    frames, durations = [], []
    with Image.open(path) as image:
        assert (image.format, image.info["loop"]) == ("GIF", 0)
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            frames.append(np.asarray(image.convert("RGB"), np.int64))
            durations.append(image.info["duration"])
    return frames, durations


@pytest.mark.slow
@pytest.mark.parametrize("preset", FILMED)
def test_the_mp4(preset: str, tmp_path: Path) -> None:
    """The MP4 is H.264 with a frame for the start and one per step, at the environment's frame rate."""
    policy = policy_of(f"env={preset}", f"env.max_steps={STEPS}")
    path = tmp_path / "agent.mp4"
    made = filmed(policy, path)
    steps = seen(policy)[-1].step
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.frames, stream.average_rate) == (steps + 1, FPS[preset])
        assert made == VideoInfo(steps + 1, (stream.width, stream.height), FPS[preset])
    assert len(decoded(path)) == steps + 1
    assert made.size[0] % 2 == made.size[1] % 2 == 0
    assert path.read_bytes().index(b"moov") < path.read_bytes().index(b"mdat")  # plays while it loads
    assert os.listdir(tmp_path) == ["agent.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("preset", FILMED)
def test_the_frames_are_the_environments(preset: str, tmp_path: Path) -> None:
    """The decoded frames show the environment's own frames above the caption, up to compression."""
    policy = policy_of(f"env={preset}", f"env.max_steps={STEPS}")
    filmed(policy, tmp_path / "agent.mp4")
    for frame, moment in zip(decoded(tmp_path / "agent.mp4"), seen(policy), strict=True):
        factor = math.ceil(480 / moment.pixels.shape[1])
        expected = moment.pixels.repeat(factor, axis=0).repeat(factor, axis=1).astype(np.int64)
        height, width, _ = expected.shape
        assert np.abs(frame[:height, :width] - expected).mean() < 3
        assert np.abs(frame[height + 2 :, :4] - BACKGROUND).mean() < 6


@pytest.mark.slow
@pytest.mark.parametrize("preset", FILMED)
def test_the_gif(preset: str, tmp_path: Path) -> None:
    """The GIF shows the same frames as the MP4, loops, and takes as long, with a pause at the end."""
    policy = policy_of(f"env={preset}", f"env.max_steps={STEPS}")
    made = filmed(policy, tmp_path / "agent.gif")
    frames, durations = gif_frames(tmp_path / "agent.gif")
    every = math.ceil(FPS[preset] / 20)
    expected = [np.asarray(captioned_frame(moment, policy), np.int64) for moment in seen(policy)]
    kept = expected[::every] if (len(expected) - 1) % every == 0 else [*expected[::every], expected[-1]]
    assert len(frames) == len(kept)
    assert max(np.abs(a - b).mean() for a, b in zip(frames, kept, strict=True)) < 1
    assert abs(sum(durations) - (1000 * made.frames / made.fps + 2000)) <= 10


def test_both_at_once(tmp_path: Path) -> None:
    """An MP4 and a GIF are recorded together, into a folder that is created."""
    policy = policy_of("env=frozen_lake", f"env.max_steps={STEPS}")
    filmed(policy, tmp_path / "new" / "a.mp4", tmp_path / "new" / "a.gif")
    assert sorted(os.listdir(tmp_path / "new")) == ["a.gif", "a.mp4"]


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_video_shows_the_episode_of_the_summary(preset: str) -> None:
    """From the same seed, a video ends with the return, the length and the ending of the rollout."""
    policy = policy_of(f"env={preset}", "env.max_steps=30")
    rollouts = roll_out(policy.setting(), policy.q_table, range(5, 6))
    last = seen(policy)[-1]
    assert (last.total, last.step) == (rollouts.returns[0], rollouts.lengths[0])
    assert (last.ending == "terminated") == rollouts.terminated[0]


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_nothing_of_a_caption_is_clipped(preset: str) -> None:
    """With the longest texts, the frame is unchanged, and the caption has a margin on all sides."""
    policy = policy_of(f"env={preset}", "env.max_steps=1", name="buckets=10,20\n" * 20)
    pixels = seen(policy)[0].pixels
    actions = range(policy.first_action, policy.first_action + policy.actions)
    for action in (None, *actions):
        shown = np.asarray(
            captioned_frame(Moment(pixels, 10000, action, -12345.678, "truncated: step limit"), policy)
        )
        factor = math.ceil(480 / pixels.shape[1])
        height, width = pixels.shape[0] * factor, pixels.shape[1] * factor
        assert np.array_equal(shown[:height:factor, :width:factor], pixels)
        bar = shown[height + height % 2 :]
        ink = (bar != BACKGROUND).any(axis=2)
        columns, rows = np.flatnonzero(ink.any(axis=0)), np.flatnonzero(ink.any(axis=1))
        assert min(columns[0], bar.shape[1] - 1 - columns[-1]) >= 12
        assert min(rows[0], bar.shape[0] - 1 - rows[-1]) >= 6
        gaps = [b - a for a, b in pairwise(np.flatnonzero(ink[: len(ink) // 2].any(axis=0)).tolist())]
        assert sum(gap >= 15 for gap in gaps) == 2  # step, action and return stand apart


def test_small_odd_pictures_are_enlarged(tmp_path: Path) -> None:
    """A frame of 65 x 33 pixels is enlarged to 520 x 264, and the size with the caption is even."""
    policy = drawn()
    made = filmed(policy, tmp_path / "a.mp4")
    assert (made.frames, made.size, made.fps) == (5, (520, 264 + 52), 10.0)
    image = captioned_frame(Moment(np.zeros((301, 501, 3), np.uint8), 1, 1, 0.1 + 0.2, ""), policy)
    assert (image.width % 2, image.height % 2) == (0, 0)


@pytest.mark.parametrize(("at", "error"), [("fails", EnvironmentFailure), ("is killed", Interrupted)])
def test_no_incomplete_file_is_left(at: str, error: type[BaseException], tmp_path: Path) -> None:
    """If the environment fails, or a signal arrives, the old file stays and no file is added."""
    (tmp_path / "a.mp4").write_bytes(b"mine")
    with pytest.raises(error):
        filmed(drawn(at=at), tmp_path / "a.mp4", tmp_path / "a.gif")
    assert os.listdir(tmp_path) == ["a.mp4"]
    assert (tmp_path / "a.mp4").read_bytes() == b"mine"


@pytest.mark.filterwarnings("error")
def test_an_environment_that_draws_nothing(tmp_path: Path) -> None:
    """An environment that cannot render is refused with the option's name, and no file is created."""
    policy = dataclasses.replace(drawn(), env=Env("Blind-v0", max_steps=100))
    with pytest.raises(
        UsageError, match=r"--video: needs an environment that can render .* given 'Blind-v0'"
    ):
        filmed(policy, tmp_path / "a.mp4")
    with pytest.raises(
        UsageError, match=r"--human: needs an environment that can render \(render_mode human\)"
    ):
        rendering_env(policy.setting(), "human", "--human")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("before", [None, "wayland"])
def test_the_display_settings_are_restored(
    before: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording needs no display, and restores SDL's driver afterwards."""
    monkeypatch.delenv("SDL_AUDIODRIVER", raising=False)
    monkeypatch.delenv("SDL_VIDEODRIVER", raising=False)
    if before:
        monkeypatch.setenv("SDL_VIDEODRIVER", before)
    filmed(policy_of("env=cliff_walking", "env.max_steps=2"), tmp_path / "a.mp4")
    assert os.environ.get("SDL_VIDEODRIVER") == before
    assert "SDL_AUDIODRIVER" not in os.environ


@pytest.mark.parametrize("ending", ["mp4", "gif"])
def test_frames_are_not_held_in_memory(ending: str, tmp_path: Path) -> None:
    """Of two hundred written frames, at most two are in memory at any time."""
    frames: list[weakref.ref[Image.Image]] = []
    with writing(tmp_path / f"a.{ending}", 20.0) as writer:
        for number in range(200):
            image = Image.new("RGB", (64, 64), (number, 0, 0))
            frames.append(weakref.ref(image))
            writer.add(image)
            assert sum(frame() is not None for frame in frames) <= 2


def test_a_gif_of_equal_frames_waits(tmp_path: Path) -> None:
    """Equal frames are one frame that is shown for as long as all of them."""
    colours = [0, 0, 0, 90, 90, 200, 200, 200]
    with writing(tmp_path / "a.gif", 4.0) as writer:
        for colour in colours:
            writer.add(Image.new("RGB", (32, 32), (colour, colour, colour)))
    frames, durations = gif_frames(tmp_path / "a.gif")
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 90, 200]
    assert durations == [750, 500, 750 + 2000]


def test_a_fast_gif_skips_frames(tmp_path: Path) -> None:
    """Of 50 frames per second every third is kept, and always the last one."""
    with writing(tmp_path / "a.gif", 50.0) as writer:
        for number in range(12):
            writer.add(Image.new("RGB", (32, 32), (20 * number,) * 3))
    frames, durations = gif_frames(tmp_path / "a.gif")
    assert [int(frame[0, 0, 0]) for frame in frames] == [0, 60, 120, 180, 220]
    assert durations == [60, 60, 60, 40, 20 + 2000]


def test_a_frame_rate_need_not_be_an_integer(tmp_path: Path) -> None:
    """An MP4 keeps 29.97 frames per second as exactly as the format can."""
    with writing(tmp_path / "a.mp4", 30000 / 1001) as writer:
        writer.add(Image.new("RGB", (32, 32)))
    with av.open(str(tmp_path / "a.mp4")) as container:
        rate = container.streams.video[0].average_rate
    assert rate is not None
    assert math.isclose(rate, 30000 / 1001, rel_tol=1e-6)
