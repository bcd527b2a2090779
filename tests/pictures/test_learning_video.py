from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw

from qsweep.config import Env, record
from qsweep.environments.grid import Grid
from qsweep.environments.resolved import Setting
from qsweep.pictures.agent_stills import END_FRAMES, MAX_FRAMES, EpisodePlayer, Still
from qsweep.pictures.agent_video import rendering_env
from qsweep.pictures.dot_pixels import TINY
from qsweep.pictures.layouts import layout
from qsweep.pictures.learning_video import (
    AGENT_BOX,
    CURVE_BOX,
    HEIGHT,
    WIDTH,
    FrameTemplate,
    RunCurves,
    frames,
)
from qsweep.pictures.marks import GREEDY, OTHER
from qsweep.pictures.surfaces import Layout
from qsweep.pictures.video_places import Place, places
from qsweep.plan.composition import load_resolved
from qsweep.policies.evaluation.rollouts import roll_out
from qsweep.policies.policy import Policy
from qsweep.system.arrays import Floats
from qsweep.tracking.curves import Curves
from tests.support.settings import on_grid

pytestmark = pytest.mark.slow

ROOM = (84, 84, 1080, 482)
PRESETS = ("mountain_car", "cart_pole", "acrobot", "frozen_lake", "cliff_walking", "taxi", "blackjack")
EPISODES = 1000


def of_preset(preset: str, *lines: str) -> tuple[Layout, Floats]:
    """Return a layout and a random Q-table."""
    made = load_resolved([f"env={preset}", *lines])
    table = np.random.default_rng(3).normal(size=made.shape)
    return layout(made), table


def course(returns: Floats | None = None) -> RunCurves:
    """Return the curves of 1,000 episodes whose returns rise from -200 to -100."""
    returns = np.linspace(-200.0, -100.0, EPISODES) if returns is None else returns
    epsilon = np.linspace(1.0, 0.0, len(returns))
    return RunCurves(Curves(len(returns), 10, 500).add(returns, epsilon), 10, len(returns), "a run")


def pixels(image: Image.Image) -> npt.NDArray[np.int64]:
    assert image.size == (WIDTH, HEIGHT)
    return np.asarray(image.convert("RGB"), np.int64)


def rgb(colour: str, alpha: float = 1.0) -> npt.NDArray[np.int64]:
    """Return a colour over white."""
    return np.round(255 * (1 - alpha * (1 - np.array(to_rgb(colour))))).astype(np.int64)


def greedy_in(seen: npt.NDArray[np.int64], shown: Layout, place: Place) -> npt.NDArray[np.bool_]:
    """Return the mask of cells whose dot is that of the greedy action, bool[n1, n2]."""
    left, top, width, height = place.box
    panel = shown.panels[place.panel]
    x = left + width * (panel.x.centres - panel.x.edges[0]) / np.ptp(panel.x.edges)
    y = top + height * (panel.y.edges[-1] - panel.y.centres) / np.ptp(panel.y.edges)
    colours = seen[y.astype(int)[None, :], x.astype(int)[:, None]]
    green = np.abs(colours - rgb(GREEDY.colour)).max(axis=2) <= 8
    red = np.abs(colours - rgb(OTHER.colour, OTHER.alpha)).max(axis=2) <= 8
    ends = panel.map.ends if panel.map else np.zeros_like(green)
    assert np.array_equal(green | red, ~ends)
    return green


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_a_frame_shows_the_greedy_actions(preset: str) -> None:
    """In each action's panel, dots are green where it is greedy, faint red elsewhere, with y upwards."""
    shown, table = of_preset(preset)
    seen = pixels(FrameTemplate(shown, course()).frame(500, table))
    spots = places(shown, ROOM)
    assert {(spot.panel, spot.action) for spot in spots} == set(
        np.ndindex(len(shown.panels), len(shown.actions))
    )
    for spot in spots:
        panel = shown.panels[spot.panel]
        expected = panel.action_values(table).argmax(axis=2) == spot.action
        ends = panel.map.ends if panel.map else np.zeros_like(expected)
        assert np.array_equal(greedy_in(seen, shown, spot), expected & ~ends)


