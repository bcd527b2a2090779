from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import mlflow.pyfunc
import numpy as np
import pytest
from click.testing import CliRunner

from qsweep.cli import main
from qsweep.commands import pull as pulling
from qsweep.commands.pull import pull
from qsweep.errors import UsageError
from qsweep.plan.composition import load_resolved
from qsweep.policies.policy import Policy
from qsweep.policies.registry.fetching import folder_name
from qsweep.policies.registry.model import write_model
from qsweep.runs.runner import Work
from qsweep.tracking.checkpoints import FILE_NAME, Archive
from qsweep.tracking.store import Store, open_store
from tests.support.trained import run

pytestmark = pytest.mark.slow

WRITTEN = ["README.md", "config.yaml", "model", "play.html", "policy.json", "q_table.npy"]
EPISODES = (
    "episodes=200",
    "evaluation.episodes=5",
    "evaluation.test_episodes=20",
    "evaluation.checkpoints=3",
)

KILLED = """
import os, signal, sys
from pathlib import Path
from qsweep.commands import pull as pulling
from qsweep.tracking.store import open_store
pulling.write_model = lambda policy, folder: os.kill(os.getpid(), signal.SIGKILL)
pulling.pull(open_store(sys.argv[1]), "buckets=20", Path(sys.argv[2]), True)
"""


@dataclass(frozen=True)
class Trained:
    """A store with one run, whose checkpoint ep000100 is version 1 of its model, and `best`."""

    uri: str
    store: Store
    run_id: str
    archive: Archive


def trained(uri: str, artifacts: Path) -> Trained:
    """Train into a store and register."""
    config = load_resolved([*EPISODES, f"tracking.uri={uri}"])
    [outcome] = run([Work(config, "buckets=20", "")])
    store = open_store(uri)
    client, run_id = store.client, outcome.run_id
    path = client.download_artifacts(run_id, f"checkpoints/{FILE_NAME}", str(artifacts))
    archive = Archive(Path(path))
    with TemporaryDirectory() as folder:
        write_model(Policy.from_checkpoint(archive, "ep000100", run_id, "buckets=20"), Path(folder) / "model")
        client.log_artifacts(run_id, str(Path(folder) / "model"), "model")
    client.create_registered_model("MountainCar-v0")
    source = f"{client.get_run(run_id).info.artifact_uri}/model"
    tags = {"qsweep.run_id": run_id, "qsweep.checkpoint": "ep000100"}
    client.create_model_version("MountainCar-v0", source, run_id, tags)
    client.set_registered_model_alias("MountainCar-v0", "best", "1")
    return Trained(uri, store, run_id, archive)


