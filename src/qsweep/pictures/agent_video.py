"""Greedy episodes on video, from the environment's own frames with a caption, or in its window."""

from __future__ import annotations

import math
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")  # before the import, which prints on stdout

import pygame
from PIL import Image, ImageDraw

from qsweep.environments.facts import facts
from qsweep.environments.failures import EnvironmentFailure
from qsweep.environments.guarded import GuardedEnv
from qsweep.environments.resolved import Setting
from qsweep.errors import Problem, UsageError, one_line
from qsweep.pictures.encoding import writing
from qsweep.pictures.labels import font, shorten
from qsweep.policies.policy import Policy
from qsweep.system.interrupts import StopRequests

FPS = 30.0
"""Frames per second of an environment that does not define them."""
MIN_WIDTH = 480
"""Pixels; narrower frames are enlarged by an integer factor, so that the caption fits below them."""
BAR, BRIGHT, DIM = "#14181d", "#ffffff", "#a5b1bd"
TERMINATED, TRUNCATED = "terminated", "truncated: step limit"


@dataclass(frozen=True)
class Moment:
    """An episode after `step` steps: its picture, the last action, the return so far.

    pixels: uint8[height, width, 3], or None if the environment draws into a window itself. action: the
    environment's number, None at the start. ending: the reason for the end, empty before it.
    """

    pixels: Any
    step: int
    action: int | None
    total: float
    ending: str


@dataclass(frozen=True)
class VideoInfo:
    """The number of frames of a video, their width and height in pixels, frames per second."""

    frames: int
    size: tuple[int, int]
    fps: float

    def __str__(self) -> str:
        width, height = self.size
        return f"{self.frames:,} frames of {width} x {height} pixels, {self.fps:g} per second"


def record_video(
    setting: Setting, policy: Policy, seed: int, files: Sequence[Path], option: str, every: int = 1
) -> VideoInfo:
    """Record one greedy episode to files, each an MP4 or (.gif) a GIF, which appear when they are complete.

    every: every n-th step is a frame, at the environment's own speed, and so are the start and the end.

    Raises UsageError about `option` if the environment cannot render frames, OSError if a file cannot be
    written.
    """
    with ExitStack() as stack, StopRequests() as stop:
        stack.enter_context(headless())
        env = stack.enter_context(rendering_env(setting, "rgb_array", option))
        fps = float(env.metadata.get("render_fps") or FPS) / every
        writers = [stack.enter_context(writing(path, fps)) for path in files]
        frames, size = 0, (0, 0)
        for moment in moments(env, setting, policy, seed, every):
            image = captioned_frame(moment, policy)
            for writer in writers:
                writer.add(image)
            frames, size = frames + 1, image.size
            stop.check()
    return VideoInfo(frames, size, fps)


@contextmanager
def headless() -> Iterator[None]:
    """Let SDL work without a display inside the context; some environments need one to render in memory."""
    before = {key: os.environ.get(key) for key in ("SDL_VIDEODRIVER", "SDL_AUDIODRIVER")}
    os.environ |= dict.fromkeys(before, "dummy")
    try:
        yield
    finally:
        for key, value in before.items():
            os.environ.pop(key)
            if value is not None:
                os.environ[key] = value


def has_display() -> bool:
    """Return whether SDL, which opens the windows of Gymnasium's environments, finds a display."""
    if sys.platform == "linux" and not os.environ.keys() & {"DISPLAY", "WAYLAND_DISPLAY"}:
        return False
    try:
        pygame.display.init()
        return pygame.display.get_driver() not in ("dummy", "offscreen")
    except pygame.error:
        return False
    finally:
        pygame.display.quit()


def show(setting: Setting, policy: Policy, seeds: range) -> None:
    """Play episodes in a window, at the environment's own speed, until they end or it is closed.

    Raises UsageError if the environment has no window.
    """
    with rendering_env(setting, "human", "--human") as env, StopRequests() as stop:
        for seed in seeds:
            for _ in moments(env, setting, policy, seed):
                stop.check()
                if pygame.display.get_init() and pygame.event.peek(pygame.QUIT):
                    return


def rendering_env(setting: Setting, render_mode: str, option: str) -> GuardedEnv:
    """Return the Gymnasium environment of a setting, in a render mode.

    Raises UsageError about `option` if the environment does not have that mode.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a problem is reported below; other warnings do not matter
            env = setting.open(render_mode=render_mode)
        if render_mode in (env.metadata.get("render_modes") or ()):
            return env
        env.close()
        reason = f"its render modes: {env.metadata.get('render_modes')}"
    except EnvironmentFailure as failed:
        reason = one_line(failed)
    rule = f"needs an environment that can render (render_mode {render_mode})"
    raise UsageError([Problem(option, rule, setting.env.id, reason)])


def moments(env: GuardedEnv, setting: Setting, policy: Policy, seed: int, every: int = 1) -> Iterator[Moment]:
    """Yield the start, every n-th step and the end of a greedy episode in an environment that renders."""
    into_window = env.render_mode == "human"
    total, step, action, ending = 0.0, 0, None, ""
    try:
        observation = env.reset(seed)
        while True:
            if step % every == 0 or ending:
                yield Moment(None if into_window else env.render(), step, action, total, ending)
            if ending:
                return
            action, step = policy.act(observation), step + 1
            observation, reward, terminated, truncated = env.step(action)
            total += reward
            if terminated or truncated or step >= setting.max_steps:
                ending = TERMINATED if terminated else TRUNCATED
    except EnvironmentFailure as failed:
        raise failed.at(f"in the greedy episode from seed {seed}, at step {step}") from failed


def captioned_frame(moment: Moment, policy: Policy) -> Image.Image:
    """Return the picture of a moment above a caption with step, action, return and the policy's name.

    Width and height are even, as H.264 requires.
    """
    frame = Image.fromarray(moment.pixels).convert("RGB")
    factor = math.ceil(MIN_WIDTH / frame.width)
    frame = frame.resize((frame.width * factor, frame.height * factor), Image.Resampling.NEAREST)
    width, height = frame.width + frame.width % 2, frame.height + frame.height % 2
    em = max(15, width // 36)
    image = Image.new("RGB", (width, height + 2 * round(1.7 * em)), BAR)
    image.paste(frame)
    draw, large, small = ImageDraw.Draw(image), font(em), font(round(0.8 * em))
    title = f"{policy.env_id} · {policy.title}"
    left, right, y = em, width - em, height + round(1.1 * em)
    draw.text((left, y), f"step {moment.step}", BRIGHT, large, "lm")
    draw.text((left + 7 * em, y), _action(moment, policy), BRIGHT, large, "lm")
    draw.text((right, y), f"return {moment.total:g}", BRIGHT, large, "rm")
    y = height + round(2.4 * em)
    room = right - left - small.getlength(f"  {TRUNCATED}")
    draw.text((left, y), shorten(title, round(0.8 * em), room), DIM, small, "lm")
    draw.text((right, y), moment.ending, BRIGHT, small, "rm")
    return image


def _action(moment: Moment, policy: Policy) -> str:
    if moment.action is None:
        return "start"
    name = dict(enumerate(facts(policy.env_id).actions)).get(moment.action)
    return f"action {moment.action}: {name}" if name else f"action {moment.action}"
