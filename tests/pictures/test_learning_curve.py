from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageColor

from qsweep.pictures.learning_curve import BLUE, HEIGHT, LEGEND_POSITIONS, ORANGE, PALE, WIDTH, learning_curve
from qsweep.tracking.curves import Points

Pixels = npt.NDArray[np.uint8]


def points(average: npt.ArrayLike, spread: float = 10.0) -> Points:
    """Return curves whose minimum and maximum lie `spread` below and above the average."""
    values = np.asarray(average, np.float64)
    return Points(
        np.arange(len(values)),
        {
            "train/return_avg": values,
            "train/return_min": values - spread,
            "train/return_max": values + spread,
            "train/epsilon": np.linspace(0.5, 0.0, len(values)),
        },
    )


def of_colour(image: Image.Image, colour: str) -> npt.NDArray[np.bool_]:
    """Return the mask of pixels [height, width] with nearly this colour."""
    wanted = np.array(ImageColor.getrgb(colour), np.int64)
    found: npt.NDArray[np.bool_] = np.abs(np.asarray(image.convert("RGB"), np.int64) - wanted).max(axis=2) < 8
    return found


def test_the_average_rises_within_its_band() -> None:
    """A rising average goes up from left to right, with the band above and below it."""
    image = learning_curve(points(np.linspace(-200.0, -100.0, 50)), 100, "MountainCar-v0", "upper left")
    assert image.size == (WIDTH, HEIGHT)
    average, band = of_colour(image, BLUE), of_colour(image, PALE)
    column = np.flatnonzero(average[120:420].any(axis=0))
    rows = [120 + np.flatnonzero(average[120:420, at]).mean() for at in (column[5], column[-5])]
    assert rows[0] > rows[1] + 250
    for at in (300, 500, 700):
        middle = np.flatnonzero(average[120:420, at]).mean()
        inside = np.flatnonzero(band[120:420, at])
        assert inside.min() < middle < inside.max()


def test_epsilon_lies_below() -> None:
    """Epsilon decays in a chart of its own, below the returns."""
    rows, columns = np.nonzero(of_colour(learning_curve(points(np.zeros(50)), 1, "t"), ORANGE))
    assert rows.min() > 440
    assert rows[columns == columns.min()].mean() < rows[columns == columns.max()].mean() - 50


@pytest.mark.parametrize(
    ("place", "right", "low"),
    [("upper left", 0, 0), ("lower right", 1, 1), (4, 1, 1), (3, 0, 1), ("center", 0.5, 0.5)],
)
def test_the_position_of_the_legend(place: str | int, right: float, low: float) -> None:
    """The legend has the requested position, given by name or by index."""
    around = points(np.array([-10.0, 10.0] * 2), 0.0)
    elsewhere = next(
        name for name in LEGEND_POSITIONS[1:] if name != place and LEGEND_POSITIONS.index(name) != place
    )
    here, there = (
        np.asarray(learning_curve(around, 1, "t", at).convert("L"), np.int64) for at in (place, elsewhere)
    )
    darker = here < there - 100
    rows, columns = np.nonzero(darker)
    assert abs(rows.mean() - (75 + low * 315)) < 40
    assert abs(columns.mean() - (210 + right * 590)) < 80


def test_the_best_place_is_empty() -> None:
    """By default, the legend does not cover a curve."""
    rising = points(np.linspace(-200.0, -100.0, 500), 0.0)
    best, chosen = (np.asarray(learning_curve(rising, 1, "t", at)) for at in ("best", "lower right"))
    upper = np.asarray(learning_curve(rising, 1, "t", "upper left"))
    assert np.array_equal(best, upper) or np.array_equal(best, chosen)


def test_an_invalid_position() -> None:
    """An invalid position raises ValueError, which lists the valid ones."""
    with pytest.raises(ValueError, match="legend must be one of best, upper right"):
        learning_curve(points(np.zeros(3)), 1, "t", "beside")


@pytest.mark.parametrize(
    "average",
    [
        [-200.0],
        [0.0, 0.0],
        [1e9, 2e9],
        [-1e-9, 1e-9],
        [np.nan, -5.0, np.inf],
        [np.nan, np.nan],
        [1e308, -1e308],
    ],
)
def test_any_curve_can_be_drawn(average: list[float]) -> None:
    """One point, a constant, huge and tiny returns, and NaN all give an image."""
    assert learning_curve(points(average), 100, "t").size == (WIDTH, HEIGHT)


def test_signs_in_a_title() -> None:
    """A title may have any characters."""
    assert learning_curve(points([0.0, 1.0]), 100, "ü $x_1$ \N{SNOWMAN} a=[1,2]").size == (WIDTH, HEIGHT)
