from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex, to_rgb, to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.quiver import Quiver
from matplotlib.text import Text
from PIL import Image

from qsweep.config import Env
from qsweep.environments.grid import Grid
from qsweep.pictures.grid_worlds import maps
from qsweep.pictures.layouts import layout
from qsweep.pictures.marks import CIRCLE, GREEDY, OTHER, PALETTE, UNCHANGED
from qsweep.pictures.q_table import (
    action_chart,
    arrange,
    change_map,
    policy_map,
    spread_map,
    value_map,
    visit_map,
)
from qsweep.pictures.q_table_slider import q_table_images, write_slider
from qsweep.pictures.surfaces import Layout, Panel, PanelAxis
from qsweep.pictures.svg import svg
from qsweep.pictures.table_comparison import OTHER_ACTION, agreement_map, difference_map
from qsweep.plan.composition import load_resolved
from qsweep.system.arrays import Floats
from qsweep.tracking.checkpoints import FILE_NAME, Archive, History
from tests.support.settings import on_grid

pytestmark = pytest.mark.slow

CAR = Env("MountainCar-v0")
SVG = "{http://www.w3.org/2000/svg}"
SMALL = Grid((-1.2, -0.07), (0.6, 0.07), (5, 4))
PRESETS = (
    "mountain_car",
    "cart_pole",
    "acrobot",
    "frozen_lake",
    "cliff_walking",
    "taxi",
    "blackjack",
)


def of_preset(preset: str, *lines: str) -> tuple[Layout, Floats, npt.NDArray[np.int64]]:
    """Return a layout, a random Q-table, and changes, half of which are 0."""
    made = load_resolved([f"env={preset}", *lines])
    random = np.random.default_rng(3)
    table = random.normal(size=made.shape)
    changes = random.integers(0, 2, made.shape[:-1]) * random.integers(1, 500, 1)
    return layout(made, changes), table, changes


def small(seed: int = 0) -> tuple[Layout, Floats]:
    """Return a layout and a Q-table of five positions, four velocities and three actions."""
    return layout(on_grid(CAR, SMALL, 3)), np.random.default_rng(seed).normal(size=(5, 4, 3))


def panels_of(figure: Figure) -> list[Axes]:
    """Return the axes of a figure except its colour scale."""
    return [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]


def dots(axes: Axes, colour: str) -> list[PathPatch]:
    """Return the dots of a colour, which are one path."""
    return [
        drawn
        for drawn in axes.patches
        if isinstance(drawn, PathPatch) and not drawn.get_hatch()
        if np.allclose(drawn.get_facecolor()[:3], to_rgb(colour))
    ]


def sides(drawn: PathPatch) -> Floats:
    """Return the right and left end of each dot, [n, 2, 2]."""
    assert CIRCLE[[0, 6]].tolist() == [[1, 0], [-1, 0]]
    return np.asarray(drawn.get_path().vertices).reshape(-1, len(CIRCLE), 2)[:, [0, 6]]


def places(drawn: PathPatch) -> set[tuple[float, float]]:
    return {(round(x, 9), round(y, 9)) for x, y in sides(drawn).mean(axis=1).tolist()}


def centres(panel: Panel, where: npt.NDArray[np.bool_]) -> set[tuple[float, float]]:
    """Return the centres of the cells of a mask."""
    return {(round(panel.x.centres[i], 9), round(panel.y.centres[j], 9)) for i, j in np.argwhere(where)}


def pixels(figure: Figure) -> npt.NDArray[np.int64]:
    """Return the pixels of a figure as PNG, [height, width, 3]."""
    file = BytesIO()
    figure.savefig(file, format="png")
    return np.asarray(Image.open(file).convert("RGB"), np.int64)


def pixel(shown: npt.NDArray[np.int64], axes: Axes, x: float, y: float) -> list[int]:
    """Return the colour at a point in data coordinates."""
    across, up = axes.transData.transform((x, y))
    return shown[shown.shape[0] - 1 - int(up), int(across)].tolist()


def rgb(colour: str) -> list[int]:
    return [round(255 * part) for part in to_rgb(colour)]


def mesh(axes: Axes) -> QuadMesh:
    """Return the coloured cells."""
    return next(drawn for drawn in axes.collections if isinstance(drawn, QuadMesh))


def shown_values(axes: Axes) -> Any:
    """Return the values of the coloured cells, a masked array [n2, n1]."""
    drawn = mesh(axes)
    return np.ma.reshape(drawn.get_array(), drawn.get_coordinates()[:-1, :-1, 0].shape)  # type: ignore[attr-defined]


