from __future__ import annotations

import importlib.util
import inspect
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import qsweep
from qsweep.commands.api.run import Run
from qsweep.errors import Failure, Problem, UsageError
from qsweep.tracking.checkpoints import sha256

SHORT = ("episodes=100", "evaluation.episodes=5", "evaluation.test_episodes=20", "evaluation.checkpoints=3")
NAMES = {"load_config", "load_curves", "load_run", "load_runs", "load_variants", "train"}


@pytest.fixture(scope="module")
def folder(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The current folder of this module's tests, with a store."""
    import shutil

    made = tmp_path_factory.mktemp("api")
    (made / "mlruns").mkdir()
    shutil.copy(migrated_store, made / "mlruns" / "mlflow.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        yield made


@pytest.fixture(scope="module")
def run(folder: Path) -> Run:
    """A run that was trained through the API."""
    assert folder == Path.cwd()
    return qsweep.run(SHORT, "tracking.name=mine", buckets=8)


def test_completion_shows_the_api() -> None:
    """`dir(qsweep)` is what a user is meant to see, all of which exists and is documented."""
    assert set(dir(qsweep)) == NAMES | {"run", "sweep", "pull", "compare"}
    assert sorted(dir(qsweep)) == sorted(qsweep.__all__)
    for name in dir(qsweep):
        assert inspect.getdoc(getattr(qsweep, name)), name


def test_importing_qsweep_imports_nothing_of_it() -> None:
    """Nor does completing its names."""
    code = "import sys, qsweep; dir(qsweep); print(*[m for m in sys.modules if m.startswith('qsweep.')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert ran.stdout.split() == []


def test_a_run_is_recorded(run: Run) -> None:
    """As `qsweep train` records it, promotion included; its values are the record's."""
    [row] = [row for row in qsweep.load_runs().to_dict("records") if row["run_id"] == run.run_id]
    assert (run.run_id, run.name, run.status) == (row["run_id"], "mine", "FINISHED")
    assert (run.score, row["command"]) == (row["score"], f"qsweep train {' '.join(SHORT)} buckets=8")
    assert run.interval == (run.metrics["test/return_ci_low"], run.metrics["test/return_ci_high"])
    assert qsweep.load_run("MountainCar-v0@best").score >= run.score
    assert run.config["episodes"] == 100


def test_its_table_episodes_and_curve(run: Run) -> None:
    """The Q-table of the best checkpoint, every episode, and the trailing averages of these."""
    assert run.q_table.shape == (8, 8, 3)
    assert run.checkpoint == f"ep{int(run.metrics['best_episode']):06d}"
    assert list(run.episodes) == ["episode", "return", "length", "epsilon"]
    assert len(run.episodes) == 100
    frame = run.curve().frame
    assert list(frame) == ["episode", "return_avg", "return_min", "return_max", "epsilon"]
    assert frame["return_avg"].iloc[-1] == pytest.approx(run.episodes["return"].mean())
    assert run.checkpoints == [f"ep{n:06d}" for n in range(10, 101, 10)]


def test_other_checkpoints(run: Run) -> None:
    """By name or by number; the last is the one whose hash is recorded."""
    last = run.at(100)
    assert last.checkpoint == "ep000100"
    assert sha256(last.q_table) == run.record.tags["qsweep.qtable_sha256"]
    assert np.array_equal(run.at("ep000050").q_table, qsweep.load_run("mine/ep000050").q_table)
    with pytest.raises(UsageError, match="is not a checkpoint of this run; given 'ep000055'"):
        run.at(55)


def test_an_evaluation(run: Run) -> None:
    """As many episodes as asked for, with the interval of their mean, as text and as HTML."""
    found = run.evaluate(50)
    assert found.returns.shape == found.lengths.shape == (50,)
    assert found.interval[0] <= found.mean <= found.interval[1]
    assert found.exact is None
    assert "mean return" in repr(found)
    assert "<table>" in found._repr_html_()
    assert all(map(math.isnan, run.evaluate(1).interval))
    with pytest.raises(UsageError, match="episodes: must be a whole number from 1"):
        run.evaluate(0)


@pytest.mark.slow
def test_pictures_display_themselves(run: Run, tmp_path: Path) -> None:
    """A chart is a PNG in a notebook, and is saved as other types; an unknown one is refused."""
    for chart in ("curve", "actions", "policy", "values", "visits"):
        picture = run.plot(chart)
        assert picture._repr_png_().startswith(b"\x89PNG"), chart
    for ending in ("png", "svg", "pdf"):
        assert picture.save(tmp_path / f"a.{ending}").stat().st_size > 1000
    with pytest.raises(ValueError, match=r"must end in \.png; given"):
        run.plot("curve").save(tmp_path / "a.svg")
    with pytest.raises(UsageError, match="chart: must be one of curve, actions"):
        run.plot("action")


@pytest.mark.slow
def test_a_run_is_a_picture(run: Run) -> None:
    """Its name, score and two pictures, without what HTML would execute."""
    html = run._repr_html_()
    assert html.count("<img") == 2
    assert "-200" in html
    assert repr(run).startswith("Run('mine', MountainCar-v0, FINISHED, score -")


@pytest.mark.slow
def test_a_film_plays_itself(run: Run, tmp_path: Path) -> None:
    """The Q-table during training is an MP4 inside the HTML."""
    film = run.video(every=5)
    assert film.mp4[4:8] == b"ftyp"
    assert "data:video/mp4;base64," in film._repr_html_()
    assert film.save(tmp_path / "a.mp4").read_bytes() == film.mp4


@pytest.mark.slow
def test_a_pulled_policy(run: Run, folder: Path) -> None:
    """It is in its folder, acts as the run's best checkpoint does, and is filmed."""
    pulled = qsweep.pull("mine")
    assert pulled.folder == folder / "mine"
    assert np.array_equal(pulled.q_table, run.q_table)
    assert pulled.act([-0.5, 0.0]) == run.policy.act([-0.5, 0.0])
    assert pulled.evaluate(20).mean == run.evaluate(20).mean
    assert pulled.video().mp4[4:8] == b"ftyp"
    assert "float64[8, 8, 3]" in pulled._repr_html_()
    with pytest.raises(UsageError, match="--out: exists"):
        qsweep.pull("mine")
    assert qsweep.pull("mine", force=True).folder == pulled.folder


def test_a_comparison(run: Run) -> None:
    """By runs or by names; its parts are values."""
    found = qsweep.compare(run, "mine/ep000010")
    assert not found.config["differs"].any()
    assert found.difference is None
    assert found.cells is not None
    assert "greedy action differs" in repr(found)


@pytest.mark.slow
@pytest.mark.integration
def test_a_sweep(folder: Path) -> None:
    """Runs and variants as frames, a verdict, charts, the best run; it is relaunched without training."""
    assert folder == Path.cwd()
    more = ("hydra/launcher=basic", "registry.confirm_seeds=0", "sweep.report=never", "sweep.name=s")
    found = qsweep.sweep(SHORT, *more, buckets=[6, 7], seed=range(2))
    assert len(found.runs) == 4
    assert set(found.variants["label"]) == {"buckets=6", "buckets=7"}
    assert "variants scored" in found.verdict  # so short a training never reaches the goal
    assert found.best.run_id == found.variants["best_run"].iloc[0]
    assert found.plot()._repr_png_().startswith(b"\x89PNG")
    assert found._repr_html_().count("<img") == 1
    with pytest.raises(UsageError, match="chart: must be a chart; given 'curves'"):
        found.plot("curves")
    assert set(qsweep.sweep(SHORT, *more, buckets=[6, 7], seed=range(2)).runs["run_id"]) == set(
        found.runs["run_id"]
    )


@pytest.mark.parametrize("train", [qsweep.run, qsweep.sweep], ids=["run", "sweep"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bukets=3", "bukets: is not a key"),
        ("tracking=none", "tracking.uri: must not be none here.*use qsweep.train"),
        ("sweep.dry_run=true", "sweep.dry_run: is for the command line"),
    ],
)
def test_bad_input_records_nothing(folder: Path, train: object, line: str, message: str) -> None:
    """One error, before anything is recorded."""
    assert folder == Path.cwd()
    before = len(qsweep.load_runs())
    with pytest.raises(UsageError, match=message):
        train([*SHORT, line])  # type: ignore[operator]
    assert len(qsweep.load_runs()) == before


def test_a_search_is_for_the_command_line(folder: Path) -> None:
    """Its runs are loaded by name."""
    assert folder == Path.cwd()
    with pytest.raises(UsageError, match="hydra/sweeper: is for the command line"):
        qsweep.sweep("hydra/sweeper=qsweep_optuna", "learning_rate=interval(0.1,0.2)")


def test_errors_in_a_notebook_are_lines() -> None:
    """IPython shows what `_render_traceback_` returns in place of a traceback."""
    problems = [Problem("a", "must be b", 1), Problem("c", "is unknown")]
    assert UsageError(problems)._render_traceback_() == [
        "qsweep: a: must be b; given 1",
        "qsweep: c: is unknown",
    ]
    assert Failure("the disk is full")._render_traceback_() == ["qsweep: the disk is full"]


def test_ipython_uses_these_lines() -> None:
    """The hook still has the name that IPython looks for."""
    if importlib.util.find_spec("IPython") is None:
        pytest.skip("IPython is not installed")
    from IPython.core.interactiveshell import InteractiveShell

    assert "_render_traceback_" in inspect.getsource(InteractiveShell.showtraceback)
