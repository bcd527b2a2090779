from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from qsweep import load_run
from qsweep.commands.plot import CHARTS, Request, plot
from qsweep.errors import UsageError
from qsweep.plan.composition import load_resolved
from qsweep.runs.runner import Work
from qsweep.tracking.store import Store, open_store
from tests.support.disks import files_of_at_most
from tests.support.trained import run

pytestmark = pytest.mark.slow

SHORT = ("episodes=100", "evaluation.episodes=5", "evaluation.test_episodes=20", "evaluation.checkpoints=3")


@pytest.fixture(scope="module")
def store(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a run on MountainCar, with ten checkpoints, and one on the lake."""
    folder = tmp_path_factory.mktemp("plotting")
    shutil.copy(migrated_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    for name, env in (("car", "env=mountain_car"), ("lake", "env=frozen_lake")):
        run([Work(load_resolved([*SHORT, env, "buckets=8", f"tracking.uri={uri}"]), name, "")])
    return open_store(uri)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def words(file: Path) -> str:
    return " ".join(re.findall(r"<text[^>]*>([^<]*)<", file.read_text()))


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("name", ["car", "lake"])
def test_every_chart_of_a_run(store: Store, name: str, chart: str) -> None:
    """Each chart is a PNG that is named after the run and the chart, and has colours."""
    made = plot(store, name, Request(chart))
    assert made.path == Path(f"{name}-{chart}.png")
    pixels = np.asarray(Image.open(made.path).convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 20
    assert str(made).endswith(f"wrote {made.path}")


@pytest.mark.parametrize("chart", CHARTS)
def test_other_types_of_files(store: Store, here: Path, chart: str) -> None:
    """SVG and PDF files are drawn by their ending; an SVG's text is text, and names run and environment."""
    plot(store, "car/ep000050", Request(chart, here / "a.svg"))
    plot(store, "car/ep000050", Request(chart, here / "a.PDF"))
    title = "MountainCar-v0 · car" if chart == "curve" else "MountainCar-v0 · car · ep000050"
    assert title in words(here / "a.svg")
    assert (here / "a.PDF").read_bytes().startswith(b"%PDF")


def test_a_picture_of_every_checkpoint(store: Store) -> None:
    """A folder has a picture of each checkpoint at multiples of a number of episodes, and of the last."""
    made = plot(store, "car", Request("actions", every=30))
    assert made.path == Path("car-actions")
    names = [f"ep{number:06d}.png" for number in (30, 60, 90, 100)]
    assert sorted(file.name for file in made.path.iterdir()) == names
    assert made.count == len(names)
    plot(store, "car/ep000030", Request("actions", Path("one.png")))
    assert Path("one.png").read_bytes() == (made.path / "ep000030.png").read_bytes()
    with pytest.raises(UsageError, match="exists"):
        plot(store, "car", Request("actions", every=50))
    plot(store, "car", Request("actions", every=50, force=True))
    assert len([*made.path.iterdir()]) == 2
    (made.path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"also contains notes\.txt"):
        plot(store, "car", Request("actions", every=50, force=True))


@pytest.mark.parametrize(
    ("chart", "kind"), [("curve", "png"), ("curve", "svg"), ("actions", "png"), ("policy", "pdf")]
)
def test_a_picture_is_whole_or_not_there(store: Store, here: Path, chart: str, kind: str) -> None:
    """On a full disk the old picture stays, nothing else does, and --out is named."""
    out = here / f"a.{kind}"
    out.write_text("old")
    plot(store, "car", Request(chart, here / f"warm.{kind}"))  # the fonts are found
    (here / f"warm.{kind}").unlink()
    with files_of_at_most(1024), pytest.raises(UsageError, match="--out: cannot be written"):
        plot(store, "car", Request(chart, out, force=True))
    assert {file.name: file.read_text() for file in here.iterdir()} == {out.name: "old"}


def test_the_place_of_the_legend(store: Store) -> None:
    """A curve's legend is where it is asked for, by matplotlib's number or name."""
    pictures = []
    for place in ("2", "lower right"):
        plot(store, "car", Request(legend=place, out=Path(f"{place}.png")))
        pictures.append(np.asarray(Image.open(f"{place}.png").convert("RGB")))
    different = np.argwhere((pictures[0] != pictures[1]).any(axis=2))
    assert different[:, 0].min() < 120
    assert different[:, 0].max() > 340


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"chart": "heatmap"}, "must be one of curve, actions, policy, values, visits"),
        ({"legend": "11"}, "must be a number from 0 to 10, or one of best, upper right"),
        ({"out": Path("a.gif")}, r"must end in \.png, \.svg, \.pdf"),
        ({"out": Path("folder.png")}, "is a folder"),
        ({"every": 10}, "is for charts of Q-tables"),
        ({"every": 0, "chart": "actions"}, "must be a whole number of at least 1"),
        ({"out": Path("missing/a.png")}, "cannot be written"),
        ({"out": Path("missing/a.pdf"), "chart": "policy"}, "cannot be written"),
    ],
)
def test_what_cannot_be_drawn(store: Store, here: Path, given: dict[str, Any], rule: str) -> None:
    """A wrong chart, option or file is refused, and nothing is written."""
    (here / "folder.png").mkdir()
    with pytest.raises(UsageError, match=rule):
        plot(store, "car", Request(**given))
    assert [file.name for file in here.rglob("*")] == ["folder.png"]


def test_names_that_are_not_there(store: Store) -> None:
    """An unknown run or checkpoint is refused, with the nearest ones."""
    with pytest.raises(UsageError, match="is not the name or id of a run"):
        plot(store, "bus", Request("actions"))
    with pytest.raises(UsageError, match="nearest: ep000050, ep000060"):
        plot(store, "car/ep000055", Request("actions"))


def test_a_run_whose_params_are_gone(store: Store, here: Path) -> None:
    """Its tables are drawn; a curve needs the window, and says so. So does the curve of the Python API."""
    shutil.copytree(Path(store.uri.removeprefix("sqlite:///")).parent, here / "mlruns")
    with closing(sqlite3.connect(here / "mlruns" / "mlflow.db")) as connection, connection:
        connection.execute("DELETE FROM params")
    left = open_store("local")
    assert plot(left, "car", Request("actions")).title.startswith("unknown · car · ep")
    with pytest.raises(UsageError, match="param window: is missing or damaged"):
        plot(left, "car", Request())
    with pytest.raises(UsageError, match="param window: is missing or damaged"):
        load_run("car").curve()
