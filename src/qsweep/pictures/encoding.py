"""Pictures that move: frames streamed into an MP4 or a GIF that is either whole or not there."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

from qsweep.system.atomic_files import sync_folder, temporary_folder

GIF_WIDTH, GIF_FPS = 600, 20
"""A GIF's width in pixels and frames a second, at most: it is many times as large as an MP4."""
GIF_HOLD = 200
"""How long a GIF shows its last frame before it begins again, in hundredths of a second."""
LOSSLESS = {"codec": "libx264rgb", "pixels": "rgb24", "qp": "0", "preset": "ultrafast"}


class Writer(Protocol):
    """Takes frames of one size, in order."""

    def add(self, image: Image.Image) -> None:
        """Append a frame."""

    def close(self) -> None:
        """Complete the file."""


@contextmanager
def writing(path: Path, fps: float) -> Iterator[Writer]:
    """A writer into a file aside, which takes the place of `path` unless something is raised.

    A GIF where `path` ends in .gif, otherwise an MP4. fps: frames a second. Raises OSError where the
    file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with closing(Gif(aside, fps) if path.suffix.lower() == ".gif" else Mp4(aside, fps)) as writer:
            yield writer
        with aside.open("rb") as file:
            os.fsync(file.fileno())
        aside.replace(path)
        sync_folder(path.parent)
    finally:
        aside.unlink(missing_ok=True)


class Mp4:
    """H.264 in an MP4 that plays while it loads; by default such as every player plays."""

    def __init__(
        self, path: Path, fps: float, codec: str = "libx264", pixels: str = "yuv420p", **options: str
    ) -> None:
        import av  # FFmpeg's libraries

        self._frame: Any = av.VideoFrame.from_image  # it has no types
        self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        stream: Any = self._container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt, stream.thread_type = pixels, "FRAME"  # a frame on each core
        stream.options = options or {"crf": "20", "preset": "veryfast"}
        self._stream = stream

    def add(self, image: Image.Image) -> None:
        """Encode a frame; by default width and height must be even."""
        if not self._stream.is_open:
            self._stream.width, self._stream.height = image.size
        self._container.mux(self._stream.encode(self._frame(image)))

    def close(self) -> None:
        """Encode what is left and complete the file."""
        with self._container:
            if self._stream.is_open:
                self._container.mux(self._stream.encode(None))


class Gif:
    """A GIF that plays for ever, in the 255 colours that suit all of its frames best.

    Which those are is known at the end: until then the frames lie in a film without loss.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._path, self._fps, self._every = path, fps, math.ceil(fps / GIF_FPS)
        self._scratch = temporary_folder()
        self._film = Path(self._scratch.name) / "frames.mp4"
        self._frames = Mp4(self._film, GIF_FPS, **LOSSLESS)
        self._times: list[int] = []
        self._added = 0
        self._latest: Image.Image | None = None
        self._shown: Image.Image | None = None

    def add(self, image: Image.Image) -> None:
        """Take a frame, or pass it over where a second has more of them than a GIF should."""
        self._latest = image
        if self._added % self._every == 0:
            self._show(image, self._time(self._added))
        self._added += 1

    def close(self) -> None:
        """Write all frames, the last one always, and complete the file."""
        with self._scratch:
            if self._latest is not None:
                self._show(self._latest, self._time(self._added - 1))
            self._frames.close()
            if self._shown is not None:
                self._encode(self._shown.size)

    def _time(self, number: int) -> int:
        """When a frame is due, in the unit of GIFs: hundredths of a second."""
        return round(100 * number / self._fps)

    def _show(self, image: Image.Image, time: int) -> None:
        """Keep a frame, unless the one before it looks alike, which then is shown for longer."""
        frame = image.copy()
        frame.thumbnail((GIF_WIDTH, image.height), Image.Resampling.LANCZOS)
        if frame != self._shown:
            self._frames.add(frame)
            self._times.append(time)
        self._shown = frame

    def _encode(self, size: tuple[int, int]) -> None:
        import av

        held = self._time(self._added) + GIF_HOLD - self._times[-1]
        options = {"loop": "0", "final_delay": str(min(held, 2**16 - 1))}
        with av.open(str(self._path), "w", format="gif", options=options) as container:
            stream: Any = container.add_stream("gif", rate=100)
            stream.pix_fmt = "pal8"
            stream.width, stream.height = size
            for frame, time in zip(_in_few_colours(self._film), self._times, strict=True):
                frame.pts, frame.time_base = time, Fraction(1, 100)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def _in_few_colours(film: Path) -> Iterator[Any]:
    """The frames of a film in a palette, which is made of all of them before: the film is read twice."""
    from av import error
    from av.filter import Graph

    graph: Any = Graph()
    first, again = (graph.add("movie", filename=str(film)) for _ in range(2))
    palette, through = graph.add("palettegen"), graph.add("paletteuse", dither="none")
    graph.link_nodes(first, palette)
    palette.link_to(through, 0, 1)
    graph.link_nodes(again, through, graph.add("buffersink"))
    graph.configure()
    with suppress(error.EOFError):
        while True:
            yield graph.vpull()
