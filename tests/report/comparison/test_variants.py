from __future__ import annotations

import io
import math
from typing import Any

import pandas as pd
import pytest
from rich.console import Console
from rich.table import Table

from qsweep.report.comparison.variants import counted_runs, differing, label, labels, variants
from qsweep.report.formats import number, scale, share_of_optimum
from qsweep.report.terminal import runs_table, show_variants, variants_table
from qsweep.tracking.stored_run import SCORE

NAN = math.nan


def run(variant: str, seed: int, score: float | None = -150.0, **more: Any) -> dict[str, Any]:
    """Return one row as `load_runs` would; score None: the run has none."""
    row = {
        "run_id": f"{variant}{seed}",
        "name": f"{variant},seed={seed}",
        "experiment": "MountainCar-v0",
        "status": "FINISHED",
        "started": pd.Timestamp("2025-01-02 03:04", tz="UTC"),
        "sweep": "s",
        "variant": variant,
        "config": f"{variant}{seed}",
        "environment": "e",
        "env.id": "MountainCar-v0",
        "buckets": 20,
        "episodes": 1000,
        "epsilon.decay_end": 500,
        "seed": seed,
        "train/return_avg": -190.0,
        "train/seconds": 0.5,
        SCORE: score,
    }
    if score is None:
        del row[SCORE]
    return row | more


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows)


def text(table: Table) -> list[list[str]]:
    """Return the cells of a printed table: one list per line, split at two spaces."""
    console = Console(width=200, file=io.StringIO())
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    return [[cell for cell in line.strip().split("  ") if cell.strip()] for line in lines]


def test_only_finished_runs_count() -> None:
    """Runs that failed, were killed or are running are left out."""
    rows = [
        run("a", seed, status=status)
        for seed, status in enumerate(("FINISHED", "FAILED", "KILLED", "RUNNING", "SCHEDULED"))
    ]
    assert counted_runs(frame(*rows))["run_id"].tolist() == ["a0"]


@pytest.mark.parametrize("missing", [None, float("nan"), "", "x"])
def test_seeds_of_earlier_versions_are_told_apart(missing: Any) -> None:
    """However large they are; a missing or damaged one is no other run's."""
    large = [2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, 2**64 + 1]
    rows = [run("a", n) | {"seed": seed} for n, seed in enumerate([*large, missing, 3])]
    seeds = counted_runs(frame(*rows))["seed"]
    assert seeds.tolist()[:3] == large[:3]
    assert seeds.tolist()[-1] == 3
    assert seeds.nunique() == len(large) + 2


def test_a_config_counts_once() -> None:
    """Of a repeated config the latest finished run counts, on any engine."""
    runs = frame(
        run("a", 0, run_id="killed", status="KILLED"),
        run("a", 0, run_id="later", engine="gymnasium"),
        run("a", 0, run_id="sooner", engine="compiled"),
        run("a", 1, run_id="other seed"),
    )
    assert counted_runs(runs)["run_id"].tolist() == ["later", "other seed"]


def test_variants_by_hand() -> None:
    """Two seeds give mean, SD with n - 1, worst and best, and mean training values."""
    runs = frame(
        run("a", 0, -150.0, **{"train/return_avg": -180.0, "train/seconds": 1.0}),
        run("a", 1, -140.0, **{"train/return_avg": -170.0, "train/seconds": 2.0}),
    )
    [row] = variants(runs).to_dict("records")
    sd = row.pop("sd")
    assert sd == pytest.approx(math.sqrt(50))
    assert math.isnan(row.pop("optimum"))
    assert math.isnan(row.pop("random"))
    assert row == {
        "variant": "a",
        "label": "MountainCar-v0",
        "seeds": 2,
        "fresh": 0,
        "mean": -145.0,
        "worst": -150.0,
        "best": -140.0,
        "train": -175.0,
        "seconds": 1.5,
    }


def test_variants_are_ranked_by_their_means() -> None:
    """The highest mean is first, even if another variant has the best run; a single seed is last."""
    runs = frame(
        run("lucky", 0, -100.0, buckets=10),
        run("lucky", 1, -200.0, buckets=10),
        run("steady", 0, -140.0, buckets=20),
        run("steady", 1, -142.0, buckets=20),
        run("single", 0, -145.0, buckets=40),
    )
    ranked = variants(runs)
    assert ranked["variant"].tolist() == ["steady", "lucky", "single"]
    assert ranked["label"].tolist() == ["buckets=20", "buckets=10", "buckets=40"]
    assert ranked["seeds"].tolist() == [2, 2, 1]
    assert ranked["sd"].isna().tolist() == [False, False, True]


def test_no_runs_no_variants() -> None:
    """Without runs, or without finished or scored ones, no variant is ranked."""
    for runs in (frame(run("a", 0, status="FAILED")), frame(run("a", 0, None)), frame(run("a", 0)).iloc[:0]):
        assert variants(runs).empty
    assert counted_runs(pd.DataFrame()).empty
    assert variants(pd.DataFrame()).empty


