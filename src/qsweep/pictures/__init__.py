"""Pictures that move: frames streamed into an MP4 or a GIF that is either whole or not there."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

from PIL import GifImagePlugin, Image, ImageChops

from qsweep.durable import sync_folder

GIF_WIDTH, GIF_FPS = 480, 20
"""A GIF's width in pixels and frames a second, at most: it is many times as large as an MP4."""
GIF_HOLD = 200
"""How long a GIF shows its last frame before it begins again, in hundredths of a second."""


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
    """H.264 in an MP4 that plays while it loads."""

    def __init__(self, path: Path, fps: float) -> None:
        import av  # FFmpeg's libraries, which a GIF does without

        self._frame = av.VideoFrame.from_image
        self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._fps = Fraction(fps).limit_denominator(1001)
        self._stream: Any = None

    def add(self, image: Image.Image) -> None:
        """Encode a frame; width and height must be even."""
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self._fps)
            self._stream.width, self._stream.height = image.size
            self._stream.pix_fmt = "yuv420p"  # what every player plays
            self._stream.options = {"crf": "20", "preset": "veryfast"}
        self._container.mux(self._stream.encode(self._frame(image)))

    def close(self) -> None:
        """Encode what is left and complete the file."""
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
        finally:
            self._container.close()


class Gif:
    """A GIF that plays for ever: of each frame only the rectangle that differs from the one before.

    Pillow's own writer of animations would hold every frame until the last one has come.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._file = path.open("wb")
        self._fps, self._every = fps, math.ceil(fps / GIF_FPS)
        self._added = 0
        self._latest: Image.Image | None = None
        self._shown: Image.Image | None = None
        self._waiting: tuple[Image.Image, tuple[int, int], int] | None = None

    def add(self, image: Image.Image) -> None:
        """Take a frame, or pass it over where a second has more of them than a GIF should."""
        self._latest = image
        if self._added % self._every == 0:
            self._show(image)
        self._added += 1

    def close(self) -> None:
        """Write what is left, the last frame always, and complete the file."""
        with self._file:
            if self._latest is not None:
                self._added -= 1
                self._show(self._latest)
                self._added += 1
                self._write(until=self._time() + GIF_HOLD)
                self._file.write(b";")

    def _time(self) -> int:
        """When the next frame is due, in the unit of GIFs: hundredths of a second."""
        return round(100 * self._added / self._fps)

    def _show(self, image: Image.Image) -> None:
        """Keep a frame waiting: how long it is shown is known when the next one comes."""
        frame = image.copy()
        frame.thumbnail((GIF_WIDTH, image.height), Image.Resampling.LANCZOS)
        whole = (0, 0, *frame.size)
        box = ImageChops.difference(self._shown, frame).getbbox() if self._shown else whole
        if box is None:
            return
        self._write(until=self._time())
        self._waiting = (frame.crop(box).quantize(dither=Image.Dither.NONE), box[:2], self._time())
        self._shown = frame

    def _write(self, until: int) -> None:
        if self._waiting is None:
            return
        colours, place, since = self._waiting
        if since == 0:
            header, _ = GifImagePlugin.getheader(colours, info={"loop": 0})
            self._file.writelines(header)
        duration = 10 * min(until - since, 2**16 - 1)  # Pillow asks for milliseconds
        data = GifImagePlugin.getdata(colours, place, duration=duration, include_color_table=True)
        self._file.writelines(data)