@pytest.mark.parametrize("preset", PRESETS)
def test_large_green_dots_are_the_greedy_actions(preset: str) -> None:
    """In each action's panel, large green dots are where it is greedy, small red ones elsewhere."""
    shown, table, _ = of_preset(preset)
    figure = action_chart(shown, table, "a title")
    grid = [pair for line in arrange(len(shown.actions), len(shown.panels)) for pair in line]
    assert len(figure.axes) == len(grid) == len(shown.actions) * len(shown.panels)
    for axes, (action, number) in zip(figure.axes, grid, strict=True):
        panel = shown.panels[number]
        greedy = panel.action_values(table).argmax(axis=2) == action
        inside = ~panel.map.ends if panel.map else np.ones_like(greedy)
        [green], [red] = dots(axes, GREEDY.colour), dots(axes, OTHER.colour)
        assert places(green) == centres(panel, greedy & inside)
        assert places(red) == centres(panel, ~greedy & inside)
        assert axes.get_title(loc="left").split("\n")[0] == shown.actions[action]


def test_a_strip_has_a_row_per_action() -> None:
    """With one dimension, the actions are strips below each other, as wide as the sheet."""
    shown = layout(on_grid(CAR, SMALL, 4))
    panel = Panel(shown.panels[0].x, PanelAxis("", np.array([0.0, 1.0])), np.arange(5).reshape(5, 1, 1))
    table = np.random.default_rng(0).normal(size=(5, 4))
    figure = action_chart(Layout((panel,), shown.actions), table, "a title")
    boxes = [axes.get_position() for axes in figure.axes]
    assert len({box.x0 for box in boxes}) == 1
    assert [box.y0 for box in boxes] == sorted((box.y0 for box in boxes), reverse=True)
    for action, axes in enumerate(figure.axes):
        [green] = dots(axes, GREEDY.colour)
        assert places(green) == centres(panel, (table.argmax(axis=1) == action)[:, None])


def test_greedy_dots_differ_without_colour() -> None:
    """A greedy dot is opaque and much larger than others."""
    figure = action_chart(*small(), "a title")
    [green], [red] = dots(figure.axes[0], GREEDY.colour), dots(figure.axes[0], OTHER.colour)
    widths = [np.ptp(sides(drawn)[..., 0], axis=1) for drawn in (green, red)]
    assert widths[0].min() > 1.5 * widths[1].max()
    assert (green.get_alpha(), red.get_alpha()) == (1.0, 0.35)


def test_the_first_dimension_goes_right_and_the_second_up() -> None:
    """A Q-table that prefers the last action in one corner has its green dot in that corner."""
    shown, _ = small()
    table = np.zeros((5, 4, 3))
    table[4, 0, 2] = 1.0  # the greatest position, the least velocity
    axes = action_chart(shown, table, "a title").axes[2]
    [green] = dots(axes, GREEDY.colour)
    [(x, y)] = places(green)
    assert (0.24 < x < 0.6, -0.07 < y < -0.035) == (True, True)
    image = pixels(axes.figure)  # type: ignore[arg-type]
    box = axes.get_window_extent()
    right, bottom = int(box.x1 - box.width / 10), image.shape[0] - int(box.y0 + box.height / 8)
    assert image[bottom, right].tolist() == rgb(GREEDY.colour)


def test_axes_are_in_the_environments_units() -> None:
    """The limits of the axes are the bounds, and the labels name the dimensions."""
    figure = action_chart(*small(), "a title")
    assert figure.axes[0].get_xlim() == (-1.2, 0.6)
    assert figure.axes[0].get_ylim() == (-0.07, 0.07)
    assert [axes.get_xlabel() for axes in figure.axes] == ["position"] * 3
    assert [axes.get_ylabel() for axes in figure.axes] == ["velocity (per step)", "", ""]


