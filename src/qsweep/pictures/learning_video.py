"""Frames of a learning video: a Q-table's action chart above the learning curve.

matplotlib draws the background once; every frame then changes only some of its pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageDraw

from qsweep.pictures.agent_stills import EpisodePlayer, Still
from qsweep.pictures.dot_pixels import Pixels, window
from qsweep.pictures.encoding import Gif, Mp4
from qsweep.pictures.labels import font, shorten
from qsweep.pictures.marks import GREEDY, OTHER
from qsweep.pictures.q_table import notes
from qsweep.pictures.sheets import DARK, GREY, LIGHT, decorate, name_rows
from qsweep.pictures.surfaces import Layout
from qsweep.pictures.video_places import PixelBox, Place, places
from qsweep.system.arrays import Floats
from qsweep.tracking.checkpoints import name_of
from qsweep.tracking.curves import Points

WIDTH, HEIGHT = 1200, 900
"""Size of a frame in pixels."""
DPI = 100
LEFT, RIGHT, TOP, BOTTOM = 84, 36, 84, 566
"""Pixels: left and right margin, upper and lower end of the panels' area."""
CURVE_BOX = (LEFT, 622, WIDTH - LEFT - RIGHT, 218)
"""The learning curve's left, top, width and height in pixels, if no agent is beside it."""
AGENT_BOX = (806, 600, 370, 246)
"""The agent's picture's left, top, width and height in pixels."""
BLUE = "#0072b2"


@dataclass(frozen=True)
class RunCurves:
    """A run's curves, as recorded with `window`, its number of episodes, and a title."""

    points: Points
    window: int
    episodes: int
    title: str


