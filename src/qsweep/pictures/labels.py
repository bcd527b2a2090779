"""The dimensions that pictures of Gymnasium's environments show, and the text of pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont


@dataclass(frozen=True)
class View:
    """A choice of dimensions: x, y, and slices, of which each bucket is a panel.

    within: dimension -> the first and the last bucket that episodes reach, if there are others.
    """

    x: int
    y: int
    slices: int
    within: Mapping[int, tuple[int, int]]


VIEWS: Mapping[str, View] = {
    "Acrobot-v1": View(1, 4, 5, {}),  # sine and speed of the upper link's angle, speed of the lower link
    "Blackjack-v1": View(1, 0, 2, {0: (4, 21), 1: (1, 10)}),  # as in Sutton and Barto 2018, Figure 5.2
    "CartPole-v0": View(2, 3, 0, {}),
    "CartPole-v1": View(2, 3, 0, {}),
    "LunarLander-v3": View(1, 3, 4, {}),
    "Pendulum-v1": View(1, 2, 0, {}),
}
"""Gymnasium id -> the most informative dimensions, for environments with more than two."""


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return the font of matplotlib's figures, `size` pixels high."""
    package = find_spec("matplotlib")  # without importing it, which takes longer than drawing
    assert package is not None
    assert package.origin is not None
    return ImageFont.truetype(str(Path(package.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"), size)


def shorten(text: str, size: int, room: float) -> str:
    """Return a text as one line of a font size, shortened with an ellipsis to the room in pixels."""
    text, letters = " ".join(text.split()), font(size)
    if letters.getlength(text) <= room:
        return text
    while text and letters.getlength(f"{text}…") > room:
        text = text[:-1]
    return f"{text}…"
