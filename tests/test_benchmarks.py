from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def _benchmarks_on_the_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def results() -> Any:
    """Three rows and a curve that grows with the square of x, as a driver would have them."""
    from measuring import Point, Row
    from results import Part, Results

    rows = (
        Row("training", "ours", "ns per step", (30.0, 20.0, 40.0)),
        Row("training", "theirs", "ns per step", (300.0,), peer=True),
        Row("absent", "nobody's", "", (), peer=True, absent="does not install: no such package"),
        Row("start-up", "qsweep --help", "s", (0.2, 0.4, 0.5)),
    )
    points = tuple(Point("square", "things", x, x**2, 100.0, 5.0 * x) for x in (1, 10, 100, 1000))
    part = Part("2025-01-31 14:00 UTC", 0.1, 60.0, "", rows, points)
    return Results({"cores": "2"}, {"first": part})


def test_results_come_back_from_their_file(tmp_path: Path) -> None:
    """What was written is read again, every sample of it."""
    from results import read, write

    write(results(), tmp_path / "results.json")
    assert read(tmp_path / "results.json") == results()
    assert not read(tmp_path / "none.json").parts


def test_the_page_shows_medians_spread_ratios_and_what_is_absent(tmp_path: Path) -> None:
    """The page says what was measured, beside what, and of what does not hold that it does not."""
    from page import write

    write(results(), tmp_path)
    text = (tmp_path / "performance.md").read_text()
    assert "| **ours** | 30.0 (20.0 to 40.0) ns per step | 1.00 |" in text
    assert "| theirs | 300 ns per step | 10.0 |" in text
    assert "nobody's: does not install: no such package" in text
    assert "| `qsweep --help` | at most 0.3 s | 0.400 (0.200 to 0.500) s | **no** |" in text
    assert "square (2.00) | **no** |" in text
    for picture in ("training", "growth-time", "growth-memory", "growth-disk"):
        assert f"(performance-{picture}.png)" in text
        assert (tmp_path / f"performance-{picture}.png").read_bytes().startswith(b"\x89PNG")


def test_a_bound_of_time_is_as_long_as_the_machine_is_slow() -> None:
    """Where C takes twice as long, so may what was bounded in seconds, and half as much is done in one."""
    from claims import CLAIMS, pace
    from measuring import PLAIN_C, Row

    slower = pace([Row("training", PLAIN_C, "ns per step", (51.0,))])
    assert slower == 2
    by = {claim.about: claim for claim in CLAIMS}
    help_, points, ratio = (
        by[about]
        for about in ("`qsweep --help`", "points recorded, SQLite", "speed-up of two cores over one")
    )
    assert help_.holds(Row("start-up", "h", "s", (0.59,)), slower)
    assert not help_.holds(Row("start-up", "h", "s", (0.61,)), slower)
    assert points.holds(Row("tracking", "p", "points/s", (126_000,)), slower)
    assert not points.holds(Row("tracking", "p", "points/s", (124_000,)), slower)
    assert not ratio.holds(Row("against C", "r", "times", (1.8,)), slower)
    assert pace([]) == 1


def test_the_slope_is_the_exponent_at_the_end() -> None:
    """Start-up hides growth at the beginning of a curve; what is fitted are its last three points."""
    from measuring import Point
    from scale import slope

    points = [Point("c", "x", x, 5.0 if x < 100 else float(x), 7.0) for x in (1, 10, 100, 1000, 10_000)]
    assert slope(points, lambda point: point.seconds) == pytest.approx(1)
    assert slope(points, lambda point: point.memory_mb) == pytest.approx(0)
    assert slope(points, lambda point: point.disk_mb) != slope(points, lambda point: point.disk_mb)  # NaN


@pytest.mark.integration
def test_a_peer_that_fails_is_a_row_that_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a package that is not there nor a script that fails ends the benchmark."""
    import peer_runs

    peers = """
    [packageless]
    title = "P"
    packages = ["./no-such-folder"]
    scripts = []
    [failing]
    title = "F"
    packages = []
    scripts = ["fails"]
    [left-out]
    title = "L"
    absent = "too heavy"
    """
    (tmp_path / "peers.toml").write_text(peers)
    (tmp_path / "fails.py").write_text("raise SystemExit('it is broken')")
    monkeypatch.setattr(peer_runs, "PEERS", tmp_path)
    packageless, failing, left_out = peer_runs.measure(cache=tmp_path / "cache")
    assert packageless.absent.startswith("does not install: ")
    assert failing.absent == "does not run: it is broken"
    assert left_out.absent == "too heavy"
    assert not any(row.samples for row in (packageless, failing, left_out))


def test_a_part_that_fails_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The exit code is 1, the error is on the page, and what was measured earlier is still there."""
    import bench
    from results import read, write

    def fail() -> list[Any]:
        raise RuntimeError("out of order")

    write(results(), tmp_path / "results.json")
    monkeypatch.setattr(bench, "parts", lambda _: {"second": fail})
    assert bench.main(["--results", str(tmp_path / "results.json"), "--docs", str(tmp_path)]) == 1
    found = read(tmp_path / "results.json")
    assert found.parts["first"] == results().parts["first"]
    assert "RuntimeError: out of order" in (tmp_path / "performance.md").read_text()


