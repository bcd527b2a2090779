"""What comes from a store, a server or a file may come from anybody: it is shown and read, never obeyed."""

from __future__ import annotations

import json
import pickle
import re
import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from qsweep.cli import ui
from qsweep.commands.play import named, play
from qsweep.commands.pull import pull
from qsweep.commands.reproduce import reproduce
from qsweep.config import Env
from qsweep.environments import description
from qsweep.environments.description import refuse_foreign
from qsweep.environments.failures import EnvironmentFailure
from qsweep.errors import UsageError
from qsweep.plan.composition import load_resolved
from qsweep.policies.policy import RECORD, TABLE, Policy, readable
from qsweep.policies.registry.fetching import folder_name
from qsweep.policies.registry.promotion import register
from qsweep.report.folder import harmless, report
from qsweep.report.loading.selection import Selection
from qsweep.runs.runner import Work
from qsweep.system.untrusted_files import read_columns, read_yaml
from qsweep.tracking.checkpoints import FILE_NAME, Archive, History, layout
from qsweep.tracking.store import Store, open_store
from tests.support import recorded
from tests.support.trained import run

HOSTILE = "../../<script>alert(1)</script>`\n```python\x1b[31m[/b]"
"""A run's name that is a path, a tag, a fence, a terminal's command and a mark."""
MARKER = "was-run"
EVIL = f"from pathlib import Path\nPath({MARKER!r}).touch()\n"
TRAIN = ("episodes=20", "evaluation.checkpoints=2", "evaluation.episodes=2", "evaluation.test_episodes=5")

Rows = list[tuple[int, int, float]]
WHOLE: Rows = [(10, 0, 1.0), (10, 1, 2.0)]


@pytest.fixture
def store(workdir: Path) -> Store:  # noqa: ARG001
    """The empty store of an empty folder."""
    return open_store("local")


def crafted(
    path: Path,
    groups: list[Rows],
    shape: str = "[1, 2]",
    about: str = "{}",
    schema: pa.Schema = layout.SCHEMA,
    **more: Any,
) -> Path:
    """A history as `History` would not write it."""
    metadata = {"shape": shape, "qsweep": about}
    if any(None in row for rows in groups for row in rows):
        schema = pa.schema([field.with_nullable(True) for field in schema])
    with pq.ParquetWriter(path, schema.with_metadata(metadata), **more) as writer:
        for rows in groups:
            columns = zip(*rows, strict=True)
            arrays = [
                pa.array(column).cast(field.type) for column, field in zip(columns, schema, strict=True)
            ]
            writer.write_table(pa.table(arrays, schema=writer.schema))
    return path


def read(path: Path) -> list[int]:
    """All that can be read of a history."""
    with readable("archive"):
        archive = Archive(path)
        archive.changes()
        return [number for number, _ in archive.tables(archive.episodes().tolist())]


def test_a_crafted_history_that_is_sound_is_read(tmp_path: Path) -> None:
    """What the refusals below refuse is not refused for another reason."""
    assert read(crafted(tmp_path / FILE_NAME, [[*WHOLE, (20, 1, 5.0)], [(30, 0, 0.0), (30, 1, 0.0)]])) == [
        10,
        20,
        30,
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [[*WHOLE, (20, -1, 5.0)]],
        [[*WHOLE, (20, 2, 5.0)]],
        [[*WHOLE, (20, 2**31 - 1, 5.0)]],
        [[(10, 0, 1.0), (20, 1, 2.0)]],
        [[(10, 1, 1.0), (10, 0, 2.0)]],
        [[(10, 0, 1.0), (10, 0, 2.0)]],
        [[(10, 0, 1.0)]],
        [[*WHOLE, (30, 0, 1.0), (20, 0, 1.0)]],
        [[(-10, 0, 1.0), (-10, 1, 2.0)]],
        [WHOLE, WHOLE],
        [[(20, 0, 1.0), (20, 1, 1.0)], WHOLE],
        [[*WHOLE, (20, 0, None)]],  # type: ignore[list-item]
        [[*WHOLE, (20, None, 1.0)]],  # type: ignore[list-item]
    ],
    ids=[
        *("negative entry", "entry out of range", "entry far out of range", "first table of two checkpoints"),
        *("entries out of order", "entry twice", "half a table", "checkpoints out of order"),
        *("negative episodes", "duplicate checkpoints", "row groups out of order", "no value", "no entry"),
    ],
)
def test_rows_that_make_no_history_are_refused(tmp_path: Path, rows: list[Rows]) -> None:
    """In one sentence, and before anything outside of the table is read or written."""
    with pytest.raises(UsageError, match=r"archive: is missing or damaged.*ValueError"):
        read(crafted(tmp_path / FILE_NAME, rows))