def test_runs_without_a_score() -> None:
    """An older finished run without a test score does not affect those with one."""
    runs = frame(run("old", 0, None, buckets=10), run("new", 0, -150.0), run("new", 1, None))
    ranked = variants(runs).set_index("variant")
    assert ranked["mean"]["new"] == -150.0
    assert ranked.index[0] == "new"
    assert text(variants_table(runs, "variants"))


def test_a_run_without_a_score_is_no_seed() -> None:
    """Only evaluated runs count as seeds; a variant without any is not ranked."""
    runs = frame(run("old", 0, None, buckets=10), run("new", 0, -150.0), run("new", 1, None))
    ranked = variants(runs)
    assert ranked["variant"].tolist() == ["new"]
    assert ranked["seeds"].tolist() == [1]


@pytest.mark.parametrize("missing", ["train/return_avg", "train/seconds", "epsilon.decay_end"])
def test_runs_without_a_column(missing: str) -> None:
    """Without params or metrics of later versions, the others are shown."""
    runs = frame(run("a", 0, buckets=10), run("b", 0, buckets=20)).drop(columns=missing)
    assert variants(runs)["label"].tolist() == ["buckets=10", "buckets=20"]
    assert len(text(variants_table(runs, "variants"))) == 4


def test_what_differs() -> None:
    """Labels have only differing params, never the seed or recording keys."""
    runs = frame(
        run("a", 0, **{"learning_rate": 0.1, "tracking.max_points": 10, "engine": "compiled"}),
        run("b", 1, **{"learning_rate": 0.2, "tracking.max_points": 20, "engine": "gymnasium"}),
    )
    assert differing(runs) == ["learning_rate"]
    assert differing(runs.iloc[:1]) == []


