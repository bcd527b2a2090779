"""A run's learning curve as an image, drawn with Pillow in a hundredth of the time that matplotlib takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

from qsweep.pictures.labels import font
from qsweep.system.arrays import Floats
from qsweep.tracking.curves import Points

WIDTH, HEIGHT = 960, 600
"""Size of the image in pixels."""
SUPERSAMPLING = 2
"""The factor by which lines are drawn larger and then reduced, which smooths them."""
BLUE, PALE, LIGHT, ORANGE = "#0072b2", "#d9eaf4", "#7fb8d8", "#d55e00"
INK, GRID, WHITE = "#222222", "#dddddd", "#ffffff"
SIZE, SMALL = 17, 15
"""Font sizes in pixels."""
TICKS = 7
"""The maximum number of ticks of an axis."""
HUGE = 1e300
"""The magnitude from which values are not drawn, like NaN."""
COLOURS = 255
"""The number of colours in the image: no visible difference from all colours, in half the bytes."""
LEGEND_POSITIONS = (
    *("best", "upper right", "upper left", "lower left", "lower right", "right"),
    *("center left", "center right", "lower center", "upper center", "center"),
)
"""The positions of a legend; each can be given by its index here, as in matplotlib."""


@dataclass(frozen=True)
class Scale:
    """A scale from values low to high to pixels `start` to `end`; ticks are values."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, values: Floats) -> Floats:
        """Return the positions of values in pixels."""
        share = (values - self.low) / (self.high - self.low)
        pixels: Floats = self.start + share * (self.end - self.start)
        return pixels


def learning_curve(points: Points, window: int, title: str, legend: str | int = "best") -> Image.Image:
    """Draw a run's trailing average between its trailing minimum and maximum, with epsilon below.

    points: the curves of a run, as recorded. window: the number of episodes in an average. legend: one of
    LEGEND_POSITIONS, or its index; best covers the fewest points. Raises ValueError for any other.
    """
    low, high, average = (_finite(points, f"train/return_{name}") for name in ("min", "max", "avg"))
    epsilon = _finite(points, "train/epsilon")
    values = np.concatenate([low[1], high[1], average[1]])
    y = _scale(values, 425, 42)
    left = 40 + max(font(SIZE).getlength(_plain(tick)) for tick in y.ticks)
    x = _scale(points.episodes.astype(np.float64), left, WIDTH - 18, integer=True)
    below = _scale(epsilon[1], 538, 446, most=2)
    lines = [
        PixelCurve(x(high[0]), y(high[1]), LIGHT, 1),
        PixelCurve(x(low[0]), y(low[1]), LIGHT, 1),
        PixelCurve(x(average[0]), y(average[1]), BLUE, 3),
        PixelCurve(x(epsilon[0]), below(epsilon[1]), ORANGE, 2),
    ]
    image = _lines(x, (y, below), left, lines)
    draw = ImageDraw.Draw(image)
    draw.text((left, 12), title, INK, font(SIZE + 1))
    _words(image, draw, x, (y, below), left, f"return, trailing {window:,} episodes")
    _legend(draw, left, LEGEND_POSITIONS[legend] if isinstance(legend, int) else legend, lines[:3])
    return image.quantize(COLOURS, Image.Quantize.FASTOCTREE)


@dataclass(frozen=True, eq=False)
class PixelCurve:
    """A curve x, y float64[n] in pixels, with its colour and its width in pixels."""

    x: Floats
    y: Floats
    colour: str
    width: int


def _finite(points: Points, name: str) -> tuple[Floats, Floats]:
    kept = np.abs(points.values[name]) < HUGE
    return points.episodes[kept].astype(np.float64), points.values[name][kept]