@pytest.mark.parametrize("preset", PRESETS)
def test_the_policy_map_has_the_colours_of_its_legend(preset: str) -> None:
    """Each cell has the colour of its greedy action, or is grey if it never changed."""
    shown, table, changes = of_preset(preset)
    figure = policy_map(shown, table, "a title", changes)
    image = pixels(figure)
    for axes, panel in zip(figure.axes, shown.panels, strict=True):
        greedy, still = panel.action_values(table).argmax(axis=2), panel.counts(changes) == 0
        ends = panel.map.ends if panel.map else np.zeros_like(still)
        values = shown_values(axes)
        assert np.array_equal(values.mask.T if values.mask.ndim else ends, still | ends)
        for i, j in np.argwhere(~ends & ~still):
            x = panel.x.edges[i] + 0.1 * np.diff(panel.x.edges)[i]  # beside the arrows
            y = panel.y.edges[j] + 0.1 * np.diff(panel.y.edges)[j]
            assert pixel(image, axes, x, y) == rgb(PALETTE[greedy[i, j]])
    legend = figure.legends[0]
    words = [text.get_text() for text in legend.get_texts()]
    assert words == [*shown.actions, "unchanged since the first checkpoint"]
    colours = [patch.get_facecolor() for patch in legend.get_patches()]
    assert colours == [to_rgba(c) for c in (*PALETTE[: len(shown.actions)], UNCHANGED)]


def test_unchanged_cells_are_grey_and_hatched() -> None:
    """Unchanged cells are hatched for any action; without such cells the legend has no entry."""
    shown, table = small()
    changes = np.ones((5, 4), np.int64)
    changes[1, 2] = 0
    figure = policy_map(shown, table, "a title", changes)
    [panel], image = shown.panels, pixels(figure)
    box = figure.axes[0].transData.transform(
        [(panel.x.edges[1], panel.y.edges[2]), (panel.x.edges[2], panel.y.edges[3])]
    )
    (left, low), (right, high) = np.round(box).astype(int)
    inside = image[image.shape[0] - high + 2 : image.shape[0] - low - 2, left + 2 : right - 2].reshape(-1, 3)
    grey = (inside == rgb(UNCHANGED)).all(axis=1).mean()
    assert 0.3 < grey < 0.95  # the rest are the hatches
    assert np.ptp(inside, axis=1).max() < 20  # which are grey, too
    whole = policy_map(shown, table, "a title", np.ones((5, 4), np.int64))
    assert len(whole.legends[0].get_texts()) == 3


def test_arrows_have_the_direction_of_the_actions() -> None:
    """On FrozenLake's map, each cell that is no end has an arrow of its greedy action."""
    shown, _, _ = of_preset("frozen_lake")
    [panel] = shown.panels
    table = np.zeros((16, 4))
    table[np.arange(16), np.arange(16) % 4] = 1.0  # left, down, right, up, in each row
    figure = policy_map(shown, table, "a title")
    found = {}
    for drawn in figure.axes[0].collections:
        if isinstance(drawn, Quiver):
            for (x, y), u, v in zip(drawn.get_offsets(), drawn.U, drawn.V, strict=True):
                found[x, y] = (np.sign(u), np.sign(v))
    assert panel.map is not None
    towards = [(-1, 0), (0, -1), (1, 0), (0, 1)]
    places = [(i, j) for i, j in np.ndindex(4, 4) if not panel.map.ends[i, j]]
    assert found == {(i + 0.5, j + 0.5): towards[i] for i, j in places}


def test_actions_without_direction_have_letters() -> None:
    """Taxi's pick up and drop off are P and D in the cells where they are greedy."""
    shown, _, _ = of_preset("taxi")
    table = np.zeros((500, 6))
    table[:, 4] = 1.0
    table[shown.panels[1].cells[2, 2, 0], 5] = 2.0
    figure = policy_map(shown, table, "a title")
    letters = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert [words.count("P") for words in letters] == [25, 24]
    assert [words.count("D") for words in letters] == [0, 1]


def test_the_value_map_shows_the_best_actions_values() -> None:
    """The map has the highest value of each cell; the scale covers the cells that changed."""
    shown, table = small()
    changes = np.ones((5, 4), np.int64)
    changes[0, 0] = 0
    table[0, 0] = 1000.0
    figure = value_map(shown, table, "a title", changes)
    best = table.max(axis=2)
    values = shown_values(figure.axes[0])
    assert values.mask.T.tolist() == (changes == 0).tolist()
    assert np.array_equal(values.data.T, best)
    assert mesh(figure.axes[0]).get_clim() == (best[changes > 0].min(), best[changes > 0].max())


def test_the_value_map_of_a_map_omits_the_ends() -> None:
    """Holes and goals, whose values are never learned, are not drawn."""
    shown, table, _ = of_preset("cliff_walking")
    table[37:] = 1e6
    figure = value_map(shown, table, "a title")
    assert shown_values(figure.axes[0]).count() == 37
    assert mesh(figure.axes[0]).get_clim()[1] < 10


