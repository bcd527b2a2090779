from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qsweep.errors import UsageError
from qsweep.plan.composition import load_resolved
from qsweep.report import folder as writing
from qsweep.report.comparison.standings import COLUMNS
from qsweep.report.folder import Report, command, folder_name, report
from qsweep.report.loading.selection import Selection
from qsweep.runs.runner import Work
from qsweep.tracking.store import Store, open_store
from tests.support.recorded import SCORE, record, sweep
from tests.support.trained import run

FILES = {"report.html", "report.md", "runs.csv", "variants.csv", "variants.tex", "figures"}
SCORES = {10: [-150.0, -140.0, -145.0], 20: [-130.0, -120.0, -125.0]}


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def written(name: str = "s", out: str | None = None, **more: Any) -> Report:
    return report(open_store("local"), Selection(name, **more), Path(out) if out else None)


@pytest.mark.slow
def test_what_a_report_leaves(store: Store) -> None:
    """The folder named after the sweep holds page, summary, both tables, and every figure in two formats."""
    sweep(store, "s", SCORES)
    made = written()
    assert made.folder == Path.cwd() / "s-report"
    assert {path.name for path in made.folder.iterdir()} == FILES
    figures = sorted(path.name for path in (made.folder / "figures").iterdir())
    stems = (
        "greedy_curves",
        "learning_curves",
        "profiles",
        "score_by_buckets",
        "steps_and_score",
    )
    assert figures == [f"{stem}.{kind}" for stem in stems for kind in ("png", "svg")]
    assert made.headlines[0].partition(" ")[0] in (made.folder / "variants.tex").read_text()
    assert str(made).endswith(f"open {made.folder}/report.html in a browser")
    assert made.headlines[0] in (made.folder / "report.html").read_text()
    assert made.headlines[0] in (made.folder / "report.md").read_text()


@pytest.mark.slow
def test_the_tables_of_a_report(store: Store) -> None:
    """runs.csv has every run with its status, variants.csv the standings."""
    ids = sweep(store, "s", SCORES)
    fresh = sweep(store, "s-confirm", {20: [-126.0]}, first=3)
    failed = record(store, {"buckets": 40, "sweep": {"name": "s"}}, -1.0, "FAILED")
    folder = written().folder
    runs = pd.read_csv(folder / "runs.csv").set_index("run_id")
    assert set(runs.index) == {*ids, *fresh, failed}
    assert list(runs)[:6] == ["name", "label", "seed", "status", "counts", "fresh"]
    assert runs.loc[ids, "counts"].all()
    assert runs.loc[[failed, *fresh], ["counts", "fresh"]].to_numpy().tolist() == [
        [False, False],
        [True, True],
    ]
    assert runs.loc[ids[0], ["label", SCORE, "buckets"]].tolist() == ["buckets=10", -150.0, 10]
    variants = pd.read_csv(folder / "variants.csv")
    assert list(variants) == [*COLUMNS, "buckets"]
    assert variants["mean"].tolist() == [-125.25, -145.0]  # with the fresh seed
    assert variants["fresh_mean"][0] == -126.0


@pytest.mark.slow
def test_the_same_runs_give_the_same_report(store: Store) -> None:
    """Resampling is seeded: two reports differ only in their time."""
    sweep(store, "s", SCORES)
    texts = [(written(out=name).folder / "variants.csv").read_text() for name in ("a", "b")]
    assert texts[0] == texts[1]


@pytest.mark.slow
def test_a_report_is_replaced_by_a_report(store: Store) -> None:
    """An earlier report is replaced silently."""
    sweep(store, "s", {10: [-150.0]})
    first = written().folder
    sweep(store, "s", {20: [-140.0]})
    assert written().folder == first
    assert len(pd.read_csv(first / "variants.csv")) == 2
    (first / "variants.tex").unlink()  # as in a report of an earlier version
    report(open_store("local"), Selection("s"), pdf=True)
    figures = {path.suffix for path in (first / "figures").iterdir()}
    assert figures == {".png", ".svg", ".pdf"}
    assert written().folder == first
    assert [path.name for path in Path.cwd().glob(".qsweep-*")] == []