@pytest.mark.parametrize(
    "shape",
    [
        *("[]", "[0]", "[-1, -2]", "[1.0, 2]", "[true, 2]", '["2"]', "2", "{}", "null", "[NaN]", "[1e3]"),
        *("[67108865]", "[99999, 99999, 99999]", f"[{'9' * 4000}]", f"[{'1,' * 65}2]", "[" * 100_000),
    ],
)
def test_shapes_that_no_table_has_are_refused(tmp_path: Path, shape: str) -> None:
    """None of them makes memory be taken: above 2**26 values nothing is tried."""
    with pytest.raises(UsageError, match="is missing or damaged"):
        read(crafted(tmp_path / FILE_NAME, [WHOLE], shape))


def test_a_shape_that_is_larger_than_the_rows_is_refused(tmp_path: Path) -> None:
    """A declared table of 512 MB in a file of two rows."""
    with pytest.raises(UsageError, match="does not fit tables of shape"):
        read(crafted(tmp_path / FILE_NAME, [WHOLE], "[67108864]"))


def test_a_bomb_of_rows_is_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Millions of rows that take a few bytes: more than a row group of such tables has is not read."""
    rows = [*WHOLE, *[(20, 0, 0.0)] * 200_000]
    path = crafted(tmp_path / FILE_NAME, [rows], compression="zstd")
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(Archive, "_rows", None)
    with pytest.raises(UsageError, match="200,002 rows does not fit"):
        read(path)


@pytest.mark.parametrize(
    "schema",
    [
        pa.schema([("episodes", pa.int64()), ("entry", pa.int32()), ("value", pa.float64())]),
        pa.schema([("episodes", pa.int32()), ("entry", pa.int32()), ("value", pa.string())]),
        pa.schema([("a", pa.int32()), ("b", pa.int32()), ("c", pa.float64())]),
    ],
)
def test_other_columns_are_refused(tmp_path: Path, schema: pa.Schema) -> None:
    """Of another type or name."""
    with pytest.raises(UsageError, match="are not those of a checkpoint history"):
        read(crafted(tmp_path / FILE_NAME, [WHOLE], schema=schema))


def test_a_file_without_statistics_or_description_is_refused(tmp_path: Path) -> None:
    """By which the right row group is found."""
    with pytest.raises(UsageError, match="not in order"):
        read(crafted(tmp_path / FILE_NAME, [WHOLE], write_statistics=False))
    pq.write_table(pa.table({"episodes": [1]}), tmp_path / "other")
    with pytest.raises(UsageError, match="not those of a checkpoint history"):
        read(tmp_path / "other")


def test_damage_anywhere_is_an_error_or_nothing(tmp_path: Path) -> None:
    """Cut off anywhere it is refused; with any bit flipped, too, or its numbers are what they were."""
    path = tmp_path / FILE_NAME
    with History(path, (4, 3), {}) as history:
        for number in range(1, 9):
            history.add(number, np.random.default_rng(number).normal(size=(4, 3)))
    data, whole = path.read_bytes(), [table.tobytes() for _, table in Archive(path).tables(range(9))]
    for place in range(0, len(data), 37):
        path.write_bytes(data[:place])
        with pytest.raises(UsageError):
            read(path)
        path.write_bytes(bytes([*data[:place], data[place] ^ 4, *data[place + 1 :]]))
        try:
            read(path)
        except UsageError:
            continue
        shape = Archive(path).shape  # the description has no checksum; what it says is bounded
        assert shape != (4, 3) or [t.tobytes() for _, t in Archive(path).tables(range(9))] == whole


def test_nan_is_a_value_like_any_other(tmp_path: Path) -> None:
    """It is read as it was written."""
    path = crafted(tmp_path / FILE_NAME, [[(10, 0, float("nan")), (10, 1, 2.0)]])
    assert np.isnan(Archive(path).q_table("ep000010")[0, 0])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &x [1, 2]\nb: [*x, *x]\n", "references"),
        (f"a: !!python/object/apply:os.system ['touch {MARKER}']\n", "could not determine a constructor"),
        ("a: " + "[" * 1_000_000, "more than 100 deep"),
        ("".join(f"{' ' * depth}-\n" for depth in range(1000)), "more than 100 deep"),
        ("x" * (2**20 + 1), "larger than"),
        ("a: b: c", "mapping values are not allowed"),
    ],
    ids=["references", "objects", "depth", "block depth", "size", "malformed"],
)
def test_yaml_is_plain_values_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, reason: str
) -> None:
    """No references that multiply, no objects, no more than a megabyte."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(UsageError, match=reason), readable("config.yaml"):
        read_yaml(tmp_path / "config.yaml")
    assert not (tmp_path / MARKER).exists()


