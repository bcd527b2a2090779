"""A run's learning curve as an image: a hundredth of the time that a figure of matplotlib takes to appear."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from qsweep.pictures.labels import font
from qsweep.tracking.curves import Points

WIDTH, HEIGHT = 960, 600
"""Of the image, in pixels."""
FINER = 2
"""Lines are drawn so many times larger, then reduced, which smooths them."""
BLUE, PALE, LIGHT, ORANGE = "#0072b2", "#d9eaf4", "#7fb8d8", "#d55e00"
INK, GRID, WHITE = "#222222", "#dddddd", "#ffffff"
SIZE, SMALL = 17, 15
"""Of letters, in pixels."""
TICKS = 7
"""Marks along a side, at most."""
HUGE = 1e300
"""What is no number, or not smaller than this, is not drawn."""
COLOURS = 255
"""Of the image: as good as all, in half the bytes."""
PLACES = (
    *("best", "upper right", "upper left", "lower left", "lower right", "right"),
    *("center left", "center right", "lower center", "upper center", "center"),
)
"""Where a legend may stand; each also goes by its number here, as in matplotlib."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """Values from low to high along pixels from `start` to `end`; ticks are values."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, values: Floats) -> Floats:
        """Where values lie, in pixels."""
        place: Floats = self.start + (values - self.low) / (self.high - self.low) * (self.end - self.start)
        return place


def learning_curve(points: Points, window: int, title: str, legend: str | int = "best") -> Image.Image:
    """A run's trailing average between its trailing minimum and maximum, with epsilon below.

    points: the curves of a run, as recorded. window: episodes the average is taken over. legend: one of
    PLACES, or its number; best is where the curves leave most room. Raises ValueError for another.
    """
    curves = {name: (points.episodes.astype(np.float64), v) for name, v in points.values.items()}
    low, high, average = (_finite(*curves[f"train/return_{name}"]) for name in ("min", "max", "avg"))
    epsilon = _finite(*curves["train/epsilon"])
    values = np.concatenate([low[1], high[1], average[1]])
    y = _scale(values, 425, 42, _plain)
    left = 40 + max(font(SIZE).getlength(_plain(tick)) for tick in y.ticks)
    x = _scale(points.episodes.astype(np.float64), left, WIDTH - 18, _whole)
    below = _scale(epsilon[1], 538, 446, _plain, most=2)
    lines = [
        Line(x(high[0]), y(high[1]), LIGHT, 1),
        Line(x(low[0]), y(low[1]), LIGHT, 1),
        Line(x(average[0]), y(average[1]), BLUE, 3),
        Line(x(epsilon[0]), below(epsilon[1]), ORANGE, 2),
    ]
    image = _lines(x, (y, below), left, lines)
    draw = ImageDraw.Draw(image)
    draw.text((left, 12), title, INK, font(SIZE + 1))
    _words(image, draw, x, (y, below), left, f"return, trailing {window:,} episodes")
    _legend(draw, left, PLACES[legend] if isinstance(legend, int) else legend, lines[:3])
    return image.quantize(COLOURS, Image.Quantize.FASTOCTREE)


@dataclass(frozen=True, eq=False)
class Line:
    """A curve in pixels, float64[n] each; its colour; its width in pixels."""

    x: Floats
    y: Floats
    colour: str
    width: int


