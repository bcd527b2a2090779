"""The agent at play in a real browser: its environments, and what a user can do with it."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from docs.pictures import CHROMIUM
from PIL import Image
from playwright.sync_api import Page, expect

from qsweep.commands.play import Pictures, play
from qsweep.environments.grid import cells_at
from qsweep.environments.resolved import Setting
from qsweep.environments.twins.twin import Twin
from qsweep.pictures.layouts import layout
from qsweep.plan.composition import load_resolved
from qsweep.report.page.rendering import FOLDER
from qsweep.report.play_data import WORLDS, play_data
from qsweep.runs.runner import Work
from qsweep.tracking.store import Store, open_store
from tests.support.trained import run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine; set CHROMIUM"),
]

STEPS = 10_000
EPISODES = {
    "MountainCar-v0": ("env=mountain_car", "buckets=20", "episodes=3000"),
    "CartPole-v1": ("env=cart_pole", "episodes=300"),
    "Acrobot-v1": ("env=acrobot", "episodes=60"),
    "FrozenLake-v1": ("env=frozen_lake", "episodes=600"),
    "Taxi-v4": ("env=taxi", "episodes=600"),
    "CliffWalking-v1": ("env=cliff_walking", "episodes=300"),
    "qsweep/WindyGridworld-v0": ("env.id=qsweep/WindyGridworld-v0", "episodes=200"),
    "tiles": ("env=mountain_car", "discretizer=tiles", "tilings=4", "buckets=8", "episodes=500"),
}
"""A config for each environment that a page can step, and one with tile coding."""

SIMULATE = """
async ([play, actions]) => {
  if (play.constants) play.constants = await unpacked(play.constants);
  const world = worldOf(play), random = pcg64(...play.starts[0].random), found = [];
  let state = [...play.starts[0].state], steps = 0;
  for (const action of actions) {
    const [reward, terminated] = world.step(state, action, random);
    const seen = world.observe(state);
    found.push([[...state], cellsOf(play.grid, seen), reward, terminated]);
    steps += 1;
    if (terminated || steps === 50) { state = [...play.starts[0].state]; steps = 0; }
  }
  return found;
}
"""


def setting_of(name: str) -> tuple[Setting, Twin]:
    resolved = load_resolved([*EPISODES[name], "tracking=none"])
    assert resolved.twin is not None
    return resolved, resolved.twin


def simulated(twin: Twin, play: dict[str, Any], actions: list[int]) -> Iterator[Any]:
    """Yield what the twin does: state, observation, reward, terminated; as SIMULATE restarts it."""
    first, (state, observation) = play["starts"][0], twin.buffers()
    words = [int(part, 16) for part in first["random"]]
    random = np.array([half for word in words for half in (word >> 64, word & (2**64 - 1))], np.uint64)
    state[:], steps = first["state"], 0
    with np.errstate(over="ignore"):
        for action in actions:
            reward, terminated = twin.step(random, twin.constants, state, action, observation)
            yield state.copy(), observation.copy(), reward, terminated
            steps += 1
            if terminated or steps == 50:
                state[:], steps = first["state"], 0


@pytest.mark.parametrize("name", EPISODES)
def test_a_page_steps_as_the_engine_does(tab: Page, name: str) -> None:
    """After 10,000 random steps states are within 1e-9 of the twin's; cells, rewards, ends are equal."""
    setting, twin = setting_of(name)
    made = play_data(setting, layout(setting), {}, 10)
    assert made is not None
    actions = np.random.default_rng(1).integers(setting.description.actions, size=STEPS).tolist()
    script = "\n".join((FOLDER / file).read_text() for file in ("worlds.js", "playground.js"))
    tab.add_script_tag(
        content=f"const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));\n{script}"
    )
    found = tab.evaluate(SIMULATE, [json.loads(json.dumps(made)), actions])
    expected = [*simulated(twin, made, actions)]
    states = np.array([state for state, *_ in expected])
    np.testing.assert_allclose([state for state, *_ in found], states, rtol=0, atol=1e-9)
    cells = cells_at(setting.grid, np.array([seen for _, seen, *_ in expected]))
    assert [cell for _, cell, *_ in found] == cells.tolist()
    assert [one[2:] for one in found] == [[float(reward), bool(ended)] for *_, reward, ended in expected]
    assert len({tuple(cell) for cell in cells.tolist()}) > 3


def test_every_kind_of_world_is_covered() -> None:
    """The environments above use every world that pages know."""
    assert {WORLDS[setting_of(name)[1].step] for name in EPISODES} == {*WORLDS.values()}