def test_episodes_are_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text, missing columns and more rows than fit into memory are refused."""
    path = tmp_path / "episodes.parquet"
    pq.write_table(pa.table({"return": ["a"]}), path)
    with pytest.raises(ValueError, match="contains string, not numbers"):
        read_columns(path)
    pq.write_table(pa.table({"return": [1.0, 2.0]}), path)
    assert read_columns(path, ["return"])["return"].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="epsilon"):
        read_columns(path, ["return", "epsilon"])
    monkeypatch.setattr("qsweep.system.untrusted_files.MAX_ROWS", 1)
    with pytest.raises(ValueError, match="at most 1 are read"):
        read_columns(path)


def trained(*lines: str) -> str:
    """A run in the store of the current folder; its id."""
    [outcome] = run([Work(load_resolved([*TRAIN, *lines]), "mine", "")])
    return outcome.run_id


def files(store: Store, run_id: str) -> Path:
    return Path(store.client.get_run(run_id).info.artifact_uri)


def test_a_hostile_name_is_only_shown(store: Store, qsweep: Callable[..., Any]) -> None:
    """As a run's name it leads nowhere, ends no fence, and moves no terminal."""
    run_id = trained("buckets=4")
    store.client.update_run(run_id, name=HOSTILE)
    pulled = pull(open_store("local"), run_id)
    assert pulled.folder == Path.cwd() / run_id
    page = (pulled.folder / "README.md").read_text()
    assert page.count("```") == 2
    assert "<script>" not in page
    assert "\x1b" not in str(pulled)
    told = qsweep("runs")
    assert told.returncode == 0
    assert "\x1b" not in told.stdout
    assert "[/b]" in told.stdout
    assert sorted(path.name for path in Path.cwd().iterdir()) == [run_id, "mlruns", "multirun"]


@pytest.mark.slow
def test_no_command_lets_a_name_move_the_terminal(store: Store, qsweep: Callable[..., Any]) -> None:
    """Names of runs and experiments, in what is found, listed, suggested, and wrong."""
    run_id = trained("buckets=4")
    store.client.update_run(run_id, name=HOSTILE)
    [experiment] = [each for each in store.client.search_experiments() if each.name == "MountainCar-v0"]
    store.client.rename_experiment(experiment.experiment_id, HOSTILE)
    (files(store, run_id) / "checkpoints" / FILE_NAME).write_bytes(b"no history")
    commands = (("runs",), ("doctor",), ("pull", "nothing"), ("gc", "--dry-run", "--keep-checkpoints", "1"))
    for command in commands:
        told = qsweep(*command)
        assert "Traceback" not in told.stderr
        said = told.stdout + told.stderr
        assert "script" in said
        assert [line for line in said.splitlines() if not line.isprintable()] == []


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "..", "a/../b", "a\\b", "a/b/c", "x\x00y", "./x/y"])
def test_no_name_is_a_path_out(store: Store, name: str) -> None:
    """Names that could lead out of the folder are refused, whatever a store calls its runs."""
    run_id = recorded.record(store, score=-150.0)
    store.client.update_run(run_id, name=name.replace("\x00", ""))
    with pytest.raises(UsageError):
        pull(store, name)
    with pytest.raises(UsageError):
        folder_name(name)


def test_a_link_at_out_is_not_followed(store: Store, tmp_path: Path) -> None:
    """Neither by pull nor by report, with --force neither; what it leads to stays."""
    run_id = trained("buckets=4")
    precious = tmp_path / "precious"
    precious.mkdir()
    (tmp_path / "out").symlink_to(precious)
    for write in (
        lambda: pull(store, run_id, Path("out"), force=True),
        lambda: report(store, Selection("s"), Path("out")),
    ):
        with pytest.raises(UsageError, match="--out"):
            write()
    assert list(precious.iterdir()) == []
    assert store.artifacts is not None