@pytest.mark.slow
def test_an_empty_folder_is_taken(store: Store) -> None:
    """An empty folder may be written to."""
    sweep(store, "s", {10: [-150.0]})
    Path("out").mkdir()
    assert {path.name for path in written(out="out").folder.iterdir()} == FILES


@pytest.mark.parametrize(
    "file", ["mine.txt", "report.html", "runs.csv", "figures/mine.txt", "figures/a/b.png"]
)
def test_what_is_not_a_report_is_left_alone(store: Store, file: str) -> None:
    """A folder with other contents is refused before anything is read, and is unchanged."""
    sweep(store, "s", {10: [-150.0]})
    path = Path("out") / file
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(
        UsageError, match="--out: exists, and is replaced only if it is a folder with a report"
    ):
        written(out="out")
    assert [found for found in Path("out").rglob("*") if found.is_file()] == [path]


@pytest.mark.slow
def test_a_report_with_something_beside_it_is_left_alone(store: Store) -> None:
    """A user's file next to a report prevents replacing the folder."""
    sweep(store, "s", {10: [-150.0]})
    folder = written().folder
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"it also contains notes\.txt; give another --out"):
        written()
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.slow
def test_a_link_is_left_alone(store: Store, tmp_path: Path) -> None:
    """A symbolic link and a file are refused."""
    sweep(store, "s", {10: [-150.0]})
    (tmp_path / "link").symlink_to(written().folder)
    (tmp_path / "file").write_text("mine")
    for name in ("link", "file"):
        with pytest.raises(UsageError, match="--out: exists"):
            written(out=name)


def test_a_failure_leaves_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """If writing fails, no folder is left."""
    sweep(store, "s", {10: [-150.0]})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "_draw", full)
    with pytest.raises(UsageError, match=r"--out: cannot be written; .*No space left on device"):
        written()
    assert {path.name for path in Path.cwd().iterdir()} == {"mlruns", "multirun"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"name": "t"}, r"must be an experiment, a sweep or a run; given 't' \(known: "),
        ({"baseline": "buckets=11"}, "--baseline: must be the label or hash of a variant"),
        ({"where": ["bukets > 3"]}, "--where: must be a key of the runs"),
        ({"metric": "nonsense"}, "--metric: must be a metric of the runs"),
        ({"since": "then"}, "--since: must be a date"),
    ],
)
def test_what_cannot_be_reported_on(store: Store, more: dict[str, Any], message: str) -> None:
    """An invalid selection is refused with a remedy, and no folder is written."""
    sweep(store, "s", SCORES)
    with pytest.raises(UsageError, match=message):
        written(**more)
    assert {path.name for path in Path.cwd().iterdir()} == {"mlruns", "multirun"}


def test_an_address_that_is_none(store: Store) -> None:
    """The address of the UI must be valid."""
    sweep(store, "s", SCORES)
    with pytest.raises(UsageError, match="--ui: must be http"):
        report(store, Selection("s"), ui="javascript:alert(1)")


@pytest.mark.parametrize("name", ["it's", "a,b=c", "../up", ".hidden", "ü/x", "x" * 300, "a b\nc"])
def test_the_folders_name_is_none_but_a_name(name: str) -> None:
    """With any sweep name the folder lies in the current one and is not hidden."""
    folder = folder_name(name)
    assert Path(folder).name == folder
    assert not folder.startswith(".")
    assert len(folder) < 256


