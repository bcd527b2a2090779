from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from qsweep.commands.reproduce import Reproduction, differences, reproduce
from qsweep.errors import UsageError
from qsweep.learning.training import Chunk
from qsweep.plan.composition import load_resolved
from qsweep.runs.runner import Work
from qsweep.tracking.store import Store, open_store
from tests.support.trained import run

pytestmark = pytest.mark.slow

SHORT = ("episodes=150", "evaluation.episodes=2", "evaluation.test_episodes=2", "evaluation.checkpoints=1")
LOCAL = "local"
TABLE, PACKAGES = "qsweep.qtable_sha256", "qsweep.packages"

Command = Callable[..., subprocess.CompletedProcess[str]]


class Killing:
    """A progress bar that interrupts at the first chunk, like Ctrl-C."""

    def __call__(self, chunk: Chunk) -> None:
        """Interrupt."""
        raise KeyboardInterrupt


def trained(name: str = "a run", *lines: str) -> str:
    """Train into the store of the current folder; returns the run's id."""
    return run([Work(load_resolved([*SHORT, *lines]), name, "")])[0].run_id


def tags_of(store: Store, run_id: str) -> dict[str, str]:
    return dict(store.client.get_run(run_id).data.tags)


def edit_record(store: Store, run_id: str, folder: Path, **changes: Any) -> None:
    """Change values in the config.yaml of a run, as with an editor."""
    path = Path(store.client.download_artifacts(run_id, "config.yaml", str(folder)))
    values = yaml.safe_load(path.read_text()) | changes
    written = folder / "changed" / "config.yaml"
    written.parent.mkdir()
    written.write_text(yaml.safe_dump(values))
    store.client.log_artifact(run_id, str(written))


@pytest.mark.slow
@pytest.mark.parametrize(
    "lines", [("engine=compiled",), ("engine=gymnasium",), ("env=frozen_lake", "seed=3")]
)
@pytest.mark.usefixtures("workdir")
def test_a_run_is_reproduced(lines: tuple[str, ...]) -> None:
    """On the engine of the run, the last Q-table is identical, and no difference is reported."""
    run_id = trained("a run", *lines)
    store = open_store(LOCAL)
    before = tags_of(store, run_id)
    done = reproduce(open_store("local"), "a run")
    assert done.equal
    assert (done.recorded, done.run_id, done.episodes) == (before[TABLE], run_id, 150)
    assert done.config == done.recorded_config == before["qsweep.config"]
    assert done.differences in ((), tuple(differences(before, before)))
    assert tags_of(store, run_id) == before


@pytest.mark.usefixtures("workdir")
def test_a_run_that_its_steps_ended() -> None:
    """The episodes that were trained are shown, not those that `episodes` would allow."""
    trained("short", "env=frozen_lake", "steps=300", "checkpoint_every=10")
    done = reproduce(open_store(LOCAL), "short")
    assert done.equal
    assert 0 < done.episodes < 150


@pytest.mark.usefixtures("workdir")
def test_the_command_and_what_it_leaves(qsweep: Command) -> None:
    """Exit code 0 and the result on stdout, then 1 after the record was changed; no run is added."""
    run_id = trained()
    store = open_store(LOCAL)
    ran = qsweep("reproduce", run_id[-8:])
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.endswith("reproduced: the last Q-table is identical to the bit\n")
    packages = json.loads(tags_of(store, run_id)[PACKAGES]) | {"numpy": "1.26.4"}
    store.client.set_tag(run_id, TABLE, "0" * 64)
    store.client.set_tag(run_id, PACKAGES, json.dumps(packages))
    ran = qsweep("reproduce", run_id)
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout.endswith("\nNOT reproduced\n")
    assert f"recorded  {'0' * 64}\n" in ran.stdout
    assert re.search(
        r"^differs   qsweep\.packages: numpy: recorded 1\.26\.4, now 2", ran.stdout, re.MULTILINE
    )
    assert len(store.client.search_runs(["0", "1"])) == 1


@pytest.mark.usefixtures("workdir")
def test_another_version_is_named_though_the_table_is_equal() -> None:
    """If other versions give the same result, it is reproduced, and the versions are listed."""
    run_id = trained()
    open_store(LOCAL).client.set_tag(run_id, "qsweep.python", "3.9.1")
    done = reproduce(open_store("local"), "a run")
    assert done.equal
    assert done.differences[0].startswith("qsweep.python: recorded 3.9.1, now 3.")


@pytest.mark.parametrize(
    ("changes", "equal"), [({"learning_rate": 0.2}, False), ({"checkpoint_every": 5}, True)]
)
@pytest.mark.usefixtures("workdir")
def test_a_changed_config_is_reported(changes: dict[str, Any], equal: bool, tmp_path: Path) -> None:
    """An edited config.yaml is trained as it is now, and the change is reported."""
    run_id = trained()
    edit_record(open_store(LOCAL), run_id, tmp_path, **changes)
    done = reproduce(open_store("local"), "a run")
    assert done.equal == equal
    assert done.config != done.recorded_config
    changed = f"config    config.yaml was changed: recorded {done.recorded_config}, now {done.config}"
    assert changed in str(done).splitlines()