def test_values_without_changes() -> None:
    """If no cell has changed, the map is grey, and still has a scale."""
    shown, table = small()
    none = np.zeros((5, 4), np.int64)
    for figure in (
        value_map(shown, table, "a title", none),
        change_map(shown, none, "a title"),
        policy_map(shown, table, "a title", none),
    ):
        assert shown_values(figure.axes[0]).count() == 0
        assert pixels(figure).std() > 0


def test_the_change_map_counts_checkpoints_and_says_so() -> None:
    """The map shows the given numbers, and its scale calls them a stand-in for visits."""
    shown, _ = small()
    changes = np.arange(20).reshape(5, 4)
    figure = change_map(shown, changes, "a title")
    values = shown_values(figure.axes[0])
    assert np.array_equal(values.data.T, changes)
    assert values.mask.T.tolist() == (changes == 0).tolist()
    words = figure.axes[1].get_ylabel()
    assert " ".join(words.split()) == "checkpoints at which the cell changed (an approximation of visits)"


def test_hatched_cells_are_called_what_they_are() -> None:
    """No step began there in training, or play came by too seldom to tell how the targets vary."""
    shown, _ = small()
    visits, spread = np.arange(20).reshape(5, 4), np.where(np.arange(20) > 0, 0.5, np.nan).reshape(5, 4)
    for figure, words in (
        (visit_map(shown, visits, "a title"), "no training step began there"),
        (spread_map(shown, spread, "a title"), "too few states of play"),
    ):
        [legend] = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == [words]
        assert shown_values(figure.axes[0]).mask.sum() == 1


def test_the_difference_map_by_hand() -> None:
    """The map has the difference of the best values, with a dot where the greedy action differs."""
    shown, before = small()
    after = before.copy()
    after[2, 1] += 3.0  # better, the same action
    after[4, 3] = -50.0
    after[4, 3, (before[4, 3].argmax() + 1) % 3] = before[4, 3].max() - 2.0  # worse, another action
    figure = difference_map(shown, before, after, "a title", "ep2 minus ep1")
    expected = np.zeros((5, 4))
    expected[2, 1], expected[4, 3] = 3.0, after[4, 3].max() - before[4, 3].max()
    assert np.allclose(shown_values(figure.axes[0]).data.T, expected)
    limit = np.abs(expected).max()
    assert np.allclose(mesh(figure.axes[0]).get_clim(), (-limit, limit))
    others = after.argmax(axis=2) != before.argmax(axis=2)
    [dot] = dots(figure.axes[0], OTHER_ACTION.colour)
    assert places(dot) == centres(shown.panels[0], others)
    [words] = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == "different greedy action in 1 of 20 cells"
    assert "ep2 minus ep1" in [text.get_text() for text in figure.texts]


def test_the_difference_of_a_table_with_itself() -> None:
    """The difference is 0 everywhere, and the map still has a scale."""
    shown, table = small()
    figure = difference_map(shown, table, table, "a title")
    assert np.all(shown_values(figure.axes[0]) == 0)
    assert mesh(figure.axes[0]).get_clim() == (-1.0, 1.0)


def test_the_agreement_of_seeds_by_hand() -> None:
    """Of four seeds, four, three, two, and two against two agree in one cell each."""
    shown = layout(on_grid(CAR, Grid((0.0, 0.0), (4.0, 1.0), (4, 1)), 3))
    greedy = np.array([[0, 0, 0, 0], [0, 0, 1, 1], [0, 0, 2, 1], [0, 1, 0, 0]])  # seeds, cells
    tables = [np.eye(3)[row][:, None, :] for row in greedy]
    figure = agreement_map(shown, tables, "a title")
    assert shown_values(figure.axes[0]).tolist() == [[1.0, 0.75, 0.5, 0.5]]
    assert mesh(figure.axes[0]).get_clim() == (1 / 3, 1.0)
    words = "4 seeds; on average over the cells shown, 69% agree on the greedy action"
    assert words in [text.get_text() for text in figure.texts]


def test_agreement_hides_cells_that_no_seed_changed() -> None:
    """A cell that one seed changed is drawn; a cell that none changed is hatched."""
    shown, table = small()
    one, other = np.zeros((5, 4), np.int64), np.zeros((5, 4), np.int64)
    one[0, 0] = other[3, 3] = 4
    figure = agreement_map(shown, [table, table], "a title", one + other)
    values = shown_values(figure.axes[0])
    assert values.count() == 2
    assert values[0, 0] == values[3, 3] == 1.0