def test_the_command_of_a_report(store: Store) -> None:
    """The command in a report makes it again; for the local store it has no URI."""
    assert command(store, Selection("s")) == "qsweep report s"
    full = Selection("it's", "7d", ["buckets >= 20", "seed < 5"], "final/return_mean", "a  b")
    elsewhere = Store("sqlite:////x", Path("/"))
    assert shlex.split(command(elsewhere, full, Path("o u t"))) == [
        *("qsweep", "report", "it's", "--since", "7d", "--where", "buckets >= 20", "--where", "seed < 5"),
        *("--metric", "final/return_mean", "--baseline", "a  b", "--uri", "sqlite:////x", "--out", "o u t"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("case", ["empty", "one run", "one seed", "failed", "killed", "bare", "mixed"])
def test_empty_and_broken_cases(store: Store, case: str) -> None:
    """A report is written even with few or no runs, with a fitting headline."""
    values: dict[str, Any] = {"sweep": {"name": "s"}}
    match case:
        case "empty":
            store.client.create_experiment("s")
        case "one run":
            record(store, values, -150.0)
        case "one seed":
            sweep(store, "s", {10: [-150.0], 20: [-140.0]})
        case "failed" | "killed":
            record(store, values, None, "FAILED" if case == "failed" else "KILLED")
        case "bare":
            experiment = store.client.create_experiment("s")
            store.client.create_run(experiment, tags={"qsweep.config": "abc"}, run_name="old")
        case "mixed":
            sweep(store, "s", SCORES)
            record(store, {**values, "env": {"id": "CartPole-v1", "low": [-3] * 4, "high": [3] * 4}}, 100.0)
    headlines = {
        "empty": (),
        "one run": ("There is only one variant: MountainCar-v0 scored -150 with one seed.",),
        "failed": ("There are no scores to compare.",),
        "killed": ("There are no scores to compare.",),
        "bare": ("There are no scores to compare.",),
    }
    made = written()
    assert {path.name for path in made.folder.iterdir()} == FILES
    assert headlines.get(case, made.headlines) == made.headlines
    if case == "mixed":
        assert [headline.partition(":")[0] for headline in made.headlines] == [
            "MountainCar-v0",
            "CartPole-v1",
        ]
        assert (made.folder / "figures" / "2_best_run.png").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("store")
def test_the_verdict_agrees_with_a_bootstrap_of_the_csv() -> None:
    """On runs trained for real, a plain bootstrap of runs.csv gives the report's probabilities and intervals.

    The definitions are written out anew: the share of pairs that the leader wins, seeds drawn with
    replacement in each variant, 2.5 and 97.5 percent of 20,000 draws.
    """
    small = ["episodes=600", "evaluation.test_episodes=50", "evaluation.episodes=10", "sweep.name=s"]
    for buckets in (4, 8, 16):
        for seed in range(6):
            config = load_resolved([*small, f"buckets={buckets}", f"seed={seed}", "epsilon.decay_end=1"])
            run([Work(config, f"buckets={buckets},seed={seed}", "")])
    folder = written().folder
    runs = pd.read_csv(folder / "runs.csv")
    scores = {label: group[SCORE].to_numpy() for label, group in runs[runs["counts"]].groupby("label")}
    variants = pd.read_csv(folder / "variants.csv").set_index("label")
    leader = max(scores, key=lambda label: scores[label].mean())
    assert variants.index[0] == leader
    generator = np.random.default_rng(12345)

    def resampled(label: str) -> np.ndarray:
        return generator.choice(scores[label], (20_000, len(scores[label])))

    for label, values in scores.items():
        low, high = np.percentile(resampled(label).mean(axis=1), [2.5, 97.5])
        room = 0.05 * np.ptp(values) + 1e-9
        assert variants.loc[label, "mean"] == pytest.approx(values.mean())
        assert variants.loc[label, "mean_low"] == pytest.approx(low, abs=room)
        assert variants.loc[label, "mean_high"] == pytest.approx(high, abs=room)
        if label == leader:
            continue
        x, y = resampled(leader)[:, :, None], resampled(label)[:, None, :]
        wins = ((x > y) + 0.5 * (x == y)).mean(axis=(1, 2))
        pairs = [(a > b) + 0.5 * (a == b) for a in scores[leader] for b in values]
        assert variants.loc[label, "leader_p_better"] == pytest.approx(np.mean(pairs))
        low, high = np.percentile(wins, [2.5, 97.5])
        assert variants.loc[label, "leader_p_low"] == pytest.approx(low, abs=0.03)
        assert variants.loc[label, "leader_p_high"] == pytest.approx(high, abs=0.03)
        if low <= 0.5:
            assert not variants.loc[label, "told_apart"]
