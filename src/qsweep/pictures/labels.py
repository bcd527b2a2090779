"""The words in pictures: what the actions and the dimensions of Gymnasium's own environments are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont


@dataclass(frozen=True)
class View:
    """How more than two dimensions are shown: one along x, one along y, a panel for each of a third.

    within: dimension -> the first and the last bucket that episodes come to, where others exist.
    """

    x: int
    y: int
    slices: int
    within: Mapping[int, tuple[int, int]]


VIEWS: Mapping[str, View] = {
    "Acrobot-v1": View(1, 4, 5, {}),  # how far the upper link has swung, how fast, and the lower one's speed
    "Blackjack-v1": View(1, 0, 2, {0: (4, 21), 1: (1, 10)}),  # as in Sutton and Barto 2018, Figure 5.2
    "CartPole-v0": View(2, 3, 0, {}),
    "CartPole-v1": View(2, 3, 0, {}),
    "LunarLander-v3": View(1, 3, 4, {}),
    "Pendulum-v1": View(1, 2, 0, {}),
}
"""Which dimensions of theirs tell most together, where there are more than two."""


@lru_cache(maxsize=8)
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font of matplotlib's figures, `size` pixels high."""
    found = find_spec("matplotlib")  # which is not imported for it: that takes longer than drawing
    assert found is not None
    assert found.origin is not None
    return ImageFont.truetype(Path(found.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf", size)


def cut(text: str, size: int, room: float) -> str:
    """A text in one line of this font size that ends, with an ellipsis if it must, where the room does."""
    text, letters = " ".join(text.split()), font(size)
    if letters.getlength(text) <= room:
        return text
    while text and letters.getlength(f"{text}…") > room:
        text = text[:-1]
    return f"{text}…"