@pytest.mark.slow
@pytest.mark.parametrize("buckets", ["[40,40]", "[3,150]", "[400,400]"])
def test_cells_of_any_size(buckets: str) -> None:
    """Grids with many cells, or few in one dimension, are shown; the smallest cells are filled."""
    shown, table = of_preset("mountain_car", f"buckets={buckets}")
    if buckets == "[400,400]":
        table = np.repeat(np.repeat(table[:4, :4], 100, axis=0), 100, axis=1)
    seen = pixels(FrameTemplate(shown, course()).frame(500, table))
    for spot in places(shown, ROOM):
        if min(spot.box[2] / 400, spot.box[3] / 400) < TINY and buckets == "[400,400]":
            coarse = layout(on_grid(Env(), Grid((-1.2, -0.07), (0.6, 0.07), (4, 4)), 3))
            expected = table[::100, ::100].argmax(axis=2) == spot.action
            assert np.array_equal(greedy_in(seen, coarse, spot), expected)
        else:
            expected = table.argmax(axis=2) == spot.action
            assert np.array_equal(greedy_in(seen, shown, spot), expected)


@pytest.mark.slow
def test_tilings_and_learned_edges() -> None:
    """The cells of tilings and learned edges have their exact positions."""
    for grid in (
        Grid((-1.2, -0.07), (0.6, 0.07), (5, 4), tilings=4),
        Grid((-1.2, -0.07), (0.6, 0.07), (3, 3), edges=((-1.0, 0.1), (-0.03, 0.05))),
    ):
        shown = layout(on_grid(Env(), grid, 3))
        table = np.random.default_rng(0).normal(size=(*grid.shape, 3))
        seen = pixels(FrameTemplate(shown, course()).frame(500, table))
        for spot in places(shown, ROOM):
            expected = shown.panels[0].greedy(table) == spot.action
            assert np.array_equal(greedy_in(seen, shown, spot), expected)


def test_a_greedy_dot_is_larger() -> None:
    """A greedy dot differs from others by its size, too."""
    shown, table = of_preset("mountain_car", "buckets=10")
    table[:] = 0.0
    table[5, 5, 1] = 1.0
    seen = pixels(FrameTemplate(shown, course()).frame(500, table))
    for spot in places(shown, ROOM):
        left, top, width, height = spot.box
        column, row = width // 10, height // 10
        cell = seen[top + 4 * row + 2 : top + 5 * row - 2, left + 5 * column + 2 : left + 6 * column - 2]
        inked = (cell.min(axis=2) < 250).mean()
        assert (inked > 0.5) == (spot.action == 1)
        assert inked < 0.35 or spot.action == 1


def test_only_panels_curve_and_texts_change() -> None:
    """Between two checkpoints, all other pixels are the same."""
    shown, table = of_preset("mountain_car")
    scene = FrameTemplate(shown, course())
    one, other = (pixels(scene.frame(n, t)) for n, t in ((100, table), (900, -table)))
    changed = (one != other).any(axis=2)
    for left, top, width, height in [spot.box for spot in places(shown, ROOM)]:
        changed[top : top + height, left : left + width] = False
    left, top, width, height = CURVE_BOX
    changed[top - 8 : top + height + 8, left - 8 : left + width + 8] = False
    changed[40:62] = False  # the line that says which checkpoint it is
    assert not changed.any()


@pytest.mark.slow
@pytest.mark.parametrize("episodes", [1, 250, 500, 1000])
def test_the_mark_moves_along_the_curve(episodes: int) -> None:
    """The mark is at the checkpoint's x and the average's y; the past curve is darker."""
    shown, table = of_preset("mountain_car")
    seen = pixels(FrameTemplate(shown, course()).frame(episodes, table))
    left, top, width, height = CURVE_BOX
    x = left + round(width * episodes / EPISODES)
    dot = np.argwhere(np.abs(seen[top - 8 : top + height + 8] - rgb("#0072b2")).max(axis=2) < 3)
    centre = dot[np.abs(dot[:, 1] - x) <= 5].mean(axis=0)
    average = -200 + 100 * max(episodes - 5, 0) / EPISODES
    low, high = -206.0, -94.0
    assert abs(centre[0] - 8 - height * (high - average) / (high - low)) < 6
    grey = np.abs(seen[top + 5] - rgb("#6b6b6b")).max(axis=1) < 3
    assert np.flatnonzero(grey[left + 2 :]).tolist() in ([x - left - 2], [])
    assert grey.any() or episodes == 1  # there it lies on the axis
    strong = dot[np.abs(dot[:, 1] - x) > 12]
    assert (strong[:, 1] < x).all()
    assert (len(strong) > 0) == (episodes > 50)