def test_a_link_among_artifacts_gives_nothing_away(store: Store, tmp_path: Path) -> None:
    """A record that is a link to another file is refused, without a word of what stands there."""
    run_id = trained("buckets=4")
    (tmp_path / "secret").write_text("password: [hunter2")
    for name in ("config.yaml", f"checkpoints/{FILE_NAME}"):
        (files(store, run_id) / name).unlink()
        (files(store, run_id) / name).symlink_to(tmp_path / "secret")
    for use in (pull, reproduce):
        with pytest.raises(UsageError) as refused:
            use(store, run_id)
        assert "hunter2" not in str(refused.value)


class Opened:
    """Whose unpickling leaves a mark."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path(MARKER),))


def test_code_in_a_stored_model_is_never_run(store: Store) -> None:
    """A registered model whose code and pickles were exchanged: pulled and played, by its table alone."""
    register(store, trained("buckets=4"))
    [model] = (store.artifacts or Path()).glob("*/models/*/artifacts")
    for code in model.rglob("*.py"):
        code.write_text(EVIL)
    (model / "python_model.pkl").write_bytes(pickle.dumps(Opened()))
    (model / "MLmodel").write_text("flavors: {python_function: {loader_module: evil, code: .}}")
    (model / "evil.py").write_text(EVIL)
    pulled = pull(open_store("local"), "MountainCar-v0@best")
    play("MountainCar-v0@best", 1)
    assert not [
        file for file in pulled.folder.rglob("*") if file.is_file() and MARKER in file.read_text("latin1")
    ]
    assert not Path(MARKER).exists()


def test_a_pickle_for_a_table_is_not_opened(store: Store) -> None:
    """Neither in a registered model nor in a folder."""
    register(store, trained("buckets=4"))
    pull(open_store("local"), "MountainCar-v0@best", Path("pulled"))
    [model] = (store.artifacts or Path()).glob("*/models/*/artifacts/artifacts")
    for folder in (model, Path("pulled")):
        np.save(folder / TABLE, np.array([Opened()], object), allow_pickle=True)
    for name in ("MountainCar-v0@best", "./pulled"):
        with pytest.raises(UsageError, match=re.escape(TABLE)):
            named(name)
    assert not Path(MARKER).exists()


@pytest.fixture
def cautious(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a fresh process: no module was asked for."""
    monkeypatch.setattr(description, "_requested", set())
    monkeypatch.setattr(description, "_trusting", False)


def forged(store: Store, **env: str) -> str:
    """A run whose record names another environment than the one that it was trained in."""
    run_id = trained("buckets=4")
    folder = files(store, run_id)
    config = (folder / "config.yaml").read_text()
    for key, value in env.items():
        config = re.sub(rf"(?m)^  {key}: .*$", f"  {key}: {value}", config)
    (folder / "config.yaml").write_text(config)
    old = Archive(folder / "checkpoints" / FILE_NAME)
    about = {**old.about, "config": {**old.about["config"], "env": {**old.about["config"]["env"], **env}}}
    tables = list(old.tables(old.episodes().tolist()))
    with History(folder / "checkpoints" / FILE_NAME, old.shape, about) as history:
        for number, table in tables:
            history.add(number, table)
    return run_id


@pytest.mark.usefixtures("cautious")
@pytest.mark.parametrize("env", [{"id": "evil:Evil-v0"}, {"wrapper": "evil:wrap"}, {"id": "os:Evil-v0"}])
def test_a_record_imports_no_module(store: Store, env: dict[str, str]) -> None:
    """Of its own choice: each command says what it would run, and how to allow it."""
    Path("evil.py").write_text(EVIL)
    run_id = forged(store, **env)
    for use in (partial(pull, store), play, partial(reproduce, store)):
        with pytest.raises(UsageError, match=r"would import a module named by the record.*--trust"):
            use(run_id)
    assert not Path(MARKER).exists()


@pytest.mark.usefixtures("cautious")
def test_a_pulled_folder_imports_no_module(store: Store) -> None:
    """Its record may come from anybody, too."""
    Path("evil.py").write_text(EVIL)
    pull(open_store("local"), trained("buckets=4"), Path("pulled"))
    for name in (RECORD, "config.yaml"):
        text = (Path("pulled") / name).read_text()
        (Path("pulled") / name).write_text(text.replace("MountainCar-v0", "evil:Evil-v0"))
    with pytest.raises(UsageError, match="--trust"):
        play("./pulled")
    assert not Path(MARKER).exists()
    assert store.artifacts is not None