def test_what_only_follows_is_dropped() -> None:
    """A param that follows from another one, like the decay's end from the episodes, is not in labels."""
    rows = [
        run(
            f"{episodes},{buckets}",
            0,
            buckets=buckets,
            episodes=episodes,
            **{"epsilon.decay_end": episodes // 2},
        )
        for episodes in (1000, 2000)
        for buckets in (10, 20)
    ]
    assert differing(frame(*rows)) == ["buckets", "episodes"]
    assert label(pd.Series(rows[0]), ["buckets", "episodes"]) == "buckets=10  episodes=1000"


def test_what_does_not_follow_is_kept() -> None:
    """A nested param with independent values is in the labels."""
    rows = [
        run(f"{episodes},{end}", 0, episodes=episodes, **{"epsilon.decay_end": end})
        for episodes, end in ((1000, 500), (1000, 1000), (2000, 1000))
    ]
    assert differing(frame(*rows)) == ["episodes", "epsilon.decay_end"]


def test_arguments_of_the_environment_differ() -> None:
    """Arguments of the environment are params like others, lists too."""
    runs = frame(
        run("a", 0, **{"env.kwargs.is_slippery": True, "buckets": "[16]"}),
        run("b", 0, **{"env.kwargs.is_slippery": False, "buckets": "[16]"}),
    )
    assert variants(runs)["label"].tolist() == ["env.kwargs.is_slippery=True", "env.kwargs.is_slippery=False"]


@pytest.mark.parametrize(
    ("score", "optimum", "random", "words"),
    [
        (-150.0, NAN, -200.0, "-"),
        (-200.0, -97.66, -200.0, "0.0%"),
        (-150.0, -100.0, -200.0, "50.0%"),
        (-100.0, -100.0, -200.0, "100.0%"),
        (-100.0 - 1e-12, -100.0, -200.0, "100.0%"),
        (-99.0, -100.0, -200.0, "above: luck"),
        (0.72977, 0.74419, 0.01394, "98.0%"),
        (-1.0, 7.0, -9.0, "50.0%"),
        (-16.6, -13.0, -9000.0, "99.9%"),
        (-17.0, 7.0, -9.0, "-50.0%"),
        (-0.25, 0.0, NAN, "0.25 below"),
        (-0.25, 0.0, 0.0, "0.25 below"),
        (0.0, 0.0, 0.0, "100.0%"),
    ],
)
def test_share_of_the_optimum(score: float, optimum: float, random: float, words: str) -> None:
    """Random actions are 0% and the optimum 100%; without the former it is the distance."""
    assert share_of_optimum(score, optimum, random) == words


def test_both_ends_of_the_scale_are_shown() -> None:
    """The sentence names them; without one of them there is no scale."""
    assert (
        scale(-97.66, -200.0)
        == "of optimum: 0% is the return of random actions (-200), 100% the optimum (-97.66)"
    )
    assert scale(NAN, -200.0) == scale(-97.66, NAN) == ""


def test_numbers() -> None:
    """Returns are written with four digits."""
    assert [number(value) for value in (-145.123, 0.74449, 500.0, -1234.5)] == [
        "-145.1",
        "0.7445",
        "500",
        "-1234",
    ]


def test_the_variants_table() -> None:
    """Each variant has a line: label, seeds, mean, SD, worst, best, share, training."""
    optimum = {"optimum/return": -100.0, "random/return": -200.0}
    runs = frame(
        run("a", 0, -150.0, buckets=10, **optimum),
        run("a", 1, -140.0, buckets=10, **optimum),
        run("b", 0, -125.0, buckets=20, **optimum),
    )
    title, head, *lines = text(variants_table(runs, "the title"))
    assert title == ["the title"]
    assert [cell.strip() for cell in head] == [
        "variant", "seeds", "mean", "SD", "worst", "best", "of optimum", "training", "s",
    ]  # fmt: skip
    assert [[cell.strip() for cell in line] for line in lines] == [
        ["buckets=10", "2", "-145", "7.1", "-150", "-140", "55.0%", "-190", "0.50"],
        ["buckets=20", "1", "-125", "-", "-125", "-125", "75.0%", "-190", "0.50"],
    ]


def test_the_runs_table() -> None:
    """The latest runs are listed up to the limit, also without a score."""
    runs = frame(run("a", 2, None, status="FAILED"), run("a", 1), run("a", 0))
    title, _, *lines = text(runs_table(runs, 2))
    assert title == ["Runs (the latest 2 of 3)"]
    assert [[cell.strip() for cell in line] for line in lines] == [
        ["2025-01-02 03:04", "a,seed=2", "a2", "FAILED", "-"],
        ["2025-01-02 03:04", "a,seed=1", "a1", "FINISHED", "-150"],
    ]
    assert text(runs_table(runs, 5))[0] == ["Runs"]


def test_the_runs_table_names_users() -> None:
    """Where there are several; a run without one has a dash."""
    runs = frame(*(run("a", seed, user=user) for seed, user in enumerate(("ann", "bob", None, float("nan")))))
    assert [line[2].strip() for line in text(runs_table(runs, 9))[2:]] == ["ann", "bob", "-", "-"]


def test_each_experiment_has_its_table() -> None:
    """Variants are ranked within their experiment; one without finished runs has no table."""
    console = Console(width=200, file=io.StringIO())
    runs = frame(
        run("a", 0, -150.0),
        run("b", 0, 400.0, experiment="CartPole-v1"),
        run("c", 0, experiment="Taxi-v4", status="FAILED"),
    )
    show_variants(runs, console)
    assert isinstance(console.file, io.StringIO)
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    titles = [line for line in lines if line.endswith("variants")]
    assert sorted(titles) == ["CartPole-v1: variants", "MountainCar-v0: variants"]


def test_nothing_to_show() -> None:
    """Without any run nothing is printed."""
    console = Console(file=io.StringIO())
    show_variants(pd.DataFrame(), console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == ""


LABELS: dict[str, tuple[list[dict[str, object]], list[str]]] = {
    "what nearly all share is left out": (
        [{"buckets": n, "discount": 0.95} for n in (10, 20, 40)] + [{"buckets": 20, "discount": 0.9}],
        ["buckets=10", "buckets=20", "buckets=40", "buckets=20  discount=0.9"],
    ),
    "the usual values in every key": (
        [
            {"buckets": 20, "discount": 0.95},
            {"buckets": 20, "discount": 0.9},
            {"buckets": 10, "discount": 0.95},
            {"buckets": 20, "discount": 0.95},
        ],
        [
            "buckets=20  discount=0.95  (000000)",
            "discount=0.9",
            "buckets=10",
            "buckets=20  discount=0.95  (000003)",
        ],
    ),
    "two differ in everything": (
        [{"buckets": 20, "discount": 0.95}, {"buckets": 10, "discount": 0.9}],
        ["buckets=20  discount=0.95", "buckets=10  discount=0.9"],
    ),
    "a preset of many params": (
        [
            {"name": "tutorial,seed=3", "buckets": 20, "discount": 0.95, "episodes": 5000},
            {"name": "buckets=40,seed=3", "buckets": 40, "discount": 0.9, "episodes": 900},
        ],
        ["tutorial", "buckets=40  discount=0.9  episodes=900"],
    ),
    "many params": (
        [
            dict.fromkeys(("buckets", "discount", "episodes", "learning_rate", "n", "planning_steps"), n)
            for n in (1, 2)
        ],
        [f"buckets={n}  discount={n}  episodes={n}  learning_rate={n}  and 2 more" for n in (1, 2)],
    ),
    "long values": (
        [{"learning_rate": 0.123456789, "env.low": "[0]"}, {"learning_rate": 0.2, "env.low": "[0]"}],
        ["learning_rate=0.1235", "learning_rate=0.2"],
    ),
}


@pytest.mark.parametrize("case", LABELS)
def test_labels_are_short(case: str) -> None:
    """A label has what differs within the comparison, or the preset's name, never a list of all params."""
    rows, expected = LABELS[case]
    runs = pd.DataFrame([{"variant": f"{number:06x}", **row} for number, row in enumerate(rows)])
    keys = [key for key in rows[0] if key != "name" and runs[key].nunique() > 1]
    assert list(labels(runs, keys).values()) == expected