def _scale(values: Floats, start: float, end: float, most: int = TICKS, integer: bool = False) -> Scale:
    """Return a scale that contains all values, with a margin, and round numbers as ticks."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    if not high - low > 1e-9 * max(abs(low), abs(high)):
        margin = abs(high) / 20 or 1.0
        low, high = low - margin, high + margin
    room = (high - low) * 0.03
    low, high = low - room, high + room
    step = _round_step((high - low) / most, integer)
    numbers = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    ticks = tuple(number * step for number in numbers)
    return Scale(low, high, start, end, ticks)


def _round_step(least: float, integer: bool) -> float:
    """Return the smallest number of the form 1, 2 or 5 times a power of 10 that is at least `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))
    return max(step, 1.0) if integer else step


def _plain(value: float) -> str:
    return f"{value:,.6g}".replace("-", "\N{MINUS SIGN}")


def _integer(value: float) -> str:
    return f"{value:,.0f}"


def _lines(x: Scale, scales: Sequence[Scale], left: float, lines: Sequence[PixelCurve]) -> Image.Image:
    """Return the image with the grid and the curves, without text."""
    image = Image.new("RGB", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING), WHITE)
    draw = ImageDraw.Draw(image)
    maximum, minimum = lines[:2]
    band = [*_pixels(maximum.x, maximum.y), *_pixels(minimum.x, minimum.y)[::-1]]
    if len(band) > 2:
        draw.polygon(band, PALE)
    for scale in scales:
        _grid(draw, x, scale, left)
    for line in lines:
        _stroke(draw, line)
    return image.reduce(SUPERSAMPLING)


def _pixels(x: Floats, y: Floats) -> list[tuple[float, float]]:
    return list(zip((x * SUPERSAMPLING).tolist(), (y * SUPERSAMPLING).tolist(), strict=True))


def _stroke(draw: ImageDraw.ImageDraw, line: PixelCurve) -> None:
    width, places = line.width * SUPERSAMPLING, _pixels(line.x, line.y)
    if len(places) > 1:
        draw.line(places, line.colour, width, "curve" if width > SUPERSAMPLING else None)
    for px, py in (*places[:1], *places[-1:]):  # a curve of one point is a dot
        draw.ellipse((px - width / 2, py - width / 2, px + width / 2, py + width / 2), line.colour)


def _grid(draw: ImageDraw.ImageDraw, x: Scale, y: Scale, left: float) -> None:
    """Draw faint lines at the ticks, and the two axes."""
    right = WIDTH - 18
    for place in x(np.array(x.ticks)) * SUPERSAMPLING:
        draw.line([(place, y.end * SUPERSAMPLING), (place, y.start * SUPERSAMPLING)], GRID, SUPERSAMPLING)
        draw.line(
            [(place, y.start * SUPERSAMPLING), (place, (y.start + 5) * SUPERSAMPLING)], INK, SUPERSAMPLING
        )
    for place in y(np.array(y.ticks)) * SUPERSAMPLING:
        draw.line([(left * SUPERSAMPLING, place), (right * SUPERSAMPLING, place)], GRID, SUPERSAMPLING)
        draw.line([((left - 5) * SUPERSAMPLING, place), (left * SUPERSAMPLING, place)], INK, SUPERSAMPLING)
    sides = [(left, y.end), (left, y.start), (right, y.start)]
    draw.line([(px * SUPERSAMPLING, py * SUPERSAMPLING) for px, py in sides], INK, SUPERSAMPLING)


def _words(
    image: Image.Image, draw: ImageDraw.ImageDraw, x: Scale, scales: Sequence[Scale], left: float, of_y: str
) -> None:
    for place, tick in zip(x(np.array(x.ticks)), x.ticks, strict=True):
        draw.text((place, scales[-1].start + 8), _integer(tick), INK, font(SIZE), anchor="mt")
    draw.text(((left + WIDTH - 18) / 2, HEIGHT - 8), "episode", INK, font(SIZE), anchor="mb")
    for scale, name in zip(scales, (of_y, "epsilon"), strict=True):
        for place, tick in zip(scale(np.array(scale.ticks)), scale.ticks, strict=True):
            draw.text((left - 9, place), _plain(tick), INK, font(SIZE), anchor="rm")
        upright = Image.new("L", (math.ceil(font(SIZE).getlength(name)), SIZE + 6))
        ImageDraw.Draw(upright).text((0, 0), name, 255, font(SIZE))
        turned = upright.transpose(Image.Transpose.ROTATE_90)
        middle = round((scale.start + scale.end - turned.height) / 2)
        image.paste(INK, (4, max(middle, 0)), turned)


def _legend(draw: ImageDraw.ImageDraw, left: float, place: str, lines: Sequence[PixelCurve]) -> None:
    entries = (("average", lines[2]), ("maximum and minimum", lines[0]))
    size = (54 + max(font(SMALL).getlength(name) for name, _ in entries), 24.0 * len(entries))
    boxes = {name: _corner(name, left, size) for name in LEGEND_POSITIONS[1:]}
    if place == "best":
        place = min(boxes, key=lambda name: _within(lines, boxes[name], size))
    if place not in boxes:
        raise ValueError(f"legend must be one of {', '.join(LEGEND_POSITIONS)}; given {place}")
    x, y = boxes[place]
    for row, (name, line) in enumerate(entries):
        middle = y + 24 * row + 12
        draw.line([(x, middle), (x + 32, middle)], line.colour, line.width)
        draw.text((x + 42, middle), name, INK, font(SMALL), anchor="lm")


def _corner(name: str, left: float, size: tuple[float, float]) -> tuple[float, float]:
    across, down = (
        0.0 if first in name else 1.0 if last in name else 0.5
        for first, last in (("left", "right"), ("upper", "lower"))
    )
    near, far = (left + 14, 50.0), (WIDTH - 28 - size[0], 415 - size[1])
    return near[0] + across * (far[0] - near[0]), near[1] + down * (far[1] - near[1])


def _within(lines: Sequence[PixelCurve], box: tuple[float, float], size: tuple[float, float]) -> int:
    """Return the number of points of curves in a box."""
    (left, top), (width, height) = box, size
    inside = (
        (left <= line.x) & (line.x <= left + width) & (top <= line.y) & (line.y <= top + height)
        for line in lines
    )
    return sum(int(np.count_nonzero(part)) for part in inside)
