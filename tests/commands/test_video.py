from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import gymnasium
import numpy as np
import numpy.typing as npt
import pytest
from gymnasium import spaces
from PIL import Image

from qsweep.commands import video as video_module
from qsweep.commands.pull import pull
from qsweep.commands.video import VideoMade, video
from qsweep.config import Env
from qsweep.environments.grid import Grid
from qsweep.errors import UsageError
from qsweep.pictures.agent_video import VideoInfo
from qsweep.pictures.layouts import layout
from qsweep.pictures.video_places import places
from qsweep.plan.composition import load_resolved
from qsweep.policies.registry.names import resolve
from qsweep.policies.registry.promotion import register
from qsweep.runs.runner import Work
from qsweep.system.interrupts import Interrupted
from qsweep.tracking.checkpoints import Archive, name_of
from qsweep.tracking.store import open_store
from tests.support.settings import on_grid
from tests.support.trained import run

pytestmark = pytest.mark.slow

SHORT = ("episodes=200", "evaluation.episodes=5", "evaluation.test_episodes=20", "evaluation.checkpoints=3")
ROOM = (84, 84, 1080, 482)


class Blind(gymnasium.Env[int, int]):
    """An environment with one step and no rendering."""

    metadata = {"render_modes": []}  # noqa: RUF012  # as Gymnasium has it
    observation_space = spaces.Discrete(2)
    action_space = spaces.Discrete(2)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        return 0, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict[str, Any]]:
        """Terminate."""
        return 1, 1.0, True, False, {}


class Busy(Blind):
    """An environment with 100 actions."""

    action_space = spaces.Discrete(100)


@dataclass(frozen=True)
class Trained:
    """A store with a run, version 1 of its model and `best`, and the run's archive."""

    uri: str
    run_id: str
    archive: Archive
    folder: Path