@pytest.fixture(scope="module")
def store(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a run in each environment."""
    folder = tmp_path_factory.mktemp("playing")
    shutil.copy(migrated_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    short = ("evaluation.test_episodes=10", "evaluation.episodes=20", f"tracking.uri={uri}")
    for name, given in EPISODES.items():
        run([Work(load_resolved([*given, *short]), name.replace("/", "_"), "")])
    return open_store(uri)


@pytest.fixture
def page(tab: Page, tmp_path: Path, request: pytest.FixtureRequest, store: Store) -> Iterator[Page]:
    """The page of a run, not yet playing; nothing must be said in the console or asked of a server."""
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda one: asked.append(one.url))
    tab.emulate_media(reduced_motion="reduce")  # so that it waits
    name = getattr(request, "param", "MountainCar-v0").replace("/", "_")
    play(name, 1, pictures=Pictures(page=tmp_path / "a.html"), uri=store.uri)
    tab.goto(f"file://{tmp_path}/a.html")
    expect(tab.locator(".now")).to_contain_text("Step 0")
    yield tab
    assert said == []
    assert [url for url in asked if not url.startswith("file://")] == []


def recorded(store: Store, name: str) -> tuple[float, int]:
    """Return and length of the first test episode of a run's chosen checkpoint."""
    [found] = store.client.search_runs(
        [e.experiment_id for e in store.client.search_experiments()], f"attributes.run_name = '{name}'"
    )
    file = store.client.download_artifacts(found.info.run_id, "evaluation/test_episodes.parquet")
    first = pq.read_table(file).slice(0, 1).to_pylist()[0]
    return first["return"], first["length"]


@pytest.mark.parametrize("page", EPISODES, indirect=True)
def test_play_ends_as_the_recorded_episode(page: Page, store: Store, request: pytest.FixtureRequest) -> None:
    """From the first test start, the chosen checkpoint reaches the return and length on record."""
    name = request.node.callspec.params["page"].replace("/", "_")
    page.get_by_label("Speed").select_option("16")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible(timeout=30_000)
    total, length = recorded(store, name)
    words = page.locator(".now").inner_text()
    assert words.startswith(f"Step {length}, ")
    assert f"return {total:g};" in words.replace(",", "")
    expect(page.locator(".unseen")).to_have_text(words)


@pytest.mark.parametrize("page", [name for name in EPISODES if name != "tiles"], indirect=True)
def test_the_agent_and_visited_cells_are_drawn(page: Page) -> None:
    """Every environment has a picture, and the shown slices of its table have values that were learned."""
    drawn = (
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    )
    assert page.locator(".scene canvas").first.evaluate(drawn)
    expect(page.locator(".legend").first).to_contain_text(re.compile(r"Values go from -?\d"))


def test_a_click_on_a_cell_starts_there(page: Page) -> None:
    """The episode starts in the middle of a clicked cell, whose Q-values are shown."""
    panel = page.locator(".panel canvas:not(.over)").first
    box = panel.bounding_box()
    assert box is not None
    panel.click(position={"x": 46 + (box["width"] - 54) * 0.525, "y": 4 + (box["height"] - 36) * 0.475})
    expect(page.locator(".now")).to_contain_text("Step 0")
    seen = page.evaluate("document.querySelector('.panel .tip b').textContent")
    assert seen == "position -0.3 to -0.21, velocity (per step) 0 to 0.007"


def test_the_keyboard_drives(page: Page) -> None:
    """Arrow keys and digits choose the action of a step; space plays."""
    stage = page.locator(".stage")
    stage.focus()
    for key, words in (("ArrowRight", "push right"), ("ArrowLeft", "push left"), ("1", "no push")):
        stage.press(key)
        expect(page.locator(".now")).to_contain_text(f", {words}: return")
    expect(page.locator(".now")).to_contain_text("Step 3")
    stage.press(" ")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


def test_keys_drive_after_a_button_or_a_list(page: Page) -> None:
    """Arrow keys work after Restart, and after a start was clicked; a focused list keeps its own keys."""
    for name, done in (("Restart", 0), ("Step", 1)):
        page.get_by_role("button", name=name, exact=True).click()
        page.keyboard.press("ArrowRight")
        expect(page.locator(".now")).to_contain_text(f"Step {2 * done + 1}, push right: return")
    starts = page.get_by_label("Start")
    starts.focus()
    page.keyboard.press("ArrowRight")
    expect(starts).to_have_value("1")
    expect(page.locator(".now")).to_contain_text("Step 0")
    starts.dispatch_event("pointerdown")
    starts.select_option("2")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".now")).to_contain_text("Step 1, push left: return")
    expect(starts).to_have_value("2")


