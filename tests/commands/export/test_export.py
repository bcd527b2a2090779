from __future__ import annotations

import json
import pickle
import pickletools
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from qsweep.commands.export.course_model import environment_name
from qsweep.commands.export.export import Exported, Request, export, public_command
from qsweep.commands.play import play
from qsweep.errors import Failure, UsageError
from qsweep.plan.composition import load_resolved
from qsweep.policies.evaluation import starts
from qsweep.policies.policy import Policy
from qsweep.runs.runner import Work
from qsweep.tracking.store import Store, open_store
from tests.support.trained import run

pytestmark = pytest.mark.slow

SHORT = ("episodes=100", "evaluation.episodes=5", "evaluation.test_episodes=20", "evaluation.checkpoints=3")
FILES = {"README.md", "q-learning.pkl", "results.json", "q_table.npy", "policy.json", "config.yaml"}
FILMS = {"replay.mp4", "learning.mp4"}


@pytest.fixture(scope="module")
def store(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with a run on MountainCar and one on the lake that is not slippery."""
    folder = tmp_path_factory.mktemp("exporting")
    shutil.copy(migrated_store, folder / "mlflow.db")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    lake = ("env=frozen_lake", "env.kwargs.is_slippery=false")
    for name, lines in (("car", ("env=mountain_car", "buckets=8")), ("lake", lake)):
        run([Work(load_resolved([*SHORT, *lines, f"tracking.uri={uri}"]), name, f"qsweep train {name}")])
    return open_store(uri)


@pytest.fixture(scope="module")
def lake(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The lake's best checkpoint, exported."""
    return export(store, "lake", Request("folder", tmp_path_factory.mktemp("lake") / "out"))


@pytest.fixture(scope="module")
def car(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A checkpoint of the car, exported."""
    return export(store, "car/ep000050", Request("folder", tmp_path_factory.mktemp("car") / "out"))


def metadata(made: Exported) -> dict[str, Any]:
    _, head, _ = (made.folder / "README.md").read_text().split("---\n", 2)
    found: dict[str, Any] = yaml.safe_load(head)
    return found


def test_the_folder_is_complete(lake: Exported) -> None:
    """All files of the course, ours, and both films."""
    assert {path.name for path in lake.folder.iterdir()} == FILES | FILMS
    assert lake.missing == ()
    assert (lake.folder / "learning.mp4").stat().st_size > 1000


def test_the_model_is_the_courses(lake: Exported) -> None:
    """The dictionary has the course's keys, and evaluates as the course's notebook does to results.json."""
    import gymnasium

    model = pickle.loads((lake.folder / "q-learning.pkl").read_bytes())
    keys = {"env_id", "max_steps", "n_training_episodes", "n_eval_episodes", "eval_seed", "learning_rate"}
    keys |= {"gamma", "max_epsilon", "min_epsilon", "decay_rate", "qtable", "map_name", "slippery"}
    assert model.keys() == keys | {"epsilon"}
    assert (model["env_id"], model["map_name"], model["slippery"]) == ("FrozenLake-v1", "4x4", False)
    assert model["qtable"].shape == (16, 4)
    env, returns = gymnasium.make("FrozenLake-v1", is_slippery=False), []
    for seed in model["eval_seed"][: model["n_eval_episodes"]]:
        state, total, over = env.reset(seed=seed)[0], 0.0, False
        for _ in range(model["max_steps"]):
            state, reward, over, _, _ = env.step(int(np.argmax(model["qtable"][state])))
            total += float(reward)
            if over:
                break
        returns.append(total)
    results = json.loads((lake.folder / "results.json").read_text())
    assert results["mean_reward"] == np.mean(returns)
    assert (results["env_id"], results["n_eval_episodes"]) == ("FrozenLake-v1", 20)
    assert results["eval_datetime"]


def test_the_pickle_holds_plain_values(car: Exported) -> None:
    """Nothing but numpy's own constructors is called when it is loaded."""
    data = (car.folder / "q-learning.pkl").read_bytes()
    words = [
        argument for opcode, argument, _ in pickletools.genops(data) if opcode.name == "SHORT_BINUNICODE"
    ]
    calls = [opcode.name for opcode, _, _ in pickletools.genops(data) if "GLOBAL" in opcode.name]
    assert len(calls) <= 3
    assert {"_reconstruct", "ndarray", "dtype"} <= set(words)
    model = pickle.loads(data)
    assert (model["buckets"], model["low"]) == ([8, 8], [-1.2, -0.07])
    assert np.array_equal(model["qtable"], np.load(car.folder / "q_table.npy").reshape(64, 3))


def test_the_metadata_of_the_card(lake: Exported, car: Exported) -> None:
    """Tags and model-index are as the course writes them; an exact return is a second metric."""
    head = metadata(lake)
    name = "FrozenLake-v1-4x4-no_slippery"
    assert head["tags"][:3] == [name, "q-learning", "reinforcement-learning"]
    [index] = head["model-index"]
    [result] = index["results"]
    assert result["dataset"] == {"name": name, "type": name}
    sampled, exact = result["metrics"]
    assert sampled["type"] == "mean_reward"
    assert sampled["value"] == f"{lake.scores.mean:.2f} +/- {lake.scores.sd:.2f}"
    assert exact["value"] == lake.scores.exact
    [only] = metadata(car)["model-index"][0]["results"][0]["metrics"]
    assert only["type"] == "mean_reward"


def test_the_hub_reads_the_card(lake: Exported) -> None:
    """The hub's own client reads the card and its results."""
    hub = pytest.importorskip("huggingface_hub")
    read = hub.ModelCard.load(lake.folder / "README.md")
    [sampled, exact] = read.data.eval_results
    assert (sampled.task_type, sampled.metric_type) == ("reinforcement-learning", "mean_reward")
    assert exact.metric_value == lake.scores.exact
    assert read.data.model_name == "q-FrozenLake-v1-4x4-no_slippery"


def test_the_text_of_the_card(lake: Exported) -> None:
    """The card tells the score, the command, the config and the films, and names no place of the record."""
    text = (lake.folder / "README.md").read_text()
    for words in (
        "expected return (exact)",
        "`qsweep train lake`",
        "episodes: 100",
        "(replay.mp4)",
        "argmax()",
    ):
        assert words in text
    assert "sqlite" not in text + (lake.folder / "config.yaml").read_text()


def test_the_folder_is_played(car: Exported, lake: Exported) -> None:
    """`qsweep play ./FOLDER` gets the returns of the policy, from the card's starts the card's."""
    for made in (car, lake):
        played = play(f"{made.folder}/", episodes=5)
        assert played.policy.origin["checkpoint"] == made.policy.origin["checkpoint"]
    assert car.policy.origin["checkpoint"] == "ep000050"
    from qsweep.policies.evaluation.rollouts import roll_out

    policy = Policy.load(car.folder)
    setting = policy.setting()
    kept = starts.test_starts(setting.env, 20)
    assert kept.stratified
    assert roll_out(setting, policy.q_table, kept.seeds).returns.mean() == car.scores.mean
    model = pickle.loads((car.folder / "q-learning.pkl").read_bytes())
    assert model["eval_seed"] == list(kept.seeds)


def test_a_folder_with_a_pickle_alone_is_refused(tmp_path: Path) -> None:
    """A foreign pickle is not loaded: that could run any code."""
    (tmp_path / "q-learning.pkl").write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(UsageError, match="may run any code"):
        play(f"{tmp_path}/")
    assert not Path("ran").exists()


def test_an_exported_folder_is_replaced_only_if_allowed(store: Store, lake: Exported, tmp_path: Path) -> None:
    """--force replaces an exported folder, and nothing else."""
    folder = tmp_path / "out"
    shutil.copytree(lake.folder, folder)
    with pytest.raises(UsageError, match="--out: exists"):
        export(store, "lake", Request("folder", folder))
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"it also contains notes\.txt"):
        export(store, "lake", Request("folder", folder, force=True))


@pytest.mark.parametrize(
    ("kwargs", "name"),
    [
        ({}, "X-v0"),
        ({"map_name": "8x8", "is_slippery": True}, "X-v0-8x8"),
        ({"map_name": "4x4", "is_slippery": False}, "X-v0-4x4-no_slippery"),
        ({"map_name": None}, "X-v0"),
        ({"map_name": "4x4", "desc": ["SF", "HG"]}, "X-v0"),
    ],
)
def test_environments_are_named_as_on_the_leaderboard(kwargs: dict[str, Any], name: str) -> None:
    """The map and a lake that is not slippery are in the name."""
    assert environment_name("X-v0", kwargs) == name


def test_without_the_client_nothing_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One error names the package to install, and the folder as the other way."""
    monkeypatch.setattr("qsweep.system.extras.find_spec", lambda _: None)
    with pytest.raises(
        UsageError, match=r"needs huggingface_hub.*pip install huggingface_hub; or --to folder"
    ):
        export(store, "lake", Request("hub", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("repo", ["me", "a/b/c", "me/q lake", ""])
def test_a_repository_has_a_user_and_a_name(store: Store, tmp_path: Path, repo: str) -> None:
    """Other names are refused before anything is written."""
    with pytest.raises(UsageError, match="--repo: must be USER/NAME"):
        export(store, "lake", Request("hub", tmp_path / "out", repo))
    assert not (tmp_path / "out").exists()


def test_without_a_network_the_folder_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The failure says why and how to upload the complete folder later."""
    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(Failure, match=r"the upload failed: OfflineModeIsEnabled.*hf upload me/q-lake"):
        export(store, "lake", Request("hub", tmp_path / "out", "me/q-lake"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == FILES | FILMS


def test_what_is_uploaded(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder goes into a repository of the user who is logged in, named after the environment."""
    sent: list[tuple[str, ...]] = []

    class HfApi:
        def whoami(self) -> dict[str, str]:
            return {"name": "me"}

        def create_repo(self, repo_id: str, exist_ok: bool) -> str:
            sent.append((repo_id, str(exist_ok)))
            return f"https://hub/{repo_id}"

        def upload_folder(self, repo_id: str, folder_path: str, commit_message: str) -> None:
            sent.append((repo_id, *sorted(path.name for path in Path(folder_path).iterdir())))

    client = type(sys)("huggingface_hub")
    client.HfApi = HfApi  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "huggingface_hub", client)
    monkeypatch.setattr("qsweep.system.extras.find_spec", lambda _: True)
    made = export(store, "lake", Request("hub", tmp_path / "out"))
    repo = "me/q-FrozenLake-v1-4x4-no_slippery"
    assert made.address == f"https://hub/{repo}"
    assert sent == [(repo, "True"), (repo, *sorted(FILES | FILMS))]
    assert str(made).endswith(f"uploaded to https://hub/{repo}")


@pytest.mark.parametrize(
    ("command", "public"),
    [
        ("qsweep train buckets=8 seed=1", "qsweep train buckets=8 seed=1"),
        ("qsweep train tracking.uri=http://ada:pw@host seed=1", "qsweep train seed=1"),
        (
            "qsweep train 'tracking.note=my boss' ++tracking.tags.who=ada +tracking=x seed=1",
            "qsweep train seed=1",
        ),
        ("qsweep train registry.model=m sweep.name=s hydra.searchpath=[/home/ada]", "qsweep train"),
        ("qsweep train initial_q.from=/home/ada/table seed=1", "qsweep train seed=1"),
        ("qsweep train \"++initial_q.from='~/a=b'\" seed=1", "qsweep train seed=1"),
        ("qsweep train initial_q.from=abcdef/ep000100", "qsweep train initial_q.from=abcdef/ep000100"),
        ("qsweep train 'tracking.note=", "a command that cannot be read"),
    ],
)
def test_the_command_names_no_place_of_the_record(command: str, public: str) -> None:
    """Neither user, server, note and tags, nor the folder of a table."""
    assert public_command(command) == public


def test_without_the_packages_for_films_the_folder_is_written(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each film that is missing has a sentence with the remedy; neither module is imported for the rest."""
    for module in ("pygame", "av", "qsweep.commands.video", "qsweep.pictures.agent_video"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr("qsweep.system.extras.find_spec", lambda _: None)
    made = export(store, "lake", Request("folder", tmp_path / "out"))
    assert {path.name for path in made.folder.iterdir()} == FILES
    assert [line.partition(":")[0] for line in made.missing] == ["without replay.mp4", "without learning.mp4"]
    assert all("pip install av pygame-ce" in line for line in made.missing)