@pytest.fixture(scope="module")
def trained(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    """A run of twenty checkpoints, and three more of other environments, in one store."""
    folder = tmp_path_factory.mktemp("filming")
    shutil.copy(migrated_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    for name, made in (("Blind-v0", Blind), ("Busy-v0", Busy)):
        gymnasium.register(name, entry_point=made)
    config = load_resolved([*SHORT, "buckets=8", f"tracking.uri={uri}"])
    [outcome] = run([Work(config, "a run", "")])
    for env in ("env=frozen_lake", "env.id=Blind-v0", "env.id=Busy-v0"):
        lines = [*SHORT, env, "env.max_steps=20", f"tracking.uri={uri}"]
        run([Work(load_resolved(lines), env.rpartition("=")[2], "")])
    store = open_store(uri)
    register(store, outcome.run_id)
    name = "checkpoints/q_table_history.parquet"
    file = Path(store.client.download_artifacts(outcome.run_id, name, str(folder)))
    pull(store, "MountainCar-v0@best", folder / "pulled")
    yield Trained(uri, outcome.run_id, Archive(file), folder)
    for name in ("Blind-v0", "Busy-v0"):
        del gymnasium.registry[name]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def decoded(path: Path) -> list[npt.NDArray[np.uint8]]:
    """Return the frames of an MP4, uint8[height, width, 3]."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").astype(np.uint8) for frame in container.decode(video=0)]


def shows(seen: npt.NDArray[np.uint8], table: npt.NDArray[np.float64]) -> bool:
    """Check that a frame shows an 8 x 8 table: green where an action is greedy, else red."""
    grid = Grid((-1.2, -0.07), (0.6, 0.07), (8, 8))
    for spot in places(layout(on_grid(Env("MountainCar-v0"), grid, 3)), ROOM):
        left, top, width, height = spot.box
        x = (left + width * (np.arange(8) + 0.5) / 8).astype(int)
        y = (top + height * (7.5 - np.arange(8)) / 8).astype(int)
        colour = seen[y[None, :], x[:, None]]
        green = colour[..., 1] > colour[..., 0]
        if not np.array_equal(green, table.argmax(axis=2) == spot.action):
            return False
    return True


@pytest.mark.slow
def test_every_frame_is_its_checkpoint(trained: Trained, here: Path) -> None:
    """There is a frame for each of 20 checkpoints, in H.264 for all players, at 25 frames per second."""
    made = video("a run", uri=trained.uri)
    assert made.path == Path("a_run.mp4")
    with av.open(str(made.path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == (1200, 900)
        assert (stream.frames, stream.average_rate) == (20, 25)
        assert container.duration == 20 / 25 * 1e6
    seen = decoded(made.path)
    assert len(seen) == 20
    for number, frame in enumerate(seen):
        assert shows(frame, trained.archive.q_table(name_of(10 * number + 10))), number
    assert not shows(seen[0], trained.archive.q_table("ep000200"))
    assert made.info == VideoInfo(20, (1200, 900), 25.0)
    assert str(made) == (
        f"MountainCar-v0  run a run ({trained.run_id})\n"
        "showed    ep000010 to ep000200, every checkpoint\n"
        "wrote     a_run.mp4: 20 frames of 1200 x 900 pixels, 25 per second"
    )
    assert os.listdir(here) == ["a_run.mp4"]


@pytest.mark.slow
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (1, range(10, 210, 10)),
        (7, [10, 70, 140, 200]),
        (10, [10, 100, 200]),
        (19, [10, 190, 200]),
        (500, [10, 200]),
    ],
)
def test_every_nth_checkpoint(trained: Trained, every: int, expected: list[int]) -> None:
    """Every n-th checkpoint is shown, counted from the beginning, and always the first and the last."""
    made = video("a run", every=every, uri=trained.uri)
    seen = decoded(made.path)
    assert len(seen) == made.info.frames == len(list(expected))
    for frame, episodes in zip(seen, expected, strict=True):
        assert shows(frame, trained.archive.q_table(name_of(episodes)))
    assert ("every checkpoint" in str(made)) == (every == 1)


@pytest.mark.usefixtures("here")
def test_the_default_number_of_frames(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, checkpoints are skipped if there are more than 250."""
    monkeypatch.setattr(video_module, "FRAMES", 5)
    made = video("a run", uri=trained.uri)
    assert (made.every, made.info.frames) == (4, 6)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["{run_id}", "{short}"])
def test_every_form_of_a_runs_name(trained: Trained, name: str) -> None:
    """A run's id, or its end, stands for the complete run."""
    made = video(
        name.format(run_id=trained.run_id, short=trained.run_id[-8:]),
        Path("a.mp4"),
        uri=trained.uri,
        every=20,
    )
    assert (made.first, made.last) == ("ep000010", "ep000200")
    assert made.run == f"MountainCar-v0  run a run ({trained.run_id})"


@pytest.mark.slow
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["MountainCar-v0@best", "MountainCar-v0/1"])
def test_the_video_of_a_model_ends_at_its_checkpoint(trained: Trained, name: str) -> None:
    """A model's alias or version names the checkpoint that was registered."""
    named = registered_checkpoint(trained)
    assert named != trained.archive.names()[-1]
    made = video(name, Path("a.mp4"), uri=trained.uri)
    frames = trained.archive.names().index(named) + 1
    assert (made.first, made.last, made.info.frames) == ("ep000010", named, frames)
    assert made.run == f"MountainCar-v0  run a run ({trained.run_id})"
    assert shows(decoded(Path("a.mp4"))[-1], trained.archive.q_table(named))


def registered_checkpoint(trained: Trained) -> str:
    """Return the name of the checkpoint behind `best`."""
    return str(resolve(open_store(trained.uri, create=False), "MountainCar-v0@best").checkpoint)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_a_video_ends_at_the_named_checkpoint(trained: Trained) -> None:
    """RUN/CHECKPOINT stands for the run up to this checkpoint."""
    made = video("a run/ep000150", uri=trained.uri)
    assert made.path == Path("a_run_ep000150.mp4")
    seen = decoded(made.path)
    assert len(seen) == 15
    assert shows(seen[-1], trained.archive.q_table("ep000150"))


@pytest.mark.slow
def test_a_gif(trained: Trained, here: Path) -> None:
    """A file ending in .gif is a GIF, smaller and at 20 frames per second."""
    made = video("a run", Path("new/a.GIF"), uri=trained.uri)
    assert (made.info.size, made.info.fps, made.info.frames) == ((600, 450), 20.0, 20)
    with Image.open(here / "new" / "a.GIF") as image:
        assert (image.format, image.size, getattr(image, "n_frames", 1)) == ("GIF", (600, 450), 20)
        first = np.asarray(image.convert("RGB").resize((1200, 900)), np.uint8)
    assert shows(first, trained.archive.q_table("ep000010"))


