"""Pictures, films and tables that display themselves in a notebook."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from qsweep.system.atomic_files import write_bytes

if TYPE_CHECKING:  # slow to import
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture that a notebook shows. png: the bytes of a PNG file. figure: matplotlib's, if it drew it."""

    png: bytes
    figure: Figure | None = None

    def save(self, path: str | Path) -> Path:
        """Write the picture and return its path; a picture of matplotlib's may end in .svg or .pdf, too.

        Raises ValueError for another ending, OSError if the file cannot be written.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending == ".png":
            write_bytes(path, self.png)
        elif self.figure is not None and ending in (".svg", ".pdf"):
            from qsweep.report.figures import save  # matplotlib is slow to import

            save(self.figure, path)
        else:
            endings = ".png" if self.figure is None else ".png, .svg or .pdf"
            raise ValueError(f"a picture's name must end in {endings}; given {path}")
        return path

    def _repr_png_(self) -> bytes:
        return self.png


def picture_of(figure: Figure, dpi: float = 110) -> Picture:
    """Return a matplotlib figure as a picture. dpi: pixels per inch."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=dpi)
    return Picture(file.getvalue(), figure)


@dataclass(frozen=True, eq=False)
class Film:
    """A film that a notebook plays. mp4: the bytes of an MP4 file (H.264). caption: one line of text."""

    mp4: bytes
    caption: str = ""

    def save(self, path: str | Path) -> Path:
        """Write the film and return its path. Raises OSError if the file cannot be written."""
        write_bytes(Path(path), self.mp4)
        return Path(path)

    def __repr__(self) -> str:
        return f"Film({len(self.mp4):,} bytes: {self.caption})"

    def _repr_html_(self) -> str:
        source = f"data:video/mp4;base64,{base64.b64encode(self.mp4).decode()}"
        film = f'<video controls autoplay loop muted style="max-width: 100%" src="{source}"></video>'
        return f"{film}<div><small>{escape(self.caption)}</small></div>"


def image(picture: Picture, width: int) -> str:
    """Return a picture as an HTML image of a width in pixels, which contains its bytes."""
    source = f"data:image/png;base64,{base64.b64encode(picture.png).decode()}"
    style = "max-width: 100%; vertical-align: top; background: white"
    return f'<img width="{width}" style="{style}" src="{source}">'


def html_table(rows: Iterable[Sequence[str]], header: Sequence[str] = (), bold: bool = False) -> str:
    """Return rows of plain text as an HTML table. Without a header, the first cell of a row is its name."""
    style = ' style="font-weight: bold"' if bold else ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    lines = [f"<tr>{head}</tr>"] if head else []
    for first, *others in rows:
        tag = "td" if head else "th"
        cells = "".join(f"<td{style}>{escape(cell)}</td>" for cell in others)
        lines.append(f'<tr><{tag} style="text-align: left">{escape(first)}</{tag}>{cells}</tr>')
    return f"<table>{''.join(lines)}</table>"


def paragraph(text: str) -> str:
    """Return plain text as a paragraph of HTML."""
    return f"<p>{escape(text)}</p>"


def titled(title: str, *parts: str) -> str:
    """Return parts of HTML below a title of plain text."""
    return f"<div><b>{escape(title)}</b></div>{''.join(parts)}"
