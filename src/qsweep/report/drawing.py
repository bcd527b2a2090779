"""A figure as the two files that a report has of it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # matplotlib is slow to import
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Drawing:
    """A figure's name, and what its files hold."""

    name: str
    png: bytes
    svg: bytes


def drawing(name: str, figure: Figure) -> Drawing:
    """A figure as PNG and SVG."""
    png, svg = BytesIO(), BytesIO()
    figure.savefig(png, format="png")
    with as_words():
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return Drawing(name, png.getvalue(), svg.getvalue())


def as_words() -> Any:
    """A context in which an SVG keeps its words as words, and comes out the same every time."""
    import matplotlib

    return matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "qsweep"})