@pytest.fixture(scope="module")
def local(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A local store."""
    folder = tmp_path_factory.mktemp("pulling")
    shutil.copy(migrated_store, folder / "mlflow.db")
    return trained(f"sqlite:///{folder / 'mlflow.db'}", tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def server(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run an MLflow server that proxies its database and artifacts; yield its address."""
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(migrated_store, folder / "mlflow.db")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stored = [
        "--backend-store-uri",
        "sqlite:///mlflow.db",
        "--artifacts-destination",
        str(folder / "artifacts"),
    ]
    command = [sys.executable, "-m", "mlflow", "server", *stored, "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    settings = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # as `qsweep server` has it
    process = subprocess.Popen(command, cwd=folder, env=settings, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/health")
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it and its workers; asked politely it takes ten seconds
        process.wait(timeout=30)


def wait_for(address: str) -> None:
    """Wait until the address answers; fail after 90 seconds."""
    deadline = time.monotonic() + 90
    while True:
        try:
            urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            assert time.monotonic() < deadline, f"{address} did not answer"
            time.sleep(0.2)
        else:
            return


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def checkpoint_of(folder: Path, source: Trained) -> str:
    """Return the checkpoint in a pulled folder, identified by its bits; check its hash and model."""
    policy = Policy.load(folder)
    name = str(policy.origin["checkpoint"])
    assert policy.q_table.tobytes() == source.archive.q_table(name).tobytes()
    assert policy.origin["run_id"] == source.run_id
    observations = np.random.default_rng(0).uniform(-2, 2, size=(50, 2))
    predicted = mlflow.pyfunc.load_model(str(folder / "model")).predict(observations)
    assert predicted["action"].tolist() == [policy.act(one) for one in observations.tolist()]
    return name


def check_all_forms(source: Trained, tmp_path: Path) -> None:
    best = f"ep{int(source.store.client.get_run(source.run_id).data.metrics['best_episode']):06d}"
    expected = {
        "buckets=20": best,
        source.run_id: best,
        "buckets=20/ep000150": "ep000150",
        "MountainCar-v0@best": "ep000100",
        "MountainCar-v0/1": "ep000100",
    }
    for number, (name, checkpoint) in enumerate(expected.items()):
        pulled = pull(source.store, name, tmp_path / str(number))
        assert names_in(pulled.folder) == WRITTEN
        assert checkpoint_of(pulled.folder, source) == checkpoint
    assert names_in(tmp_path) == [str(number) for number in range(len(expected))]


@pytest.mark.slow
def test_all_forms_of_a_name(local: Trained, tmp_path: Path) -> None:
    """Each form of name writes the files and the model of its checkpoint, and nothing else."""
    check_all_forms(local, tmp_path)


@pytest.mark.slow
@pytest.mark.integration
def test_all_forms_from_a_server(server: str, tmp_path: Path) -> None:
    """The same holds over HTTP, without access to the server's files."""
    (tmp_path / "archive").mkdir()
    (tmp_path / "pulled").mkdir()
    check_all_forms(trained(server, tmp_path / "archive"), tmp_path / "pulled")


@pytest.mark.slow
def test_the_command(
    local: Trained, tmp_path: Path, qsweep: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """The folder is named after the argument; the output lists the files and how to use them."""
    ran = qsweep("pull", "buckets=20/ep000200", "--uri", local.uri)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert names_in(tmp_path) == ["buckets=20_ep000200"]
    assert f"checkpoint ep000200 of run buckets=20 ({local.run_id})" in ran.stdout
    assert f"wrote {tmp_path}/buckets=20_ep000200: q_table.npy, policy.json" in ran.stdout
    assert "mlflow models serve" in ran.stdout


@pytest.mark.parametrize("uri", ["none", "file:///tmp/x", "mlruns", "", "ftp://x"])
@pytest.mark.parametrize("command", ["pull", "report"])
def test_no_such_kind_of_store(command: str, uri: str, tmp_path: Path) -> None:
    """A store is local, SQLite or a server; anything else is refused."""
    ran = CliRunner().invoke(main, [command, "buckets=20", "--out", str(tmp_path / "out"), "--uri", uri])
    assert ran.exit_code == 2
    assert "tracking.uri: must be local, http(s)://HOST, sqlite:///FILE or" in ran.stderr


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("MountainCar-v0@best", "MountainCar-v0@best"),
        ("MountainCar-v0/3", "MountainCar-v0_3"),
        ("buckets=20,seed=0/ep017500", "buckets=20,seed=0_ep017500"),
        ("a b:c*$(d)", "a_b_c___d_"),
        (".hidden", "_hidden"),
        ("..", None),
        ("../x", None),
        ("/tmp/x", None),
        ("a/../../b", None),
        ("", None),
    ],
)
def test_the_folder_of_a_name(name: str, folder: str | None) -> None:
    """It is a single component of a path; other names are refused."""
    if folder is None:
        with pytest.raises(UsageError, match="name: must be MODEL@ALIAS"):
            folder_name(name)
    else:
        assert folder_name(name) == folder


def test_a_folder_is_not_written_over(local: Trained, tmp_path: Path) -> None:
    """An existing folder, even an empty one, or file is unchanged without --force."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    for out in ("empty", "file"):
        with pytest.raises(UsageError, match=r"--out: exists.*--force"):
            pull(local.store, "buckets=20", tmp_path / out)
    assert names_in(tmp_path / "empty") == []
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.slow
def test_force_replaces_what_was_pulled(local: Trained, tmp_path: Path) -> None:
    """With --force another checkpoint replaces the first, and no other files are left."""
    out = tmp_path / "out"
    pull(local.store, "buckets=20/ep000100", out)
    (out / "q_table.npy").write_text("spoilt")
    pull(local.store, "buckets=20/ep000150", out, force=True)
    assert checkpoint_of(out, local) == "ep000150"
    assert (names_in(tmp_path), names_in(out)) == (["out"], WRITTEN)


@pytest.mark.parametrize("out", ["holding", "file", "link", "."])
def test_force_spares_what_is_no_pulled_policy(local: Trained, tmp_path: Path, out: str) -> None:
    """A folder with other files, a file or a link is not replaced even with --force."""
    (tmp_path / "holding").mkdir()
    (tmp_path / "holding" / "thesis.tex").write_text("mine")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "holding")
    with pytest.raises(UsageError, match="replaced only if it is a folder with a pulled policy"):
        pull(local.store, "buckets=20", tmp_path / out, force=True)
    assert (tmp_path / "holding" / "thesis.tex").read_text() == (tmp_path / "file").read_text() == "mine"
    assert names_in(tmp_path) == ["file", "holding", "link"]


def test_a_folder_that_cannot_be_written(local: Trained, tmp_path: Path) -> None:
    """A file instead of a parent folder is named, and nothing is written."""
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="--out: cannot be written"):
        pull(local.store, "buckets=20", tmp_path / "file" / "out")
    assert names_in(tmp_path) == ["file"]


@pytest.mark.slow
@pytest.mark.parametrize("existing", [False, True])
def test_what_breaks_off_leaves_nothing(
    local: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    """If it is interrupted, there is no new folder, and an existing one is unchanged."""
    out = tmp_path / "out"
    if existing:
        pull(local.store, "buckets=20/ep000100", out)

    def broken(_: Policy, folder: Path) -> None:
        folder.mkdir()
        (folder / "MLmodel").write_text("half a mod")
        raise KeyboardInterrupt

    monkeypatch.setattr(pulling, "write_model", broken)
    with pytest.raises(KeyboardInterrupt):
        pull(local.store, "buckets=20/ep000150", out, force=True)
    assert names_in(tmp_path) == (["out"] if existing else [])
    assert not existing or checkpoint_of(out, local) == "ep000100"


def test_the_old_folder_comes_back(local: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the new folder cannot be moved into place, the old one is restored."""
    out = tmp_path / "out"
    pull(local.store, "buckets=20/ep000100", out)
    rename, done = Path.rename, []

    def second_fails(path: Path, target: Path) -> Path:
        done.append(path)
        if len(done) == 2:
            raise OSError("disk on fire")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", second_fails)
    with pytest.raises(UsageError, match=r"--out: cannot be written.*disk on fire"):
        pull(local.store, "buckets=20/ep000150", out, force=True)
    monkeypatch.undo()
    assert checkpoint_of(out, local) == "ep000100"
    assert names_in(tmp_path) == ["out"]


@pytest.mark.slow
@pytest.mark.integration
@pytest.mark.parametrize("existing", [False, True])
def test_a_killed_pull_leaves_no_half_folder(local: Trained, tmp_path: Path, existing: bool) -> None:
    """After SIGKILL the folder is missing or unchanged; at most a hidden one is left next to it."""
    out = tmp_path / "out"
    if existing:
        pull(local.store, "buckets=20/ep000100", out)
    ran = subprocess.run([sys.executable, "-c", KILLED, local.uri, str(out)], capture_output=True)
    assert ran.returncode == -signal.SIGKILL
    assert [name for name in names_in(tmp_path) if not name.startswith(".qsweep-")] == ["out"] * existing
    assert not existing or checkpoint_of(out, local) == "ep000100"


@pytest.fixture
def broken(local: Trained) -> Iterator[Path]:
    """Yield the store's archive for a test to damage, and restore it afterwards."""
    path = Path(local.store.client.get_run(local.run_id).info.artifact_uri) / "checkpoints" / FILE_NAME
    kept = path.read_bytes()
    yield path
    path.write_bytes(kept)


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"no parquet", b"half", None])
def test_a_spoilt_archive(content: bytes | None, broken: Path, local: Trained, tmp_path: Path) -> None:
    """An archive that is empty, of another type, truncated or missing is named; nothing is written."""
    if content is None:
        broken.unlink()
    elif content == b"half":
        broken.write_bytes(broken.read_bytes()[: broken.stat().st_size // 2])
    else:
        broken.write_bytes(content)
    message = re.escape(f"run {local.run_id}: checkpoints/{FILE_NAME}: is missing or damaged")
    with pytest.raises(UsageError, match=message):
        pull(local.store, "buckets=20", tmp_path / "out")
    assert names_in(tmp_path) == []


def test_a_model_that_is_not_ours(local: Trained, tmp_path: Path) -> None:
    """A version whose model holds no policy is refused; its code is neither run nor fetched."""
    assert local.store.artifacts is not None
    model = local.store.artifacts / "foreign"
    (model / "artifacts").mkdir(parents=True)
    (model / "MLmodel").write_text("flavors: {python_function: {loader_module: evil}}")
    (model / "evil.py").write_text(f"open({str(tmp_path / 'sprung')!r}, 'w')")
    local.store.client.create_registered_model("Foreign-v0")
    tags = {"qsweep.run_id": local.run_id, "qsweep.checkpoint": "ep000100"}
    local.store.client.create_model_version("Foreign-v0", str(model), local.run_id, tags)
    with pytest.raises(UsageError, match="Foreign-v0/1: is missing or damaged, or was not written by qsweep"):
        pull(local.store, "Foreign-v0/1", tmp_path / "out")
    assert names_in(tmp_path) == []