@pytest.mark.slow
@pytest.mark.usefixtures("here")
def test_with_the_agent(trained: Trained) -> None:
    """There is a frame for each checkpoint, then for each step of the last one's episode; it is rendered."""
    made = video("a run", Path("a.mp4"), every=10, agent=True, fps=50.0, uri=trained.uri)
    seen = decoded(made.path)
    assert len(seen) == made.info.frames > 3
    for frame, episodes in zip(seen[:3], [10, 100, 200], strict=True):
        assert shows(frame, trained.archive.q_table(name_of(episodes)))
    assert all(shows(frame, trained.archive.q_table("ep000200")) for frame in seen[3:])
    assert (seen[0][600:846, 806:1176].sum(axis=2) < 100).sum() > 50  # the car is black


def test_an_environment_that_draws_nothing(trained: Trained, here: Path) -> None:
    """It is refused with --agent, before a file is created, and shown without it."""
    with pytest.raises(
        UsageError, match=r"--agent: needs an environment that can render .* given 'Blind-v0'"
    ):
        video("Blind-v0", Path("a.mp4"), agent=True, uri=trained.uri)
    assert os.listdir(here) == []
    assert video("Blind-v0", Path("a.mp4"), every=10, uri=trained.uri).info.frames == 3


def test_too_many_actions(trained: Trained, here: Path) -> None:
    """A frame has no space for 100 panels, so the run is refused."""
    with pytest.raises(UsageError, match="at most 60 actions; Busy-v0 has 100"):
        video("Busy-v0", uri=trained.uri)
    assert os.listdir(here) == []


@pytest.mark.usefixtures("here")
def test_a_map(trained: Trained) -> None:
    """FrozenLake is drawn on its map."""
    made = video("frozen_lake", every=5, uri=trained.uri)
    frame = decoded(made.path)[-1].astype(np.int64)
    dark = (np.abs(frame - np.array([0x46, 0x50, 0x5A])).max(axis=2) < 12).sum()
    side = 255 // 4
    assert abs(dark - 4 * 4 * side**2) < 0.1 * 4 * 4 * side**2  # four holes in each of four maps


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nobody", "name: is not the name or id of a run; given 'nobody'"),
        ("a run/ep000155", "is not a checkpoint of this run"),
        ("MountainCar-v0@beast", "is not the alias of any version"),
        ("../x", "must be MODEL@ALIAS, MODEL/VERSION, RUN or RUN/CHECKPOINT"),
        ("a/b/c", "must be MODEL@ALIAS, MODEL/VERSION, RUN or RUN/CHECKPOINT"),
        ("", "must be MODEL@ALIAS, MODEL/VERSION, RUN or RUN/CHECKPOINT"),
    ],
)
def test_names_that_stand_for_no_run(trained: Trained, here: Path, name: str, message: str) -> None:
    """They are refused, and nothing is written."""
    with pytest.raises(UsageError) as refused:
        video(name, uri=trained.uri)
    assert message in str(refused.value)
    assert os.listdir(here) == []


@pytest.mark.parametrize("form", ["{}", "./{}", "{}/"])
def test_a_pulled_folder_has_no_history(trained: Trained, here: Path, form: str) -> None:
    """It is refused, and the message has the command for its run."""
    shutil.copytree(trained.folder / "pulled", here / "pulled")
    with pytest.raises(UsageError) as refused:
        video(form.format("pulled"), uri=trained.uri)
    assert "a pulled folder has only one checkpoint" in str(refused.value)
    assert "qsweep video a run" in str(refused.value)