def test_a_run_that_never_changes_has_a_curve() -> None:
    """A run with equal returns, and a run of one episode, have a curve."""
    shown, table = of_preset("mountain_car")
    for count in (1, 50):
        scene = FrameTemplate(shown, course(np.full(count, -200.0)))
        assert pixels(scene.frame(count, table)).std() > 0


def boxes(count: int) -> Iterator[tuple[int, int, int, int]]:
    shown, _ = of_preset("mountain_car")
    yield from (spot.box for spot in places(Layout(shown.panels, tuple(map(str, range(count)))), ROOM))


@pytest.mark.parametrize("actions", [1, 2, 3, 5, 12, 60])
def test_panels_lie_beside_each_other(actions: int) -> None:
    """Panels lie inside their area, with gaps, and have the same size."""
    found = list(boxes(actions))
    assert len(found) == actions
    assert len({box[2:] for box in found}) == 1
    for left, top, width, height in found:
        assert left >= ROOM[0]
        assert left + width <= ROOM[0] + ROOM[2]
        assert top >= ROOM[1]
        assert top + height <= ROOM[1] + ROOM[3]
        assert min(width, height) >= 12
    for (x1, y1, w, h), (x2, y2, _, _) in combinations(found, 2):
        assert abs(x1 - x2) >= w + 10 or abs(y1 - y2) >= h + 10


@pytest.mark.parametrize("preset", ["frozen_lake", "cliff_walking", "taxi"])
def test_cells_of_a_map_are_square(preset: str) -> None:
    """The cells of a map are squares of an integer number of pixels."""
    shown, _ = of_preset(preset)
    for spot in places(shown, ROOM):
        columns, rows = shown.panels[spot.panel].cells.shape[:2]
        assert spot.box[2] / columns == spot.box[3] / rows == spot.box[2] // columns


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_texts_are_not_clipped(preset: str) -> None:
    """The border of a frame is empty."""
    shown, table = of_preset(preset)
    for scene in (FrameTemplate(shown, course()), FrameTemplate(shown, course(), with_agent=True)):
        seen = pixels(scene.frame(EPISODES, table))
        border = np.concatenate([seen[:4].reshape(-1, 3), seen[-4:].reshape(-1, 3)])
        border = np.concatenate([border, seen[:, :4].reshape(-1, 3), seen[:, -4:].reshape(-1, 3)])
        assert (border == 255).all()


@pytest.mark.slow
def test_one_frame_per_checkpoint() -> None:
    """There is one frame per checkpoint, in order, each with its own Q-table."""
    shown, _ = of_preset("mountain_car", "buckets=8")
    tables = [np.random.default_rng(seed).normal(size=(8, 8, 3)) for seed in range(5)]
    images = list(
        frames(FrameTemplate(shown, course()), [(10 * n + 10, table) for n, table in enumerate(tables)])
    )
    assert len(images) == 5
    for image, table in zip(images, tables, strict=True):
        for spot in places(shown, ROOM):
            expected = table.argmax(axis=2) == spot.action
            assert np.array_equal(greedy_in(pixels(image), shown, spot), expected)
    assert list(frames(FrameTemplate(shown, course()), [])) == []


