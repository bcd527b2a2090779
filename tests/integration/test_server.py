"""`qsweep server` on a real PostgreSQL, with passwords, many clients, and away for a while."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import requests

from qsweep.tracking.checkpoints import Archive, sha256
from qsweep.tracking.client.mlflow_tracker import MlflowTracker
from qsweep.tracking.client.unsent import send
from qsweep.tracking.curves import Points
from qsweep.tracking.patience import RetryingClient, ServerGone
from qsweep.tracking.store import open_store
from qsweep.tracking.tracker import RunRecord
from tests.support.commands import QSWEEP, Command, start_command
from tests.support.postgresql import PostgreSQL, binaries

pytestmark = [pytest.mark.integration, pytest.mark.slow]

CLIENTS = 8
EPISODES = 300
ADMIN = "MLFLOW_AUTH_ADMIN_PASSWORD"
RUNS = "SELECT name, status FROM runs"


@dataclass
class Service:
    """The server, its database, and everybody who has a password there."""

    postgresql: PostgreSQL
    database: str
    folder: Path
    port: int
    users: dict[str, str] = field(default_factory=dict)
    outputs: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    @property
    def address(self) -> str:
        """Where it is reached."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        named = {"PGHOST": "127.0.0.1", "PGPORT": str(self.postgresql.port), "PGDATABASE": self.database}
        environment = {**os.environ, **named, **self.postgresql.environment, ADMIN: self.password}
        command = [QSWEEP, "server", "--port", str(self.port), "--workers", "2"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=log)
        deadline = time.monotonic() + 120
        while not self._answers():
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            return requests.get(f"{self.address}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        assert self.process
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(60) == 0

    def add_user(self, name: str) -> None:
        """What an administrator does for everybody in the class."""
        self.users[name] = secrets.token_urlsafe(16)
        body = {"username": name, "password": self.users[name]}
        made = requests.post(
            f"{self.address}/api/2.0/mlflow/users/create",
            json=body,
            auth=("admin", self.password),
            timeout=30,
        )
        assert made.ok, made.text

    def of(self, user: str) -> Mapping[str, str]:
        """The environment of a client."""
        own = {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": self.users[user]}
        return {**os.environ, "MLFLOW_TRACKING_URI": self.address, **own}

    def client(self, folder: Path, user: str, *arguments: str, **settings: str) -> Command:
        """Start a command of a client's."""
        return start_command(arguments, folder, {**self.of(user), **settings})

    def done(self, command: Command) -> tuple[int, str, str]:
        """Wait for a client's command; returns its exit code, and what it printed."""
        ran = command.wait()
        self.outputs += [ran.stdout, ran.stderr]
        return ran.returncode, ran.stdout, ran.stderr

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """What is in the database, read past MLflow."""
        return self.postgresql.execute(query, self.database)


@pytest.fixture(scope="module")
def service(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A server with two students, who have not recorded anything yet."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    made = Service(postgresql, postgresql.create_database(), folder, port)
    made.start()
    made.add_user("ada-l0velace")
    made.add_user("grace-h0pper")
    yield made
    made.stop()


def command_lines() -> str:
    """Every command line of the machine, as `ps` shows them to everybody."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return "\n".join(lines)


@pytest.fixture(scope="module")
def recorded(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of eight clients who trained at the same time; the first two registered what they have."""
    folder = tmp_path_factory.mktemp("clients")
    processes = []
    for seed in range(CLIENTS):
        user = list(service.users)[seed % 2]
        more = [] if seed < 2 else ["registry.promote=never"]
        own = ["tracking=server", f"episodes={EPISODES}", f"seed={seed}", *more]
        processes.append(service.client(folder, user, "train", *own))
    while any(process.poll() is None for process in processes):
        service.outputs.append(command_lines())
        time.sleep(0.5)
    for process in processes:
        code, _, err = service.done(process)
        assert code == 0, err
    return folder


@pytest.mark.usefixtures("recorded")
def test_eight_clients_at_once_lose_nothing(service: Service, tmp_path: Path) -> None:
    """Every run of eight clients is FINISHED, with all the points that it leaves elsewhere, and its files."""
    start_command(["train", f"episodes={EPISODES}", "registry.promote=never"], tmp_path).wait()
    elsewhere = open_store(f"sqlite:///{tmp_path}/mlruns/mlflow.db").client
    [run] = elsewhere.search_runs([e.experiment_id for e in elsewhere.search_experiments()])
    points = {key: len(elsewhere.get_metric_history(run.info.run_id, key)) for key in run.data.metrics}
    ours = f"JOIN runs USING (run_uuid) WHERE name LIKE 'episodes={EPISODES},%'"
    assert [status for _, status in service.rows(f"{RUNS} WHERE name LIKE 'episodes={EPISODES},%'")] == (
        ["FINISHED"] * CLIENTS
    )
    counted = f"SELECT run_uuid, key, count(DISTINCT step) FROM metrics {ours} GROUP BY run_uuid, key"
    found: dict[object, dict[object, object]] = {}
    for run_id, key, number in service.rows(counted):
        found.setdefault(run_id, {})[key] = number
    assert list(found.values()) == [points] * CLIENTS
    tags = service.rows(f"SELECT run_uuid, value FROM tags {ours} AND key = 'qsweep.qtable_sha256'")
    artifacts = service.folder / "mlruns" / "server" / "artifacts"
    assert len(tags) == CLIENTS
    for run_id, digest in tags:
        [history] = artifacts.glob(f"*/{run_id}/artifacts/checkpoints/q_table_history.parquet")
        archive = Archive(history)
        assert sha256(archive.q_table(archive.names()[-1])) == digest
        assert [*artifacts.glob(f"*/{run_id}/artifacts/episodes.parquet")]


READING = {
    ("runs",): "MountainCar-v0: variants",
    ("report", "MountainCar-v0", "--out", "report"): "report.html",
    ("pull", "MountainCar-v0@best"): "q_table.npy",
    ("play", "MountainCar-v0@best", "--episodes", "2"): "2 greedy episodes",
}


@pytest.fixture(scope="module")
def read(service: Service, recorded: Path) -> Mapping[tuple[str, ...], tuple[int, str, str]]:
    """What commands that read from the server print to a user who did not record it all."""
    from_there = ("--uri", service.address)
    processes = {words: service.client(recorded, "grace-h0pper", *words, *from_there) for words in READING}
    return {words: service.done(process) for words, process in processes.items()}


@pytest.mark.parametrize("words", READING, ids=lambda words: words[0])
def test_what_is_there_can_be_read(
    words: tuple[str, ...], read: Mapping[tuple[str, ...], tuple[int, str, str]]
) -> None:
    """Runs, report, pull and play work on the server as on a folder."""
    code, out, err = read[words]
    assert (code, err) == (0, "")
    assert READING[words] in out


@pytest.fixture(scope="module")
def refused(service: Service, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[int, str, str]]:
    """What commands print to somebody with a wrong password, or none; they leave nothing anywhere."""
    folder = tmp_path_factory.mktemp("refused")
    before = service.rows(RUNS)
    commands = [
        ("wrong", "train", "tracking=server", "episodes=100"),
        ("", "train", "tracking=server", "episodes=100"),
        ("wrong", "train", "-m", "tracking=server", "seed=1,2", "episodes=100"),
        ("", "runs", "--uri", service.address),
    ]
    processes = []
    for password, *words in commands:
        settings = {"MLFLOW_TRACKING_PASSWORD": password}
        processes.append(service.client(folder, "ada-l0velace", *words, **settings))
    done = [service.done(process) for process in processes]
    assert service.rows(RUNS) == before
    assert list(folder.iterdir()) == []
    return done


def test_who_is_not_known_is_refused(refused: list[tuple[int, str, str]]) -> None:
    """With a wrong password, or none, there is one line that says what is missing, and no run."""
    for code, _, err in refused:
        [line] = err.splitlines()
        assert code == 2
        assert line.startswith("qsweep: tracking.uri: must be a server that accepts this user and password")
        assert "MLFLOW_TRACKING_PASSWORD" in line


@pytest.fixture
def at_the_server(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Service:
    """This process as a client, in an empty folder."""
    for name, value in service.of("ada-l0velace").items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return service


def test_a_server_that_goes_away_comes_back_to_everything(at_the_server: Service, tmp_path: Path) -> None:
    """A run in hand waits for the server and loses nothing; one that gave up is sent afterwards, whole."""
    service = at_the_server
    store = open_store(service.address)
    impatient = MlflowTracker(store).open(RunRecord("impatient", "away"))
    cast("RetryingClient", store.client).budget = 1.0
    every = (
        "tracking.max_points=0",
        "checkpoint_every=100",
        "evaluation.episodes=1",
        "registry.promote=never",
    )
    patient = service.client(tmp_path, "ada-l0velace", "train", "tracking=server", "episodes=6000", *every)
    running = "SELECT count(*) FROM metrics JOIN runs USING (run_uuid) WHERE name LIKE 'episodes=6000%'"
    wait_until(lambda: service.rows(running) != [(0,)], patient)
    service.stop()
    (tmp_path / "note.txt").write_text("kept")
    steps = np.arange(2500)
    impatient.log(Points(steps, {"train/epsilon": steps / 2500}))
    impatient.keep(tmp_path / "note.txt", "notes")
    with pytest.raises(ServerGone, match=r"mlruns/unsent.*qsweep send"):
        impatient.close("FINISHED", {"train/steps": 7.0}, {"qsweep.note": "end"})
    assert patient.poll() is None
    service.start()
    assert send() == [impatient.run_id]
    assert not list((tmp_path / "mlruns" / "unsent").iterdir())
    run = open_store(service.address).client.get_run(impatient.run_id)
    assert (run.info.status, run.data.tags["qsweep.note"], run.data.metrics["train/steps"]) == (
        "FINISHED",
        "end",
        7.0,
    )
    points = store.client.get_metric_history(impatient.run_id, "train/epsilon")
    assert sorted((point.step, point.value) for point in points) == [(n, n / 2500) for n in range(2500)]
    [note] = service.folder.glob(f"mlruns/server/artifacts/*/{impatient.run_id}/artifacts/notes/note.txt")
    assert note.read_text() == "kept"
    code, _, err = service.done(patient)
    assert code == 0, err
    counted = (
        "SELECT count(*), count(DISTINCT step) FROM metrics JOIN runs USING (run_uuid) "
        "WHERE name LIKE 'episodes=6000%' AND status = 'FINISHED' AND key = 'train/return_avg'"
    )
    assert service.rows(counted) == [(6000, 6000)]


def wait_until(holds: Callable[[], bool], command: Command) -> None:
    """Poll until something holds; fails when a process has ended before, and after two minutes."""
    deadline = time.monotonic() + 120
    while not holds():
        assert command.poll() is None, command.wait()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.usefixtures("read", "refused")
def test_no_password_is_written_anywhere(service: Service, recorded: Path) -> None:
    """No password is in the database, the artifacts, what commands left or printed, the log, or in `ps`."""
    programs = binaries()
    assert programs
    dump = subprocess.run(
        [
            str(programs / "pg_dump"),
            "--exclude-schema=mlflow_users",
            service.postgresql.uri(service.database),
        ],
        env={**os.environ, **service.postgresql.environment},
        capture_output=True,
        check=True,
    ).stdout
    users_too = service.rows("SELECT string_agg(u::text, ' ') FROM mlflow_users.users u")
    files = [path for folder in (service.folder, recorded) for path in folder.rglob("*") if path.is_file()]
    written = [
        dump,
        str(users_too).encode(),
        command_lines().encode(),
        *(text.encode() for text in service.outputs),
    ]
    written += [path.read_bytes() for path in files]
    assert b"test/return_mean" in dump
    assert any(path.name == "log" for path in files)
    assert any(" -m qsweep.commands.server.guarded_app server" in text for text in service.outputs)
    passwords = [service.password, service.postgresql.password, *service.users.values()]
    assert [secret for secret in passwords for text in written if secret.encode() in text] == []


def post(service: Service, user: str, path: str, **body: object) -> int:
    """Send a request as a user; returns the status of the answer."""
    address = f"{service.address}/{path}"
    auth = (user, service.users[user])
    return requests.request("POST", address, json=body, auth=auth, timeout=30).status_code


ROOTS = ("api/2.0/mlflow", "ajax-api/2.0/mlflow")
ELSEWHERE = ("/tmp/elsewhere", "file:///tmp/elsewhere", "s3://bucket/elsewhere", "http://127.0.0.1:9/x")
FORBIDDEN = 403


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("place", ELSEWHERE)
@pytest.mark.parametrize("key", ["artifact_location", "artifactLocation"])
def test_only_the_servers_own_artifact_locations(service: Service, root: str, place: str, key: str) -> None:
    """No user makes an experiment whose files the server would write elsewhere."""
    made = post(
        service, "grace-h0pper", f"{root}/experiments/create", **{"name": f"{root}{place}{key}", key: place}
    )
    assert made == FORBIDDEN
    assert service.rows("SELECT 1 FROM experiments WHERE artifact_location LIKE '%elsewhere%'") == []


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("root", ROOTS)
def test_what_is_others_keeps_its_name_and_its_place(service: Service, root: str) -> None:
    """A user may rename neither the models nor the experiments of others, nor add versions from elsewhere."""
    name = "MountainCar-v0"
    [(number,)] = service.rows(f"SELECT experiment_id FROM experiments WHERE name = '{name}'")
    renames = [
        [post(service, user, f"{root}/{path}", **body) for user in service.users]
        for path, body in (
            ("registered-models/rename", {"name": name, "new_name": name}),
            ("experiments/update", {"experiment_id": str(number), "new_name": name}),
        )
    ]
    assert all(sorted(codes)[-1] == FORBIDDEN and codes.count(FORBIDDEN) == 1 for codes in renames)
    for place in ELSEWHERE:
        made = post(service, "grace-h0pper", f"{root}/model-versions/create", name=name, source=place)
        assert made == FORBIDDEN


def test_a_second_user_repeats_a_sweep_of_the_first(service: Service, tmp_path: Path) -> None:
    """Each user has a sweep of their own, with a parent run; the runs of the other stay as they are."""
    sweep = ("train", "-m", "tracking=server", "seed=3,4", "episodes=60", "tracking.experiment=shared")
    alone = (
        "registry.promote=never",
        "sweep.report=never",
        "hydra/launcher=basic",
        "evaluation.test_episodes=5",
    )
    for user, more in (("ada-l0velace", ()), ("grace-h0pper", ("sweep.rerun=all",))):
        code, out, err = service.done(service.client(tmp_path, user, *sweep, *alone, *more))
        assert (code, "2 of 2 runs finished" in out) == (0, True), err
    counted = """SELECT runs.user_id, runs.lifecycle_stage, count(*), count(DISTINCT tags.value)
        FROM runs JOIN experiments USING (experiment_id) JOIN tags USING (run_uuid)
        WHERE experiments.name = 'shared' AND key = 'mlflow.parentRunId' GROUP BY 1, 2 ORDER BY 1"""
    assert service.rows(counted) == [("ada-l0velace", "active", 2, 1), ("grace-h0pper", "active", 2, 1)]


@pytest.mark.usefixtures("recorded")
def test_whose_run_is_whose(service: Service, tmp_path: Path) -> None:
    """The login of each of two clients is its runs' user; `runs --by` lists them, at MLFLOW_TRACKING_URI."""
    seeds = {}
    for user in service.users:
        code, out, err = service.done(service.client(tmp_path, user, "runs", "MountainCar-v0", "--by", user))
        assert code == 0, err
        seeds[user] = {seed for seed in range(CLIENTS) if f"episodes={EPISODES},seed={seed} " in out}
    assert seeds == {"ada-l0velace": {0, 2, 4, 6}, "grace-h0pper": {1, 3, 5, 7}}


def test_a_class_is_added(service: Service, tmp_path: Path) -> None:
    """Each name of a file becomes a user with a password that works; others cannot add users."""
    (tmp_path / "class.txt").write_text("# 2026\nlin\nada-l0velace\nmaryam\n")
    administrator = {"MLFLOW_TRACKING_USERNAME": "admin", "MLFLOW_TRACKING_PASSWORD": service.password}
    adding = ("users", "add", "class.txt")
    ran = service.client(tmp_path, "ada-l0velace", *adding, **administrator).wait()  # it prints passwords
    code, out, err = ran.returncode, ran.stdout, ran.stderr
    assert (code, f"2 users added to {service.address}; already there: ada-l0velace" in err) == (0, True)
    added = dict(line.split(",") for line in out.splitlines())
    assert [*added] == ["lin", "maryam"]
    for login in added.items():
        get = f"{service.address}/api/2.0/mlflow/users/get"
        assert requests.get(get, {"username": login[0]}, auth=login, timeout=30).ok
    code, _, err = service.done(service.client(tmp_path, "ada-l0velace", *adding))
    assert (code, "user: must be an administrator; given 'ada-l0velace'" in err) == (2, True)


def test_a_killed_server_leaves_nothing_running(service: Service) -> None:
    """After kill -9 the processes that it started end, so that it can be started again on the same port."""
    assert service.process
    service.process.kill()
    service.process.wait()
    deadline = time.monotonic() + 60
    while service._answers():
        assert time.monotonic() < deadline, "it lives on"
        time.sleep(0.2)
    service.start()
    assert requests.get(f"{service.address}/health", timeout=30).ok
