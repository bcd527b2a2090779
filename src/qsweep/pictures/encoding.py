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

from qsweep.system.atomic_files import sync_folder

GIF_WIDTH, GIF_FPS = 600, 20
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

        self._frame: Any = av.VideoFrame.from_image  # it has no types
        self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        self._fps = Fraction(fps).limit_denominator(1001)
        self._stream: Any = None

    def add(self, image: Image.Image) -> None:
        """Encode a frame; width and height must be even."""
        if self._stream is None:
            self._stream = self._container.add_stream("libx264", rate=self._fps)
            self._stream.width, self._stream.height = image.size
            self._stream.pix_fmt = "yuv420p"  # what every player plays
            self._stream.thread_type = "FRAME"  # a frame on each core
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
    """A GIF that plays for ever: of each frame only the pixels that differ from the one before.

    Pillow's own writer of animations would hold every frame until the last one has come.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._file = path.open("wb")
        self._fps, self._every = fps, math.ceil(fps / GIF_FPS)
        self._added = 0
        self._latest: Image.Image | None = None
        self._shown: Image.Image | None = None
        self._waiting: tuple[Image.Image, dict[str, Any], int] | None = None

    def add(self, image: Image.Image) -> None:
        """Take a frame, or pass it over where a second has more of them than a GIF should."""
        self._latest = image
        if self._added % self._every == 0:
            self._show(image, self._time())
        self._added += 1

    def close(self) -> None:
        """Write what is left, the last frame always, and complete the file."""
        with self._file:
            if self._latest is not None:
                self._show(self._latest, self._time() - round(100 / self._fps))
                self._write(until=self._time() + GIF_HOLD)
                self._file.write(b";")

    def _time(self) -> int:
        """When the next frame is due, in the unit of GIFs: hundredths of a second."""
        return round(100 * self._added / self._fps)

    def _show(self, image: Image.Image, time: int) -> None:
        """Let a frame wait: how long it is shown is known when the next one comes."""
        frame = image.copy()
        frame.thumbnail((GIF_WIDTH, image.height), Image.Resampling.LANCZOS)
        if self._shown is None:
            self._waiting = (frame.quantize(dither=Image.Dither.NONE), {}, time)
        elif box := ImageChops.difference(self._shown, frame).getbbox():
            self._write(until=time)
            colours, transparent = _changed(self._shown.crop(box), frame.crop(box))
            self._waiting = (colours, {"offset": box[:2], "transparency": transparent}, time)
        self._shown = frame

    def _write(self, until: int) -> None:
        """Append the frame that waits, to be shown until then."""
        if self._waiting is None:
            return
        colours, options, since = self._waiting
        if "offset" not in options:
            self._file.writelines(GifImagePlugin.getheader(colours, info={"loop": 0})[0])
        duration = 10 * min(until - since, 2**16 - 1)  # Pillow asks for milliseconds
        data = GifImagePlugin.getdata(colours, duration=duration, include_color_table=True, **options)
        self._file.writelines(data)


def _changed(before: Image.Image, after: Image.Image) -> tuple[Image.Image, int]:
    """The pixels that changed, in at most 255 colours, and the number of the transparent one."""
    red, green, blue = ImageChops.difference(before, after).split()
    same = ImageChops.lighter(ImageChops.lighter(red, green), blue).point([255] + [0] * 255, "1")
    colours = after.quantize(255, dither=Image.Dither.NONE)
    palette = colours.getpalette() or []
    colours.paste(len(palette) // 3, mask=same)
    colours.putpalette([*palette, 0, 0, 0])
    return colours, len(palette) // 3