def charts(preset: str) -> list[Figure]:
    """Return every chart of a preset."""
    shown, table, changes = of_preset(preset)
    title = f"{preset} of a run with a rather long name, " * 3
    return [
        action_chart(shown, table, title),
        policy_map(shown, table, title, changes),
        value_map(shown, table, title, changes),
        change_map(shown, changes, title),
        difference_map(shown, table, -table, title, "other minus one"),
        agreement_map(shown, [table, -table, table], title, changes),
    ]


def words_of(figure: Figure) -> list[Text]:
    """Return all texts of a figure."""
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    for axes in figure.axes:
        texts += [axes.title, axes._left_title, *axes.texts]  # type: ignore[attr-defined]
        for axis in (axes.xaxis, axes.yaxis):
            ticks = axis._update_ticks()  # type: ignore[attr-defined]  # those in sight
            texts += [axis.label, *(label for tick in ticks for label in (tick.label1, tick.label2))]
    return [text for text in texts if text.get_text().strip() and text.get_visible()]


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_texts_are_not_clipped_and_do_not_overlap(preset: str) -> None:
    """All texts of all charts lie inside the figure and do not overlap."""
    for figure in charts(preset):
        figure.canvas.draw()
        width, height = figure.canvas.get_width_height()
        boxes = [(text, text.get_window_extent()) for text in words_of(figure)]
        for text, box in boxes:
            inside = box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
            assert inside, (text, box, (width, height))
        for (one, a), (other, b) in combinations(boxes, 2):
            apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 + 1 or b.y1 <= a.y0 + 1
            assert apart, (one, a, other, b)


@pytest.mark.parametrize("preset", ["mountain_car", "taxi"])
def test_charts_are_svg_too(preset: str) -> None:
    """Each chart is well-formed SVG made of shapes, not of one raster image."""
    for figure in charts(preset):
        root = ElementTree.fromstring(svg(figure))
        shapes = sum(path.get("d", "").count("M ") for path in root.iter(f"{SVG}path"))
        assert shapes + len([*root.iter(f"{SVG}use")]) > 40
        assert len([*root.iter(f"{SVG}image")]) <= 1  # of the colour scale


def test_many_cells_become_a_picture_in_the_svg() -> None:
    """Above 10,000 cells the file size does not grow with the number of cells."""
    grid = Grid((-1.2, -0.07), (0.6, 0.07), (120, 120))
    table = np.random.default_rng(0).normal(size=(120, 120, 3))
    assert len(svg(action_chart(layout(on_grid(CAR, grid, 3)), table, "a title"))) < 1_500_000


def test_an_svg_has_a_path_per_colour_with_the_cells_of_a_mesh() -> None:
    """The value map's cells, read from the SVG, lie where they are and have the colours of the mesh."""
    shown, table = small()
    table = np.round(table)  # several cells have a colour
    figure = value_map(shown, table, "a title")
    dpi = figure.dpi
    root = ElementTree.fromstring(svg(figure))
    assert figure.dpi == dpi
    [group] = [part for part in root.iter(f"{SVG}g") if part.get("id") == "QuadMesh_1"]
    found = {}
    paths = [path for path in group.iter(f"{SVG}path") if "fill: #" in path.get("style", "")]
    for path in paths:
        outlines = re.findall(r"M ([-.0-9]+) ([-.0-9]+)\s*L", path.get("d", ""))
        colour = re.findall(r"fill: (#\w+)", path.get("style", ""))
        found |= {tuple(map(float, corner)): colour for corner in outlines}
    figure.dpi = 72
    drawn, height = mesh(figure.axes[0]), figure.bbox.height
    corners = figure.axes[0].transData.transform(drawn.get_coordinates()[:-1, :-1].reshape(-1, 2))  # type: ignore[attr-defined]
    colours = drawn.to_rgba(drawn.get_array().ravel())
    right = {(x, height - y): [to_hex(c)] for (x, y), c in zip(corners.tolist(), colours, strict=True)}
    assert len({colour for [colour] in found.values()}) == len(paths) < len(found) == len(right) == 20
    for place, colour in right.items():
        assert found[min(found, key=lambda other: math.dist(place, other))] == colour
        assert min(math.dist(place, other) for other in found) < 1e-3


def test_names_are_not_taken_for_formulas() -> None:
    """Names such as $x_1$ and $ are drawn literally."""
    shown, table = small()
    for title in ("$x_1$", "a $ b $", "line\nbreaks \t too"):
        figure = policy_map(shown, table, title)
        assert [text.get_text() for text in figure.texts] == [" ".join(title.split())]
        pixels(figure)