class FrameTemplate:
    """The common background of all frames, drawn once, with the windows that differ between frames."""

    def __init__(self, layout: Layout, course: RunCurves, with_agent: bool = False) -> None:
        self._layout, self._course = layout, course
        self._figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI)
        canvas = FigureCanvasAgg(self._figure)
        self._words()
        spots = places(layout, (LEFT, TOP, WIDTH - LEFT - RIGHT, BOTTOM - TOP))
        self._panels(spots)
        self._curve = (*CURVE_BOX[:2], AGENT_BOX[0] - LEFT - 70, CURVE_BOX[3]) if with_agent else CURVE_BOX
        self._limits, faint = self._draw_curve()
        self._background = _pixels(canvas)
        for artist, alpha in faint:
            artist.set_alpha(alpha)
        left, top, width, height = self._curve
        self._done = _pixels(canvas)[top : top + height, left : left + width]
        self._windows = [window(self._background, layout.panels[spot.panel], spot) for spot in spots]

    def _axes(self, box: PixelBox) -> Axes:
        left, top, width, height = box
        place = (left / WIDTH, 1 - (top + height) / HEIGHT, width / WIDTH, height / HEIGHT)
        return self._figure.add_axes(place)

    def _words(self) -> None:
        title = shorten(self._course.title, 20, 740)
        style: Any = {"va": "center", "parse_math": False}
        self._figure.text(LEFT / WIDTH, 1 - 24 / HEIGHT, title, size=14, color=DARK, **style)
        self._figure.text(LEFT / WIDTH, 1 - 77 / HEIGHT, notes(self._layout), size=10, color=GREY, **style)
        self._figure.legend(
            handles=[GREEDY.handle("the greedy action"), OTHER.handle("not")],
            loc="upper right",
            bbox_to_anchor=(1 - (RIGHT - 8) / WIDTH, 1 - 6 / HEIGHT),
            ncols=2,
            fontsize=10.5,
            frameon=False,
            handletextpad=0.3,
            columnspacing=1.2,
        )

    def _panels(self, spots: Sequence[Place]) -> None:
        leftmost = []
        for spot in spots:
            axes, panel = self._axes(spot.box), self._layout.panels[spot.panel]
            decorate(
                axes,
                panel,
                self._layout.actions[spot.action],
                panel.fixed,
                left=spot.left,
                bottom=spot.lowest,
            )
            leftmost += [axes] * spot.left
        name_rows(self._figure, leftmost, 24 / WIDTH)

    def _draw_curve(self) -> tuple[tuple[float, float], list[tuple[Any, float]]]:
        """Draw the faint future curve; return its limits, and its artists with their opacity when past."""
        x, y = self._course.points.episodes + 1, self._course.points.values
        low, average, high = (y[f"train/return_{name}"] for name in ("min", "avg", "max"))
        axes = self._axes(self._curve)
        band = axes.fill_between(x, low, high, color=BLUE, alpha=0.05, lw=0)
        (line,) = axes.plot(x, average, color=BLUE, alpha=0.2, lw=1.8, solid_joinstyle="round")
        axes.set_xlim(0, self._course.episodes)
        margin = 0.06 * float(np.ptp([low.min(), high.max()])) or 1.0
        limits = (float(low.min()) - margin, float(high.max()) + margin)
        axes.set_ylim(*limits)
        words = f"return over the last {self._course.window:,} episodes: average, minimum to maximum"
        axes.set_title(words, loc="left", fontsize=10.5, color=DARK)
        axes.set_xlabel("episode", fontsize=10)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.tick_params(labelsize=9)
        axes.grid(color=GREY, alpha=0.2, lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        return limits, [(band, 0.18), (line, 1.0)]

    def frame(self, episodes: int, q_table: Floats, still: Still | None = None) -> Image.Image:
        """Return the frame of a checkpoint, 1200 x 900 pixels, with a picture of its agent if given."""
        frame = self._background.copy()
        best = [panel.greedy(q_table).ravel() for panel in self._layout.panels]
        for spot in self._windows:
            greedy = (best[spot.panel] == spot.action)[spot.cell]
            frame[spot.rows, spot.columns] = np.where(greedy, spot.greedy, spot.other)
        left, top, width, height = self._curve
        past = round(width * min(episodes / self._course.episodes, 1))
        frame[top : top + height, left : left + past] = self._done[:, :past]
        image = Image.frombytes("RGB", (WIDTH, HEIGHT), frame.data, "raw", "RGBX")
        self._mark(ImageDraw.Draw(image), episodes, left + past)
        if still is not None:
            _paste(image, still)
        return image

    def _mark(self, draw: ImageDraw.ImageDraw, episodes: int, x: int) -> None:
        points, (_, top, _, height) = self._course.points, self._curve
        at = max(int(np.searchsorted(points.episodes, episodes - 1, side="right")) - 1, 0)
        average, epsilon = (float(points.values[f"train/{key}"][at]) for key in ("return_avg", "epsilon"))
        low, high = self._limits
        y = top + height * (high - average) / (high - low)
        draw.line((x, top, x, top + height), GREY, 1)
        draw.ellipse((x - 6, y - 6, x + 6, y + 6), BLUE, "#ffffff", 2)
        parts = {
            LEFT: name_of(episodes),
            LEFT + 150: f"episode {episodes:,} of {self._course.episodes:,}",
            LEFT + 450: f"epsilon {epsilon:.3f}",
            LEFT + 620: f"average return {average:.4g}",
        }
        for across, words in parts.items():
            draw.text((across, 50), words, DARK, font(18), "lm")


def frames(
    scene: FrameTemplate, tables: Iterable[tuple[int, Floats]], agent: EpisodePlayer | None = None
) -> Iterator[Image.Image]:
    """Yield one frame per checkpoint; with an agent, more at the end, until its last episode is over."""
    last: tuple[int, Floats] | None = None
    for last in tables:
        yield scene.frame(*last, agent.still(*last) if agent else None)
    if last is None or agent is None:
        return
    for still in agent.rest(*last):
        yield scene.frame(*last, still)


def write_frames(images: Iterable[Image.Image], writer: Mp4 | Gif) -> int:
    """Write images, each while the next one is drawn; return their number."""
    count, before = 0, None
    with ThreadPoolExecutor(1) as encoder:
        for image in images:
            if before is not None:
                before.result()
            before = encoder.submit(writer.add, image)
            count += 1
        if before is not None:
            before.result()
    return count


def _pixels(canvas: FigureCanvasAgg) -> Pixels:
    """Draw a canvas and return its pixels, one number each."""
    drawn: Any = canvas  # it has no types
    drawn.draw()
    return np.array(drawn.buffer_rgba()).view(np.uint32)[..., 0]


def _paste(image: Image.Image, still: Still) -> None:
    left, top, width, height = AGENT_BOX
    picture = Image.fromarray(still.pixels).convert("RGB")
    scale = min(width / picture.width, height / picture.height)
    size = (round(picture.width * scale), round(picture.height * scale))
    x, y = left + (width - size[0]) // 2, top + (height - size[1]) // 2
    image.paste(picture.resize(size, Image.Resampling.BILINEAR), (x, y))
    draw = ImageDraw.Draw(image)
    draw.rectangle((x - 1, y - 1, x + size[0], y + size[1]), outline=LIGHT)
    for number, words in enumerate(still.words):
        draw.text((left, top + height + 14 + 20 * number), words, DARK, font(14), "lm")
