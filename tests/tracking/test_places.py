from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qsweep.tracking.places import ForeignPlace, as_location, own_place, place_of, recorded_path, trust_places
from qsweep.tracking.run_files import keep_file
from qsweep.tracking.store import Store

RUN, MODEL = "0123456789abcdef" * 2, "m-" + "0123456789abcdef" * 2


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A local store, of which only the folder exists."""
    home = tmp_path / "here" / "mlruns"
    home.mkdir(parents=True)
    return Store(f"sqlite:///{home}/mlflow.db", home / "artifacts")


@pytest.fixture
def trusting() -> Iterator[None]:
    """The user has given --trust."""
    trust_places()
    yield
    trust_places(False)


def home(store: Store) -> Path:
    assert store.artifacts is not None
    return store.artifacts.parent


@pytest.mark.parametrize(
    ("recorded", "below"),
    [
        ("/old/mlruns/artifacts/CartPole-v1", "artifacts/CartPole-v1"),
        (f"/old/mlruns/artifacts/X/{RUN}/artifacts", f"artifacts/X/{RUN}/artifacts"),
        (f"file:///old/mlruns/artifacts/a%20b/{RUN}/artifacts", f"artifacts/a b/{RUN}/artifacts"),
        (f"/old/mlruns/artifacts/50%2520/{RUN}/artifacts", f"artifacts/50%20/{RUN}/artifacts"),
        (f"/renamed/artifacts/X/models/{MODEL}/artifacts", f"artifacts/X/models/{MODEL}/artifacts"),
        (f"/artifacts/p/mlruns/artifacts/artifacts/{RUN}/artifacts", f"artifacts/artifacts/{RUN}/artifacts"),
        (f"/old/mlruns/artifacts/X/{RUN}/artifacts/model", f"artifacts/X/{RUN}/artifacts/model"),
        (f"/old/mlruns/artifacts/ns/Env-v0/{RUN}/artifacts", f"artifacts/ns/Env-v0/{RUN}/artifacts"),
        (
            f"/old/mlruns/artifacts/ns/Env-v0/models/{MODEL}/artifacts",
            f"artifacts/ns/Env-v0/models/{MODEL}/artifacts",
        ),
        ("/data/artifacts/mlruns/artifacts/ns/Env-v0", "artifacts/ns/Env-v0"),
        ("/old/mlruns/7", "7"),
        (f"/old/mlruns/7/{RUN}/artifacts", f"7/{RUN}/artifacts"),
        ("mlruns/artifacts/X", "artifacts/X"),
    ],
)
def test_a_moved_place_is_below_the_database(store: Store, recorded: str, below: str) -> None:
    """Whatever absolute path is recorded, the files are looked for in the present folder."""
    assert own_place(store, recorded) == place_of(store, recorded) == home(store) / below


@pytest.mark.parametrize(
    "location",
    [
        *(
            "s3://bucket/artifacts/X",
            "http://10.0.0.1/artifacts/X",
            "mlflow-artifacts:/1/x",
            "file://host/artifacts/X",
        ),
        *("/elsewhere", "/elsewhere/folder/X", "/etc/passwd", "/", "", "dbfs:/x", "//"),
        *("/old/mlruns/artifacts/..", "/old/mlruns/artifacts/../../../etc", "../../etc", "/old/7"),
        *(None, 5, b"/old/mlruns/artifacts/X", "a\0b"),
    ],
)
def test_other_places_are_not_followed(store: Store, location: object) -> None:
    """Network locations, folders elsewhere and values that are no place are refused with the remedy."""
    with pytest.raises(ForeignPlace, match="--trust"):
        place_of(store, location)


def test_links_out_of_the_store_are_not_followed(store: Store, tmp_path: Path) -> None:
    """A link in the store's folder that leads out of it leads to a foreign place; one inside does not."""
    (tmp_path / "secret").mkdir()
    artifacts = home(store) / "artifacts"
    (artifacts / "real").mkdir(parents=True)
    (artifacts / "out").symlink_to(tmp_path / "secret")
    (artifacts / "in").symlink_to(artifacts / "real")
    (artifacts / "loop").symlink_to(artifacts / "loop")
    assert own_place(store, str(artifacts / "out")) is None
    assert own_place(store, f"/old/mlruns/artifacts/out/{RUN}/artifacts") is None
    assert own_place(store, str(artifacts / "in")) == artifacts / "in"
    assert own_place(store, str(artifacts / "loop")) is None
    assert own_place(store, str(artifacts / "loop" / RUN)) is None


def test_a_store_behind_a_link(store: Store, tmp_path: Path) -> None:
    """The store's folder, and its folder of artifacts, may be links that the user made."""
    (tmp_path / "disk").mkdir()
    (home(store) / "artifacts").symlink_to(tmp_path / "disk")
    assert own_place(store, "/old/mlruns/artifacts/X") == home(store) / "artifacts" / "X"


@pytest.mark.usefixtures("trusting")
def test_trust_follows_places_elsewhere(store: Store, tmp_path: Path) -> None:
    """With --trust a folder elsewhere is used as it stands; the store's own one still comes first."""
    (elsewhere := tmp_path / "elsewhere" / "artifacts" / "X").mkdir(parents=True)
    assert place_of(store, str(elsewhere)) == elsewhere
    (home(store) / "artifacts" / "X").mkdir(parents=True)
    assert place_of(store, str(elsewhere)) == home(store) / "artifacts" / "X"
    assert place_of(store, "s3://bucket/x") is None


@pytest.mark.parametrize("name", ["plain", "50%", "50%20", "a b", "a#b", "a?b", "ü", "山"])
def test_locations_are_read_as_mlflow_reads_them(store: Store, name: str) -> None:
    """A path that is written as a location is the path that MLflow finds, and the one that is read back."""
    from mlflow.utils.file_utils import local_file_uri_to_path

    folder = home(store) / "artifacts" / name
    assert recorded_path(store, as_location(folder)) == folder
    assert local_file_uri_to_path(as_location(folder)) == str(folder)


def test_a_deleted_store_is_not_made_again(store: Store, tmp_path: Path) -> None:
    """A file of a run whose store was moved or deleted is an error, and makes no folder."""
    (file := tmp_path / "file").write_text("x")
    os.rename(home(store).parent, tmp_path / "moved")
    with pytest.raises(FileNotFoundError, match="moved or deleted"):
        keep_file(store, RUN, str(home(store) / "artifacts/X" / RUN / "artifacts"), file, "")
    assert not home(store).parent.exists()


@pytest.mark.parametrize("copied", [False, True])
def test_a_copy_is_written_to(store: Store, tmp_path: Path, copied: bool) -> None:
    """Files go below the present folder, although the recorded one exists."""
    (file := tmp_path / "file").write_text("x")
    former = tmp_path / "former" / "mlruns" / "artifacts" / "X"
    if copied:
        former.mkdir(parents=True)
    kept = keep_file(store, RUN, str(former / RUN / "artifacts"), file, "notes")
    assert kept == home(store) / "artifacts/X" / RUN / "artifacts/notes/file"
    assert list((tmp_path / "former").rglob("file")) == []