def test_more_actions_than_colours() -> None:
    """With more actions than the palette has, each action has its own colour."""
    shown = layout(on_grid(CAR, SMALL, 12))
    table = np.random.default_rng(0).normal(size=(5, 4, 12))
    figure = policy_map(shown, table, "a title")
    colours = {patch.get_facecolor() for patch in figure.legends[0].get_patches()}
    assert len(colours) == 12
    assert len(action_chart(shown, table, "a title").axes) == 12


@pytest.mark.parametrize(
    ("actions", "panels", "rows"),
    [(3, 1, [3]), (6, 1, [3, 3]), (7, 1, [4, 3]), (2, 3, [3, 3]), (6, 2, [6, 6]), (3, 3, [3, 3, 3])],
)
def test_every_pair_has_one_position(actions: int, panels: int, rows: Sequence[int]) -> None:
    """Every pair of action and panel has one position, in rows of limited length."""
    grid = arrange(actions, panels)
    assert [len(line) for line in grid] == list(rows)
    pairs = [pair for line in grid for pair in line]
    assert sorted(pairs) == [(a, p) for a in range(actions) for p in range(panels)]


def archive_of(path: Path, count: int) -> Archive:
    """Write a history in which the n-th checkpoint changes the n-th of twenty cells to action 2."""
    table = np.zeros((5, 4, 3))
    with History(path / FILE_NAME, (5, 4, 3), {}) as history:
        for n in range(1, count + 1):
            table = table.copy()
            table.reshape(20, 3)[(n - 1) % 20, 2] += 1.0
            history.add(10 * n, table)
    return Archive(path / FILE_NAME)


def test_images_for_the_slider(tmp_path: Path) -> None:
    """Ten images of equal size show the policies from the first checkpoint, at step 0, to the last."""
    archive = archive_of(tmp_path, 19)
    shown, _ = small()
    images = list(q_table_images(archive, shown, "a run"))
    assert [step for step, _ in images] == [0, 29, 49, 69, 89, 109, 129, 149, 169, 189]
    assert {image.size for _, image in images} == {(700, images[0][1].height)}
    for step, image in images:
        seen = np.asarray(image, np.int64).reshape(-1, 3)
        orange = (np.abs(seen - rgb(PALETTE[2])).max(axis=1) < 3).sum()
        cells = (step + 1) // 10 - 1 if step else 0  # the first one changed before the first checkpoint
        cell = 700 / 6.5 * 5.4 / 5 * (700 / 6.5 * 0.78 * 5.4 / 4)
        assert abs(orange / cell - cells) < 0.03 * cells + 0.1


@pytest.mark.parametrize("count", [1, 2, 7])
def test_few_checkpoints_are_all_shown(tmp_path: Path, count: int) -> None:
    """With few checkpoints, each is shown once."""
    images = list(q_table_images(archive_of(tmp_path, count), small()[0], "a run"))
    assert [step for step, _ in images] == [0, *(10 * n - 1 for n in range(2, count + 1))]


def test_slider_files_are_mlflows_and_are_not_duplicated(tmp_path: Path) -> None:
    """An image that is logged twice exists once, with the thumbnail that MLflow requires."""
    images = [(0, Image.new("RGB", (70, 50))), (2499, Image.new("RGB", (70, 50)))]
    for _ in range(2):
        write_slider(tmp_path, images, 1700000000000)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 4
    for name, step in zip(names, ["0", "0", "2499", "2499"], strict=True):
        key, word, number, stamp, when, *rest = name.rpartition(".")[0].split("+")
        assert (key, word, number, stamp, when) == (
            "greedy_policy",
            "step",
            step,
            "timestamp",
            "1700000000000",
        )
        assert (rest[1:] == ["compressed"]) == name.endswith(".webp")
        assert Image.open(tmp_path / name).size == (70, 50)


def test_walls_of_the_books_mazes_are_grey() -> None:
    """They have no letter, and the colour of no value."""
    shown, _ = maps(on_grid(Env("qsweep/DynaMaze-v0"), Grid((0.0,), (54.0,), (54,)), 4))
    figure = value_map(Layout(shown, ("N", "E", "S", "W")), np.ones((54, 4)), "a title")
    [panel], image = shown, pixels(figure)
    assert panel.map is not None
    walls = np.argwhere(panel.map.ends & (panel.map.signs == ""))
    assert len(walls) == 7
    for x, y in walls.tolist():
        assert pixel(image, figure.axes[0], x + 0.5, y + 0.5) == rgb("#9aa0a6")
