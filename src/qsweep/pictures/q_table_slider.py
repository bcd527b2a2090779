"""A run's Q-table at a few checkpoints, as images for which MLflow's UI has a slider."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from qsweep.pictures.q_table import policy_map
from qsweep.pictures.surfaces import Layout
from qsweep.tracking.checkpoints import Archive

WIDTH = 700
"""Width of an image in pixels."""
KEY = "greedy_policy"
"""MLflow's key of the images; + and % in a key, or any other file beside the images, break its page."""


def q_table_images(
    archive: Archive, layout: Layout, title: str, count: int = 10
) -> Iterator[tuple[int, Image.Image]]:
    """Yield (step, image) of the greedy policy at the first, the last and evenly spaced stored checkpoints.

    The step is the last episode before the checkpoint, counted from 0, as in the curves; the first one is
    0, the initial position of MLflow's slider. Images are 700 pixels wide and have the same height. Cells
    that have not changed since the first checkpoint are hatched.
    """
    numbers = archive.stored
    chosen = numbers[np.unique(np.linspace(0, len(numbers) - 1, count).round().astype(int))]
    images: list[tuple[int, Image.Image]] = []
    first = None
    for episodes, table in archive.tables(chosen.tolist()):
        first = table if first is None else first
        changed = (table.view(np.int64) != first.view(np.int64)).any(axis=-1).astype(np.int64)
        figure = policy_map(layout, table, f"{title} · episode {episodes:,}", changed)
        figure.set_dpi(WIDTH / figure.get_figwidth())
        images.append((episodes - 1 if images else 0, _image(figure.canvas)))
    height = max((image.height for _, image in images), default=0)
    for step, image in images:
        page = Image.new("RGB", (WIDTH, height), "#ffffff")
        page.paste(image)
        yield step, page


def _image(canvas: Any) -> Image.Image:
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")


def write_slider(folder: Path, images: Iterable[tuple[int, Image.Image]], timestamp: int) -> None:
    """Write images under the names of MLflow's `log_image`, so that one `log_artifacts` logs all of them.

    folder: the folder that becomes the run's `images`. timestamp: the run's, in milliseconds; with the same
    timestamp, images that are logged again replace the old ones, while `log_image` would add them. The run
    also needs the tag `mlflow.loggedImages`.
    """

    def save(step: int, image: Image.Image) -> None:
        number = uuid.uuid5(uuid.NAMESPACE_URL, f"{KEY}/{step}")
        name = f"{KEY}+step+{step}+timestamp+{timestamp}+{number}"
        image.save(folder / f"{name}.png")
        image.save(folder / f"{name}+compressed.webp")

    with ThreadPoolExecutor(2) as pool:  # encoding takes longer than drawing, and runs on another core
        list(pool.map(save, *zip(*images, strict=True)))