def _finite(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    kept = np.abs(y) < HUGE
    return x[kept], y[kept]


def _scale(
    values: Floats, start: float, end: float, name: Callable[[float], str], most: int = TICKS
) -> Scale:
    """A scale that holds all values, with a margin, and round numbers as ticks."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        margin = abs(high) / 20 or 1.0
        low, high = low - margin, high + margin
    room = (high - low) * 0.03
    low, high = low - room, high + room
    step = _round_step((high - low) / most, whole=name is _whole)
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ticks = tuple(number * step for number in numbers)
    return Scale(low, high, start, end, ticks)


def _round_step(least: float, whole: bool) -> float:
    """The smallest of 1, 2, 5, 10, 20, ... (or a tenth of these, and so on) that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    return max(step, 1.0) if whole else step


def _plain(value: float) -> str:
    return f"{value:,.6g}".replace("-", "\N{MINUS SIGN}")


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _lines(x: Scale, scales: Sequence[Scale], left: float, lines: Sequence[Line]) -> Image.Image:
    """Everything but words."""
    image = Image.new("RGB", (WIDTH * FINER, HEIGHT * FINER), WHITE)
    draw = ImageDraw.Draw(image)
    maximum, minimum = lines[:2]
    band = [*_pixels(maximum.x, maximum.y), *_pixels(minimum.x, minimum.y)[::-1]]
    if len(band) > 2:
        draw.polygon(band, PALE)
    for scale in scales:
        _grid(draw, x, scale, left)
    for line in lines:
        _stroke(draw, line)
    return image.reduce(FINER)


def _pixels(x: Floats, y: Floats) -> list[tuple[float, float]]:
    return list(zip((x * FINER).tolist(), (y * FINER).tolist(), strict=True))


def _stroke(draw: ImageDraw.ImageDraw, line: Line) -> None:
    width, places = line.width * FINER, _pixels(line.x, line.y)
    if len(places) > 1:
        draw.line(places, line.colour, width, "curve" if width > FINER else None)
    for px, py in (*places[:1], *places[-1:]):  # a curve of one point is a dot
        draw.ellipse((px - width / 2, py - width / 2, px + width / 2, py + width / 2), line.colour)


def _grid(draw: ImageDraw.ImageDraw, x: Scale, y: Scale, left: float) -> None:
    """Faint lines at the ticks, and the two sides."""
    right = WIDTH - 18
    for place in x(np.array(x.ticks)) * FINER:
        draw.line([(place, y.end * FINER), (place, y.start * FINER)], GRID, FINER)
        draw.line([(place, y.start * FINER), (place, (y.start + 5) * FINER)], INK, FINER)
    for place in y(np.array(y.ticks)) * FINER:
        draw.line([(left * FINER, place), (right * FINER, place)], GRID, FINER)
        draw.line([((left - 5) * FINER, place), (left * FINER, place)], INK, FINER)
    sides = [(left, y.end), (left, y.start), (right, y.start)]
    draw.line([(px * FINER, py * FINER) for px, py in sides], INK, FINER)


def _words(
    image: Image.Image, draw: ImageDraw.ImageDraw, x: Scale, scales: Sequence[Scale], left: float, of_y: str
) -> None:
    """What the sides and their ticks are called."""
    for place, tick in zip(x(np.array(x.ticks)), x.ticks, strict=True):
        draw.text((place, scales[-1].start + 8), _whole(tick), INK, font(SIZE), anchor="mt")
    draw.text(((left + WIDTH - 18) / 2, HEIGHT - 8), "episode", INK, font(SIZE), anchor="mb")
    for scale, name in zip(scales, (of_y, "epsilon"), strict=True):
        for place, tick in zip(scale(np.array(scale.ticks)), scale.ticks, strict=True):
            draw.text((left - 9, place), _plain(tick), INK, font(SIZE), anchor="rm")
        upright = Image.new("L", (math.ceil(font(SIZE).getlength(name)), SIZE + 6))
        ImageDraw.Draw(upright).text((0, 0), name, 255, font(SIZE))
        turned = upright.transpose(Image.Transpose.ROTATE_90)
        middle = round((scale.start + scale.end - turned.height) / 2)
        image.paste(INK, (4, max(middle, 0)), turned)


def _legend(draw: ImageDraw.ImageDraw, left: float, place: str, lines: Sequence[Line]) -> None:
    entries = (("average", lines[2]), ("maximum and minimum", lines[0]))
    size = (54 + max(font(SMALL).getlength(name) for name, _ in entries), 24.0 * len(entries))
    boxes = {name: _corner(name, left, size) for name in PLACES[1:]}
    if place == "best":
        place = min(boxes, key=lambda name: _within(lines, boxes[name], size))
    if place not in boxes:
        raise ValueError(f"legend must be one of {', '.join(PLACES)}; given {place}")
    x, y = boxes[place]
    for row, (name, line) in enumerate(entries):
        middle = y + 24 * row + 12
        draw.line([(x, middle), (x + 32, middle)], line.colour, line.width)
        draw.text((x + 42, middle), name, INK, font(SMALL), anchor="lm")


def _corner(name: str, left: float, size: tuple[float, float]) -> tuple[float, float]:
    """Where the upper left corner of a legend in this place lies."""
    across, down = (
        0.0 if first in name else 1.0 if last in name else 0.5
        for first, last in (("left", "right"), ("upper", "lower"))
    )
    near, far = (left + 14, 50.0), (WIDTH - 28 - size[0], 415 - size[1])
    return near[0] + across * (far[0] - near[0]), near[1] + down * (far[1] - near[1])


def _within(lines: Sequence[Line], box: tuple[float, float], size: tuple[float, float]) -> int:
    """How many points of curves lie in a box."""
    (left, top), (width, height) = box, size
    inside = (
        (left <= line.x) & (line.x <= left + width) & (top <= line.y) & (line.y <= top + height)
        for line in lines
    )
    return sum(int(np.count_nonzero(part)) for part in inside)