def test_the_agents_picture_is_in_its_box() -> None:
    """The agent's picture keeps its proportions, with its text below, and changes no other pixels."""
    shown, table = of_preset("mountain_car")
    scene = FrameTemplate(shown, course(), with_agent=True)
    picture = np.zeros((100, 300, 3), np.uint8)
    picture[:, :150], picture[:, 150:] = (200, 0, 0), (0, 0, 200)
    without = pixels(scene.frame(500, table))
    seen = pixels(scene.frame(500, table, Still(picture, ("ep000500 plays", "terminated"))))
    left, top, width, height = AGENT_BOX
    rows, columns = np.nonzero((seen == (200, 0, 0)).all(axis=2))
    assert (columns.min(), rows.max() - rows.min() + 1) == (left, round(width / 3))
    assert abs((rows.min() + rows.max()) / 2 - (top + height / 2)) <= 1
    changed = np.argwhere((seen != without).any(axis=2))
    assert changed[:, 1].min() >= left - 1
    assert changed[:, 0].min() >= top - 1
    assert changed[:, 0].max() < HEIGHT - 4


def actor(preset: str, *lines: str) -> tuple[Policy, Setting]:
    """Return a policy with a random Q-table, and its setting."""
    made = load_resolved([f"env={preset}", *lines])
    table = np.random.default_rng(1).normal(size=made.shape)
    origin = {"checkpoint": "ep000010", "run_name": "by hand", "run_id": "", "sha256": "", "metrics": {}}
    policy = Policy(table, made.grid, made.env, made.description.first_action, record(made.config), origin)
    return policy, policy.setting()


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["mountain_car", "cart_pole", "frozen_lake", "blackjack"])
def test_an_agent_plays_complete_episodes(preset: str) -> None:
    """Each episode uses the Q-table of the checkpoint at which it starts, and ends as its rollout does."""
    policy, setting = actor(preset)
    random = np.random.default_rng(5)
    with closing(rendering_env(setting, "rgb_array", "--agent")) as env:
        agent = EpisodePlayer(env, setting, policy, 7, 25.0)
        tables = [(n, random.normal(size=policy.q_table.shape)) for n in range(1, 120)]
        stills = [agent.still(*table) for table in tables]
    words = [still.words for still in stills]
    begun = 0
    for number, (place, _) in enumerate(words):
        name = place.split()[0]
        if number == 0 or words[number - 1][0].split()[0] != name:  # an episode begins
            begun = number
            assert name == f"ep{tables[number][0]:06d}"
            rollout = roll_out(setting, tables[number][1], range(7, 8))
            length, total = int(rollout.lengths[0]), float(rollout.returns[0])
            assert place == f"{name} plays: step 0 of {length}, return 0"
        assert number - begun < MAX_FRAMES + END_FRAMES + 1
        if place.startswith(f"{name} plays: step {length} of"):
            assert place == f"{name} plays: step {length} of {length}, return {total:g}"
            assert words[number][1] == ("terminated" if rollout.terminated[0] else "truncated: step limit")
    assert len({place.split()[0] for place, _ in words}) >= 3


@pytest.mark.slow
def test_the_last_checkpoint_plays_to_its_end() -> None:
    """After the last checkpoint, frames follow until its own episode is over."""
    policy, setting = actor("mountain_car", "buckets=8")
    shown = layout(setting)
    scene = FrameTemplate(shown, course(), with_agent=True)
    tables = [(10 * n, policy.q_table + n) for n in range(1, 6)]
    with closing(rendering_env(setting, "rgb_array", "--agent")) as env:
        agent = EpisodePlayer(env, setting, policy, 7, 25.0)
        count = len(list(frames(scene, tables, agent)))
        again = EpisodePlayer(env, setting, policy, 7, 25.0)
        for table in tables:
            again.still(*table)
        rest = [still.words for still in again.rest(*tables[-1])]
    assert count == len(tables) + len(rest)
    assert rest[-1][0].startswith("ep000050 plays: step 200 of 200")
    assert rest[-1][1] == "truncated: step limit"
    assert [place.split()[0] for place, _ in rest].count("ep000050") >= MAX_FRAMES


def test_a_frame_can_be_drawn_into() -> None:
    """A frame is an independent image: drawing into it does not change the next one."""
    shown, table = of_preset("mountain_car")
    scene = FrameTemplate(shown, course())
    before = pixels(scene.frame(10, table))
    image = scene.frame(10, table)
    ImageDraw.Draw(image).rectangle((0, 0, WIDTH, HEIGHT), "#000000")
    assert np.array_equal(pixels(scene.frame(10, table)), before)
