"""A single run of `qsweep train`, from its command to what it prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from qsweep.cli import main
from qsweep.policies.registry.names import resolve
from qsweep.tracking import run_search
from qsweep.tracking.store import Store, open_store

SMALL = ("episodes=20", "evaluation.episodes=2", "evaluation.test_episodes=2", "tracking.name=mine")


def train(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, ["train", *SMALL, *arguments])


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