@pytest.mark.usefixtures("cautious")
def test_what_the_user_asks_for_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """What this process has made by its user's wish, what presets name, and all of it with --trust."""
    refuse_foreign("minigrid:MiniGrid-Empty-5x5-v0", "qsweep.environments.wrappers:PositionAndDirection", {})
    refuse_foreign("MountainCar-v0", None, {})
    with pytest.raises(UsageError):
        refuse_foreign("mine:Mine-v0", None, {})
    with pytest.raises(EnvironmentFailure, match="ModuleNotFoundError"):
        description.make(Env("mine:Mine-v0"))
    refuse_foreign("mine:Mine-v0", None, {})
    with pytest.raises(UsageError):
        refuse_foreign("qsweeper:Mine-v0", None, {})
    monkeypatch.setattr(description, "_trusting", True)
    refuse_foreign("yours:Yours-v0", "yours:wrap", {"source": "yours:mdp"})


@pytest.mark.usefixtures("cautious")
@pytest.mark.parametrize(
    "source", ["qsweep.environments.description:os.system", "gymnasium:make", "mine:mdp"]
)
def test_a_record_calls_no_function_as_a_source_of_tables(source: str) -> None:
    """Not even one of a trusted package: a record has its arguments, too. A preset's own is called."""
    refuse_foreign("qsweep/MDP-v0", None, {"source": "qsweep.environments.mdp.examples:forest"})
    refuse_foreign("qsweep/MDP-v0", None, {"source": "forest.npz"})
    with pytest.raises(UsageError, match=r"env\.kwargs\.source: would import .*--trust"):
        refuse_foreign("qsweep/MDP-v0", None, {"source": source, "arguments": {"command": "true"}})


@pytest.mark.slow
def test_trust_is_an_option(store: Store, qsweep: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """The command refuses a module of the user's own in a record, and takes it with --trust."""
    Path("mine.py").write_text("def wrap(env):\n    return env\n")
    made = qsweep("train", "env.wrapper=mine:wrap", "buckets=4", "registry.promote=auto", *TRAIN)
    assert made.returncode == 0, made.stderr
    refused = qsweep("play", "MountainCar-v0@best")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--trust" in refused.stderr
    assert qsweep("play", "MountainCar-v0@best", "--trust", "--episodes", "1").returncode == 0
    assert store.artifacts is not None


def test_no_text_in_a_csv_is_a_formula() -> None:
    """What a spreadsheet would run is quoted; numbers are numbers."""
    texts = ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "-1.5e-3", "buckets=3", ""]
    shown = harmless(pd.DataFrame({"=name": texts, "number": [-1.5] * 8}))
    assert shown.columns.tolist() == ["'=name", "number"]
    assert shown["'=name"].tolist() == [
        *("'=1+1", "'+1+1", "'-1+1", "'@SUM(A1)", "'\t=1", "-1.5e-3", "buckets=3", "")
    ]
    assert shown["number"].tolist() == [-1.5] * 8


def test_the_ui_listens_to_this_machine_alone() -> None:
    """Unless told otherwise."""
    defaults = {option.name: option.default for option in ui.params}
    assert defaults["host"] == "127.0.0.1"


def test_json_in_a_folder_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record that is too large, too deep, or of too many cells is refused."""
    pulled = pull(open_store("local"), trained("buckets=4"), Path("pulled")).folder
    record = json.loads((pulled / RECORD).read_text())
    for text in (
        "[" * 100_000,
        json.dumps({**record, "tilings": 10**12}),
        json.dumps({**record, "low": ["x"]}),
    ):
        (pulled / RECORD).write_text(text)
        with pytest.raises(UsageError, match=re.escape(RECORD)):
            Policy.load(pulled)
    monkeypatch.setattr("qsweep.system.untrusted_files.MAX_TEXT_BYTES", 10)
    with pytest.raises(UsageError, match="larger than 10 bytes"):
        Policy.load(pulled)
    shutil.rmtree(pulled)
    assert (layout.MAX_GROUP_ROWS, store.artifacts is None) == (2**26, False)