def test_an_action_is_taken_by_a_click(page: Page) -> None:
    """Each action is a button, for a telephone."""
    page.get_by_role("button", name="push left", exact=True).click()
    expect(page.locator(".now")).to_contain_text("Step 1, push left: return -1")


@pytest.mark.parametrize("page", ["CliffWalking-v1", "Taxi-v4"], indirect=True)
def test_a_click_on_the_map_starts_there(page: Page) -> None:
    """The episode starts in a clicked square; a taxi keeps its passenger's place and destination."""
    scene = page.locator(".scene canvas").first
    box = scene.bounding_box()
    assert box is not None
    before = page.evaluate("document.querySelector('.scene canvas').toDataURL()")
    page.get_by_role("button", name="Step", exact=True).click()
    scene.click(position={"x": box["width"] * 0.9, "y": 10})
    expect(page.locator(".now")).to_contain_text("Step 0")
    assert page.evaluate("document.querySelector('.scene canvas').toDataURL()") != before
    found = page.evaluate(
        "sceneOf(data.films.one.play, data.films.one, data.films.one.play.maps).start(0.95, 0.05, [23])"
    )
    assert found == ([11] if page.title().startswith("CliffWalking") else [83])


def test_values_are_told_apart(page: Page) -> None:
    """Different Q-values are written with as many digits as that takes, equal ones with four."""
    cases = {
        "[-1.99999, -1.99998, -2]": ["-1.99999", "-1.99998", "-2"],
        "[0.5, 0.5, 1 / 3]": ["0.5", "0.5", "0.3333"],
        "[0.1 + 0.2, 0.3]": ["0.30000000000000004", "0.3"],
        "[-123456.7, 12345.6]": ["-123457", "12345.6"],
    }
    for values, written in cases.items():
        assert page.evaluate(f"distinctTexts({values})") == written


def test_a_changed_value_changes_the_policy(page: Page) -> None:
    """The greedy action follows the Q-values that a user types, in the tables as well."""
    pictures = set()
    values = page.locator(".cell-values input")
    for action, words in ((0, "push left"), (1, "no push"), (2, "push right")):
        for other in range(3):
            values.nth(other).fill("5" if other == action else "1")
            values.nth(other).press("Enter")
        expect(page.locator(".now")).to_contain_text(f"greedy: {words}")
        expect(page.locator(".cell-values .greedy")).to_have_text(words)
        pictures.add(page.evaluate("document.querySelector('.panel canvas').toDataURL()"))
    assert len(pictures) == 2


@pytest.mark.parametrize("page", ["CliffWalking-v1"], indirect=True)
def test_a_changed_value_is_drawn_in_its_own_cell(page: Page) -> None:
    """Maps have another order of cells than the grid: typed values change the square that the agent is in."""
    canvas = page.locator(".panel canvas:not(.over)").first
    box = canvas.bounding_box()
    assert box is not None
    colours = set()
    for action in range(2):
        for other in range(4):
            page.locator(".cell-values input").nth(other).fill("5" if other == action else "1")
            page.locator(".cell-values input").nth(other).press("Enter")
        page.mouse.move(0, 0)
        picture = Image.open(BytesIO(canvas.screenshot()))
        # At the lower left, where the episode starts, but not on the arrow or the agent's path.
        colours.add(picture.getpixel((50, picture.height - 36)))
    assert len(colours) == 2


def test_two_checkpoints_side_by_side(page: Page) -> None:
    """Another checkpoint plays beside the first from the same start; the slider changes the first."""
    expect(page.locator(".scene:visible")).to_have_count(1)
    page.get_by_label("Beside it").select_option("1")
    expect(page.locator(".scene:visible")).to_have_count(2)
    page.get_by_role("slider").fill("0")
    names = page.locator(".scene h4")
    options = page.get_by_label("Beside it").locator("option").all_inner_texts()
    expect(names.first).to_have_text(f"{options[1]}: return 0")
    expect(names.last).to_have_text(f"{options[2]}: return 0")
    page.get_by_role("button", name="Step", exact=True).click()
    expect(page.locator(".now")).to_contain_text("Step 1")
    expect(names.last).to_have_text(f"{options[2]}: return -1")


def test_it_plays_by_itself(tab: Page, tmp_path: Path, store: Store) -> None:
    """Without reduced motion the page begins to play when it is seen."""
    play("MountainCar-v0", 1, pictures=Pictures(page=tmp_path / "a.html"), uri=store.uri)
    tab.goto(f"file://{tmp_path}/a.html")
    expect(tab.get_by_role("button", name="Pause")).to_be_visible()
    expect(tab.locator(".now")).not_to_contain_text("Step 0")