def test_the_store_comes_before_a_folder(trained: Trained, here: Path) -> None:
    """A pulled folder of the same name does not hide a run."""
    shutil.copytree(trained.folder / "pulled", here / "MountainCar-v0@best")
    made = video("MountainCar-v0@best", every=10, uri=trained.uri)
    assert made.last == registered_checkpoint(trained)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out": Path("a.avi")}, "--out: must end in .mp4 or .gif; given 'a.avi'"),
        ({"out": Path("folder.mp4")}, "--out: is a folder; given 'folder.mp4'"),
        ({"out": Path("there.mp4")}, "--out: exists; given 'there.mp4' (give another --out, or --force)"),
        ({"every": 0}, "--every: must be a whole number of at least 1; given 0"),
        ({"fps": 0.5}, "--fps: must be a number from 1 to 60, for a .mp4 file; given 0.5"),
        ({"fps": float("nan")}, "--fps: must be a number from 1 to 60, for a .mp4 file; given nan"),
        (
            {"fps": 25.0, "out": Path("a.gif")},
            "--fps: must be a number from 1 to 20, for a .gif file; given 25.0",
        ),
        ({"out": Path("there.mp4/a.mp4")}, "--out: cannot be written"),
    ],
)
def test_bad_arguments(trained: Trained, here: Path, arguments: dict[str, Any], message: str) -> None:
    """Each is refused in one line, and existing files are unchanged."""
    (here / "folder.mp4").mkdir()
    (here / "there.mp4").write_bytes(b"mine")
    with pytest.raises(UsageError) as refused:
        video("a run", uri=trained.uri, **arguments)
    assert message in str(refused.value)
    assert sorted(os.listdir(here)) == ["folder.mp4", "there.mp4"]
    assert (here / "there.mp4").read_bytes() == b"mine"


@pytest.mark.usefixtures("here")
def test_all_bad_arguments_at_once(trained: Trained) -> None:
    """There is one message for each problem."""
    with pytest.raises(UsageError) as refused:
        video("a run", Path("a.mp4"), every=-1, fps=100.0, uri=trained.uri)
    assert [problem.key for problem in refused.value.problems] == ["--every", "--fps"]


def test_force_replaces_a_file(trained: Trained, here: Path) -> None:
    """A file is replaced only with --force, and completely."""
    (here / "a.mp4").write_bytes(b"mine")
    made = video("a run", Path("a.mp4"), every=10, force=True, uri=trained.uri)
    assert len(decoded(made.path)) == 3


def test_there_is_no_store(here: Path) -> None:
    """In a folder without a store, none is created."""
    with pytest.raises(UsageError, match="store does not exist"):
        video("a run")
    assert os.listdir(here) == []


def test_an_interrupt_leaves_nothing(trained: Trained, here: Path) -> None:
    """After Ctrl-C, an existing file is unchanged, and no unfinished file is left."""
    (here / "a.mp4").write_bytes(b"mine")

    def interrupt() -> None:
        while not [name for name in os.listdir(here) if name.startswith(".")]:
            time.sleep(0.002)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(Interrupted):
        video("a run", Path("a.mp4"), agent=True, force=True, uri=trained.uri)
    thread.join()
    assert os.listdir(here) == ["a.mp4"]
    assert (here / "a.mp4").read_bytes() == b"mine"


def test_a_failure_leaves_nothing(trained: Trained, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If a frame cannot be drawn, the error is raised, and no unfinished file is left."""
    real, drawn = video_module.FrameTemplate.frame, []

    def failing(*arguments: Any) -> Any:
        drawn.append(arguments)
        if len(drawn) == 5:
            raise ZeroDivisionError
        return real(*arguments)

    monkeypatch.setattr(video_module.FrameTemplate, "frame", failing)
    with pytest.raises(ZeroDivisionError):
        video("a run", uri=trained.uri)
    assert os.listdir(here) == []


def test_a_damaged_archive(trained: Trained, here: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The damaged file is named."""
    copied = tmp_path_factory.mktemp("damaged") / "store"
    shutil.copytree(trained.folder, copied)
    store = open_store(f"sqlite:///{copied / 'mlflow.db'}")
    config = load_resolved([*SHORT, f"tracking.uri={store.uri}"])
    [found] = run([Work(config, "to be damaged", "")])
    root = Path(store.client.get_run(found.run_id).info.artifact_uri.removeprefix("file://"))
    [file] = root.glob("checkpoints/q_table_history.parquet")
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(UsageError, match=f"run {found.run_id}: checkpoints/.* is missing or damaged"):
        video("to be damaged", uri=store.uri)
    assert os.listdir(here) == ["multirun"]  # what the run left


def test_the_output_of_a_video() -> None:
    """The output has the checkpoints, the number of them per frame, and the file."""
    info = VideoInfo(1251, (1200, 900), 12.5)
    made = VideoMade(Path("x.mp4"), "E  run r (i)", "ep000010", "ep025000", 2, info)
    assert str(made) == (
        "E  run r (i)\n"
        "showed    ep000010 to ep025000, one checkpoint in 2\n"
        "wrote     x.mp4: 1,251 frames of 1200 x 900 pixels, 12.5 per second"
    )