def test_rows_of_the_kernel_stand_in_their_tables() -> None:
    """C is a peer, ours its multiples, other algorithms stand apart, and two processes beside one."""
    from types import SimpleNamespace

    from bench import of_kernel

    times = {"C": 25.0, "q_learning": 30.0, "sarsa": 40.0}
    times |= {"q_learning, one process": 32.0, "q_learning, two processes": 16.0}
    ways = [SimpleNamespace(name=name, ns=ns, median=ns + 1, ratio=ns / 25) for name, ns in times.items()]
    found = {(row.table, row.name): row for row in of_kernel(ways)}
    assert found["training", "plain C, libm"].peer
    assert found["training", "qsweep, q_learning"].samples == (31.0,)
    assert found["against C", "qsweep, q_learning"].samples == (1.2,)
    assert found["algorithms", "qsweep, sarsa"].samples == (41.0,)
    assert found["against C", "speed-up of two processes over one"].samples == (2.0,)


def test_rows_of_tracking_stand_in_their_tables() -> None:
    """Rates and sizes stand in one table, the milliseconds of a run in another; ours are no peers."""
    from types import SimpleNamespace

    from bench import of_tracking

    rate = SimpleNamespace(
        name="qsweep", samples=(9.0, 8.0), points_per_second=8.5, milliseconds=None, megabytes=3.0
    )
    run = SimpleNamespace(
        name="MLflow", samples=(20.0,), points_per_second=None, milliseconds=20.0, megabytes=None
    )
    found = [(row.table, row.unit, row.samples, row.peer) for row in of_tracking([rate, run])]
    assert found == [
        ("tracking", "points/s", (9.0, 8.0), False),
        ("tracking", "MB for 100,000 points", (3.0,), False),
        ("runs", "ms per run", (20.0,), True),
    ]


def test_a_count_that_grows_by_half_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """1.5 times the baseline is too much, as is a count without one; one more of few things is not."""
    from quick import compare

    assert compare({"a": 149.0, "b": 3.0}, {"a": 100.0, "b": 2.0}) == 0
    assert compare({"a": 150.0}, {"a": 100.0}) == 1
    assert compare({"c": 1.0}, {"a": 100.0}) == 1
    assert compare({"d": 1.0}, {"d": 0.0}) == 1
    assert capsys.readouterr().out.count("GROWN") == 3


@pytest.mark.integration
def test_a_synthetic_store_is_read_like_any_other(tmp_path: Path) -> None:
    """Its runs are listed by qsweep as sweeps of four bucket sizes, with curves of their own."""
    import qsweep
    from synthetic_store import sweep_name, synthesise

    synthesise(tmp_path, 45, points=5, episodes=50)
    uri = f"sqlite:///{tmp_path / 'mlruns' / 'mlflow.db'}"
    runs = qsweep.load_runs(sweep_name(0), uri=uri)
    assert len(runs) == 40
    assert sorted(runs["buckets"].unique()) == [10, 20, 30, 40]
    assert runs["config"].is_unique
    assert runs["test/return_mean"].nunique() > 20
    assert len(qsweep.load_runs(uri=uri)) == 45
    curves = qsweep.load_curves(runs["run_id"][:2], ["train/return_avg"], uri=uri)
    assert curves.groupby("run_id", observed=True).size().tolist() == [5, 5]


@pytest.mark.slow
def test_no_count_has_grown_since_the_baselines() -> None:
    """What the code does for a run, counted, is less than 1.5 times what benchmarks/quick.json says."""
    command = [sys.executable, str(BENCHMARKS / "bench.py"), "--quick"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads((BENCHMARKS / "quick.json").read_text())["why"]


def test_the_simulated_rule_is_the_one_of_verdicts() -> None:
    """What is simulated decides every verdict: the same function, and the same winners on sweeps."""
    import numpy as np

    import decision_rule
    from qsweep.report.comparison import decision, ranking
    from qsweep.report.comparison.verdict import judge

    assert decision_rule.decide is decision.decide is ranking.decide
    scores, generator = decision_rule.real_scores(), np.random.default_rng(1)
    named = set()
    for difference in (0.0, 2.0) * 5:
        for fresh in (0, 5):
            kind = decision_rule.Kind(3, 10, fresh, difference, alike=bool(difference))
            samples = decision_rule.sweep(kind, scores, generator)
            assert [len(sample.scores) for sample in samples] == [10 + fresh] * 3
            winner = decision.decide(samples).winner
            found = judge(samples, generator, resamples=20).winner
            assert found == (None if winner is None else samples[winner].label)
            named.add(found)
    assert named == {None, "0"}


def test_simulated_sweeps_are_counted() -> None:
    """Every rule has one result per sweep; with the same seed, the same."""
    import decision_rule

    kind = decision_rule.Kind(2, 5, 5, 2.0, alike=True)
    found = decision_rule.simulate(kind, 20, seed=3)
    assert found == decision_rule.simulate(kind, 20, seed=3)
    for rule in ("qsweep", *decision_rule.OTHERS):
        assert sum(found[rule, what] for what in ("right", "wrong", "nothing")) == 20
    assert found["qsweep", "right"] > 10


def test_published_figures_are_those_of_their_page() -> None:
    """What is computed exactly is what the page says."""
    import published_figures

    page = (BENCHMARKS.parent / "docs" / "atlas" / "outside-checks.md").read_text()
    parts = (
        published_figures.gymnasium_registry,
        published_figures.course_cards,
        published_figures.mdptoolbox,
    )
    found = [ours for part in parts for _, _, ours, _ in part()]
    assert "7.56 ± 2.71" in found
    assert not [ours for ours in found if f" {ours} " not in page.replace(",", " ")]
