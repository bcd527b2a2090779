"""A single run of `qsweep train`, from its command to what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import qsweep
from qsweep.cli import main
from qsweep.commands import single_run
from qsweep.policies.registry.names import resolve
from qsweep.policies.registry.promotion import BEST, COMPARED
from qsweep.policies.registry.versions import every_version
from qsweep.runs.resume import Decision
from qsweep.tracking import run_search, unfinished
from qsweep.tracking.store import Store, open_store
from qsweep.tracking.tables.run_tables import RunChanges

SMALL = ("episodes=20", "evaluation.episodes=2", "evaluation.test_episodes=2", "tracking.name=mine")


def train(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner(env={"QSWEEP_QUIET": None}).invoke(main, ["train", *SMALL, *arguments])


def ids(store: Store) -> list[str]:
    return [run.run_id for run in run_search.runs(store, run_search.experiments(store))]


@pytest.mark.usefixtures("workdir")
def test_the_same_command_trains_once() -> None:
    """The second time it says so, with the next steps; --again trains, and the name means that run."""
    first = train()
    assert first.exit_code == 0
    assert "next      qsweep play mine --video agent.mp4" in first.stdout
    [curve] = re.findall(r"^curve     (.+)$", first.stdout, re.MULTILINE)
    assert Path(curve).is_file()
    store = open_store("local")
    [run_id] = ids(store)
    second = train()
    assert second.exit_code == 0
    assert f"already trained: mine, score -200 ({run_id}); --again trains it anew" in second.stdout
    assert second.stdout.splitlines()[1:] == first.stdout.splitlines()[-4:]
    assert ids(store) == [run_id]
    third = train("--again", "--quiet")
    assert third.exit_code == 0
    assert "next " not in third.stdout + third.stderr
    newest, oldest = ids(store)
    assert oldest == run_id
    assert resolve(store, "mine/ep000020").run_id == newest
    pulled = CliRunner().invoke(main, ["pull", "mine/ep000020", "--out", "early"])
    assert (pulled.exit_code, Path("early/q_table.npy").is_file()) == (0, True)


@pytest.mark.usefixtures("workdir")
def test_without_a_store_every_command_trains() -> None:
    """Nothing is looked up, and there is nothing to play."""
    for _ in range(2):
        ran = train("tracking=none")
        assert ran.exit_code == 0
        assert "trained   20 episodes" in ran.stdout
        assert "next" not in ran.stdout


@pytest.mark.usefixtures("workdir")
def test_words_of_beginners_are_read_and_said() -> None:
    """A note says what each word was read as, and the run is the one that is meant."""
    ran = train("tracking=none", "--buckets", "8", "lr=0.3")
    assert ran.exit_code == 0
    assert "qsweep: --buckets 8 is read as buckets=8\n" in ran.stderr
    assert "qsweep: lr=0.3 is read as learning_rate=0.3\n" in ran.stderr


def end(store: Store, run_id: str, status: str) -> None:
    assert store.tables is not None
    store.tables.add(run_id, RunChanges(status=status))


@pytest.mark.usefixtures("workdir")
def test_a_repeated_command_does_not_move_best() -> None:
    """The user's alias stays; a registration that was interrupted is completed."""
    assert train("--quiet").exit_code == 0
    assert train("--quiet", "seed=1").exit_code == 0
    store = open_store("local")
    run_ids = ids(store)
    [name] = {version.name for version in every_version(store)}
    for number in ("1", "2"):
        store.client.set_registered_model_alias(name, BEST, number)
        assert [train("--quiet", *seed).exit_code for seed in ((), ("seed=1",))] == [0, 0]
        assert str(store.client.get_model_version_by_alias(name, BEST).version) == number
    store.client.delete_model_version_tag(name, "2", COMPARED)
    assert train("--quiet", "seed=1").exit_code == 0
    assert COMPARED in store.client.get_model_version(name, "2").tags
    assert ids(store) == run_ids


@pytest.mark.usefixtures("workdir")
def test_a_failed_run_that_is_kept() -> None:
    """With sweep.rerun=never it is said to have failed; otherwise the next run replaces it."""
    assert train("--quiet", "registry.promote=never").exit_code == 0
    store = open_store("local")
    [failed] = ids(store)
    end(store, failed, "FAILED")
    kept = train("sweep.rerun=never")
    assert kept.exit_code == 0
    assert f"kept as FAILED: mine ({failed}); --again trains it anew\n" in kept.stdout
    assert "next" not in kept.stdout
    assert qsweep.run(*SMALL, "sweep.rerun=never").run_id == failed
    assert list(every_version(store)) == []
    saved = Path(unfinished.FOLDER, failed)
    saved.mkdir(parents=True)
    assert train("--quiet").exit_code == 0
    [other] = ids(store)
    assert (other != failed, saved.exists()) == (True, False)


@pytest.mark.usefixtures("workdir")
def test_what_a_kept_run_replaces() -> None:
    """A failed run is discarded with its saved progress, but not one that a process executes again."""
    assert train("--quiet").exit_code == 0
    assert train("--quiet", "--again").exit_code == 0
    store = open_store("local")
    newest, oldest = ids(store)
    end(store, oldest, "FAILED")
    decision = Decision("keep", newest, (oldest,))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(single_run, "is_running", lambda _: True)
        single_run._discard(store, decision.replaced)
    assert ids(store) == [newest, oldest]
    assert train("--quiet").exit_code == 0
    assert ids(store) == [newest]
