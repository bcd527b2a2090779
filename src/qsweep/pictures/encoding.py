"""Video files: frames streamed into an MP4 or a GIF, which is either complete or absent."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

from PIL import Image

from qsweep.system.atomic_files import sync_folder, temporary_folder

GIF_WIDTH, GIF_FPS = 600, 20
"""A GIF's maximum width in pixels and frames per second: its file is much larger than an MP4."""
GIF_HOLD = 200
"""The duration of a GIF's last frame before it restarts, in hundredths of a second."""
LOSSLESS = {"codec": "libx264rgb", "pixels": "rgb24", "qp": "0", "preset": "ultrafast"}


@contextmanager
def writing(path: Path, fps: float) -> Iterator[Mp4 | Gif]:
    """Yield a writer of a temporary file, which replaces `path` at the end unless an exception is raised.

    The file is a GIF if `path` ends in .gif, otherwise an MP4. fps: frames per second. Raises OSError if the
    file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with closing(
            Gif(unfinished, fps) if path.suffix.lower() == ".gif" else Mp4(unfinished, fps)
        ) as writer:
            yield writer
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
        sync_folder(path.parent)
    finally:
        unfinished.unlink(missing_ok=True)


class Mp4:
    """An MP4 with H.264 that can be played while it loads; the default options suit every player."""

    def __init__(
        self, path: Path, fps: float, codec: str = "libx264", pixels: str = "yuv420p", **options: str
    ) -> None:
        import av  # FFmpeg's libraries

        self._frame: Any = av.VideoFrame.from_image  # it has no types
        self._container: Any = av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"})
        stream: Any = self._container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt, stream.thread_type = pixels, "FRAME"  # each core encodes a frame
        stream.options = options or {"crf": "20", "preset": "veryfast"}
        self._stream = stream

    def add(self, image: Image.Image) -> None:
        """Encode a frame; by default width and height must be even."""
        if not self._stream.is_open:
            self._stream.width, self._stream.height = image.size
        self._container.mux(self._stream.encode(self._frame(image)))

    def close(self) -> None:
        """Encode the remaining frames and complete the file."""
        with self._container:
            if self._stream.is_open:
                self._container.mux(self._stream.encode(None))


class Gif:
    """A GIF that loops, in the 255 colours that suit all of its frames best.

    These colours are known only at the end; until then the frames are in a temporary lossless video.
    """

    def __init__(self, path: Path, fps: float) -> None:
        self._path, self._fps, self._every = path, fps, math.ceil(fps / GIF_FPS)
        self._scratch = temporary_folder()
        self._lossless = Path(self._scratch.name) / "frames.mp4"
        self._frames = Mp4(self._lossless, GIF_FPS, **LOSSLESS)
        self._times: list[int] = []
        self._added = 0
        self._latest: Image.Image | None = None
        self._shown: Image.Image | None = None

    def add(self, image: Image.Image) -> None:
        """Append a frame, or skip it if there are more per second than a GIF should have."""
        self._latest = image
        if self._added % self._every == 0:
            self._show(image, self._time(self._added))
        self._added += 1

    def close(self) -> None:
        """Write all frames, always with the last one, and complete the file."""
        with self._scratch:
            if self._latest is not None:
                self._show(self._latest, self._time(self._added - 1))
            self._frames.close()
            if self._shown is not None:
                self._encode(self._shown.size)

    def _time(self, number: int) -> int:
        """Return the time of a frame in the unit of GIFs, hundredths of a second."""
        return round(100 * number / self._fps)

    def _show(self, image: Image.Image, time: int) -> None:
        """Store a frame, unless it equals the one before, which is then shown for longer."""
        frame = image.copy()
        frame.thumbnail((GIF_WIDTH, image.height), Image.Resampling.LANCZOS)
        if frame != self._shown:
            self._frames.add(frame)
            self._times.append(time)
        self._shown = frame

    def _encode(self, size: tuple[int, int]) -> None:
        import av

        duration = self._time(self._added) + GIF_HOLD - self._times[-1]  # of the last frame
        options = {"loop": "0", "final_delay": str(min(duration, 2**16 - 1))}
        with av.open(str(self._path), "w", format="gif", options=options) as container:
            stream: Any = container.add_stream("gif", rate=100)
            stream.pix_fmt = "pal8"
            stream.width, stream.height = size
            for frame, time in zip(_in_few_colours(self._lossless), self._times, strict=True):
                frame.pts, frame.time_base = time, Fraction(1, 100)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))


def _in_few_colours(video: Path) -> Iterator[Any]:
    """Yield the frames of a video in a palette that is made from all of them: the video is read twice."""
    from av import error
    from av.filter import Graph

    graph: Any = Graph()
    first, again = (graph.add("movie", filename=str(video)) for _ in range(2))
    palette, through = graph.add("palettegen"), graph.add("paletteuse", dither="none")
    graph.link_nodes(first, palette)
    palette.link_to(through, 0, 1)
    graph.link_nodes(again, through, graph.add("buffersink"))
    graph.configure()
    with suppress(error.EOFError):
        while True:
            yield graph.vpull()