@pytest.mark.usefixtures("workdir")
def test_an_invalid_config_is_reported(tmp_path: Path) -> None:
    """A config.yaml that cannot be trained is refused, with each problem and the file it is in."""
    run_id = trained()
    edit_record(open_store(LOCAL), run_id, tmp_path, learning_rate=2, buckets=-1)
    with pytest.raises(UsageError) as caught:
        reproduce(open_store("local"), "a run")
    keys = [problem.key for problem in caught.value.problems]
    assert sorted(keys) == [f"run {run_id}: config.yaml: {key}" for key in ("buckets", "learning_rate")]


@pytest.mark.parametrize("content", [None, b"", b"[1, 2]", b"{", b"\xff\xfe"])
def test_a_spoilt_config(content: bytes | None, workdir: Path) -> None:
    """A missing or invalid config.yaml is named."""
    run_id = trained()
    [path] = workdir.glob(f"mlruns/artifacts/**/{run_id}/artifacts/config.yaml")
    path.unlink() if content is None else path.write_bytes(content)
    with pytest.raises(UsageError, match=f"run {run_id}: config.yaml"):
        reproduce(open_store("local"), "a run")


@pytest.mark.usefixtures("workdir")
def test_a_killed_run_is_refused() -> None:
    """An interrupted run has no last Q-table; the message has its status."""
    with pytest.raises(KeyboardInterrupt):
        run([Work(load_resolved(SHORT), "a run", "")], Killing())
    with pytest.raises(UsageError) as caught:
        reproduce(open_store("local"), "a run")
    rule = "run: must have finished, so that there is a last Q-table"
    assert str(caught.value) == f"{rule}; given 'a run' (its status is KILLED)"


@pytest.mark.usefixtures("workdir")
def test_a_run_without_its_hash_is_refused() -> None:
    """If the tag with the hash was deleted, nothing is trained."""
    run_id = trained()
    open_store(LOCAL).client.delete_tag(run_id, TABLE)
    with pytest.raises(UsageError, match=f"run: has no tag {TABLE}; given 'a run'"):
        reproduce(open_store("local"), "a run")


@pytest.mark.usefixtures("workdir")
def test_an_unknown_run() -> None:
    """An unknown name is refused with the known ones."""
    trained()
    with pytest.raises(
        UsageError, match=r"name: is not the name or id of a run; given 'a rum' \(known: a run\)"
    ):
        reproduce(open_store("local"), "a rum")


SAME = {
    "qsweep.version": "1.0",
    "qsweep.python": "3.11.7",
    "qsweep.platform": "Linux",
    "qsweep.git_commit": "abc",
    "qsweep.git_dirty": "false",
    PACKAGES: '{"numpy": "2.4.6", "numba": "0.68.1"}',
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"qsweep.version": "0.9"}, ["qsweep.version: recorded 0.9, now 1.0"]),
        ({"qsweep.platform": "macOS"}, ["qsweep.platform: recorded macOS, now Linux"]),
        ({"qsweep.git_commit": "def"}, ["qsweep.git_commit: recorded def, now abc"]),
        ({"qsweep.git_dirty": "true"}, ["qsweep.git_dirty: recorded true, now false"]),
        ({PACKAGES: '{"numpy": "2.4.6"}'}, ["qsweep.packages: numba: recorded nothing, now 0.68.1"]),
        (
            {PACKAGES: '{"numpy": "2.0", "numba": "0.68.1", "jax": "1"}', "qsweep.python": "3.12.1"},
            [
                "qsweep.python: recorded 3.12.1, now 3.11.7",
                "qsweep.packages: numpy: recorded 2.0, now 2.4.6",
                "qsweep.packages: jax: recorded 1, now nothing",
            ],
        ),
    ],
)
def test_differences(changes: Mapping[str, str], expected: list[str]) -> None:
    """Exactly the tags that differ are listed, with the recorded and the current value."""
    assert list(differences({**SAME, **changes}, SAME)) == expected


def test_no_repository_now() -> None:
    """A run from a repository, reproduced outside of one, differs in its git tags."""
    here = {key: value for key, value in SAME.items() if "git" not in key}
    expected = [
        "qsweep.git_commit: recorded abc, now nothing",
        "qsweep.git_dirty: recorded false, now nothing",
    ]
    assert list(differences(SAME, here)) == expected


def test_code_that_was_never_committed() -> None:
    """If files had uncommitted changes then and now, that is reported as a possible difference."""
    dirty = {**SAME, "qsweep.git_dirty": "true"}
    assert list(differences(dirty, dirty)) == [
        "qsweep.git_dirty: files had uncommitted changes, then and now, which are not recorded"
    ]


def test_the_complete_report() -> None:
    """The output of a reproduced run, line by line."""
    done = Reproduction("a run", "1f", 25000, 1.234, "aa", "aa", "c0", "c0", ())
    assert str(done).splitlines() == [
        "run       a run (1f)",
        "trained   25,000 episodes in 1.23 s",
        "recorded  aa",
        "now       aa",
        "config    config.yaml is unchanged (c0)",
        "differs   nothing: code, packages, Python and platform are as recorded",
        "reproduced: the last Q-table is identical to the bit",
    ]
