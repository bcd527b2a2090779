from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from qsweep.commands.compare import compare
from qsweep.errors import UsageError
from qsweep.policies.evaluation.evaluator import TEST_FILE
from qsweep.policies.registry.rivals import Sampled
from qsweep.report.loading.archives import archive
from qsweep.report.pair import pair as pairs
from qsweep.report.pair import views
from qsweep.report.pair.pair import pair
from qsweep.report.pair.rows import BARS, bars, curves, results, sentences
from qsweep.system.untrusted_files import read_columns
from qsweep.tracking.run_search import run_of
from qsweep.tracking.store import Store
from tests.support.trained import trained_store

SHORT = ("episodes=100", "evaluation.episodes=5", "evaluation.test_episodes=20", "evaluation.checkpoints=3")
RUNS = {
    "first": ("env=cart_pole", "buckets=4", "seed=1"),
    "second": ("env=cart_pole", "buckets=4", "seed=2", "learning_rate=0.3"),
    "finer": ("env=cart_pole", "buckets=5", "seed=1"),
    "tiles": ("env=mountain_car", "discretizer=tiles", "seed=1"),
    "tiles2": ("env=mountain_car", "discretizer=tiles", "seed=2"),
    "lake": ("env=frozen_lake", "seed=1"),
    "lake2": ("env=frozen_lake", "seed=2"),
}


@pytest.fixture(scope="module")
def store(migrated_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store with three runs on CartPole, one of them with other buckets, and two on the lake."""
    runs = {name: (*SHORT, *lines) for name, lines in RUNS.items()}
    return trained_store(migrated_store, tmp_path_factory.mktemp("pairs"), runs)


def test_the_keys_that_differ_come_first(store: Store) -> None:
    """Of both configs; how they were recorded is left out."""
    rows = pair(store, ("first", "second")).configs
    assert {row.key: row.values for row in rows if row.differs} == {
        "learning_rate": ("0.1", "0.3"),
        "seed": ("1", "2"),
    }
    assert [row.differs for row in rows] == sorted((row.differs for row in rows), reverse=True)
    assert {"episodes", "env.id", "buckets"} <= {row.key for row in rows}
    assert not any(row.key.startswith("tracking") for row in rows)


def test_scores_are_compared_on_the_same_starts(store: Store) -> None:
    """The difference is the mean over pairs of test episodes, and its interval contains it."""
    found = pair(store, ("first", "second"))
    assert found.difference is not None
    folders = [Path(side.record.artifacts) / "evaluation" / TEST_FILE for side in found.sides]
    first, second = (read_columns(folder, ["return"])["return"] for folder in folders)
    assert found.difference.mean == pytest.approx((second - first).mean())
    assert found.difference.interval[0] <= found.difference.mean <= found.difference.interval[1]
    assert found.difference.starts == 20


def test_exact_scores_have_an_exact_difference(store: Store) -> None:
    """Where the expected return is known, there is no interval."""
    found = pair(store, ("lake", "lake2"))
    assert found.difference is not None
    scores = [side.record.metrics["test/return_exact"] for side in found.sides]
    assert (found.difference.mean, found.difference.starts) == (scores[1] - scores[0], 0)
    assert "(exact)" in next(sentences(found))


def test_where_the_tables_differ(store: Store) -> None:
    """The share of cells with another greedy action, of all and of those that both runs updated."""
    found = pair(store, ("first", "second"))
    tables, updated = [], []
    for side in found.sides:
        kept = run_of(store, side.record.run_id)
        with archive(store, kept.run_id, kept.artifacts) as history:
            tables.append(history.q_table(side.checkpoint))
            updated.append(history.changes(int(side.checkpoint[2:])) > 0)
    other = tables[0].argmax(-1) != tables[1].argmax(-1)
    assert found.shares is not None
    assert found.shares.of_all == other.mean()
    assert found.shares.updated == (updated[0] & updated[1]).sum()
    assert found.shares.of_updated == other[updated[0] & updated[1]].mean()


def test_tables_of_other_cells_are_not_compared(store: Store) -> None:
    """The sentence says how their shapes differ; scores are compared all the same."""
    found = pair(store, ("first", "finer"))
    assert found.shares is None
    assert found.difference is not None
    assert "4 x 4 x 4 x 4 x 2 and 5 x 5 x 5 x 5 x 2 values" in "\n".join(sentences(found))


def test_environments_are_not_compared(store: Store) -> None:
    """Returns of two environments have no difference."""
    found = pair(store, ("first", "lake"))
    assert found.difference is None
    assert "cannot be compared" in next(sentences(found))


def test_two_checkpoints_of_a_run(store: Store) -> None:
    """They are compared without a score: a checkpoint that is not the best one has none."""
    found = pair(store, ("first/ep000010", "first/ep000020"))
    assert [row.differs for row in found.configs].count(True) == 0
    assert found.difference is None
    assert found.shares is not None


def test_a_run_is_not_compared_with_itself(store: Store) -> None:
    """Both names mean the same checkpoint."""
    with pytest.raises(UsageError, match="must name two runs"):
        pair(store, ("first", "first"))


def test_the_results_of_both(store: Store) -> None:
    """One row per result, with the interval of the score."""
    found = pair(store, ("first", "second"))
    rows = {name: texts for name, *texts in results(found)}
    assert rows["checkpoint"] == [side.checkpoint for side in found.sides]
    assert all("(" in text for text in rows["score of the best"])


def test_bars_show_a_curve() -> None:
    """Each bar is the mean of its part, on a scale that both curves share."""
    assert bars(np.arange(8.0), 0.0, 7.0) == BARS
    assert bars(np.zeros(3), 0.0, 7.0) == BARS[0] * 3
    assert bars(np.ones(3), 1.0, 1.0) == BARS[-1] * 3
    assert len(bars(np.arange(1000.0), 0.0, 1000.0)) == 32


def test_both_curves_have_one_scale(store: Store) -> None:
    """The lowest bar of either is the lowest value of both."""
    found = curves(pair(store, ("first", "second")))
    assert found is not None
    assert BARS[-1] in found[1] + found[2]


def test_the_terminal_shows_all_parts(store: Store) -> None:
    """Results, config with a mark at what differs, curves, sentences."""
    console = Console(width=160, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    views.show(pair(store, ("first", "second")), console)
    text = console.export_text()
    for words in ("Results", "* learning_rate", "  episodes", "Average return", "greedy action differs"):
        assert words in text


@pytest.mark.slow
def test_a_page_of_the_comparison(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The page holds everything, with two pictures; an existing file is kept."""
    page = tmp_path / "page.html"
    compare(store, ("first", "second"), page)
    text = page.read_text()
    assert text.count("<img") == 2
    assert "learning_rate" in text
    assert f"wrote {page}" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--page: exists"):
        compare(store, ("first", "second"), page)
    with pytest.raises(UsageError, match=r"must end in \.html"):
        compare(store, ("first", "second"), tmp_path / "page.pdf")


@pytest.mark.parametrize(
    ("seeds", "returns", "mean", "paired"),
    [
        ([3, 1, 2], [3.5, 1.5, 2.5], 0.5, True),
        ([4, 3, 2, 1], [9.0, 3.5, 2.5, 1.5], 0.5, True),
        ([1, 2, 9], [1.0, 2.0, 9.0], 2.0, False),
        ([7, 8, 9], [7.0, 8.0, 9.0], 6.0, False),
    ],
)
def test_starts_are_paired_by_their_seeds(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    seeds: list[int],
    returns: list[float],
    mean: float,
    paired: bool,
) -> None:
    """Whatever their order; the difference is one of means if one run has starts of its own."""
    found = [
        Sampled(np.array([1, 2, 3]), np.array([1.0, 2.0, 3.0])),
        Sampled(np.array(seeds), np.array(returns)),
    ]
    monkeypatch.setattr(pairs, "test_returns", lambda *_: found.pop(0))
    made = pair(store, ("first", "second"))
    assert made.difference is not None
    assert (made.difference.mean, made.difference.paired, made.difference.starts) == (mean, paired, 3)
    low, high = made.difference.interval
    assert low <= mean <= high
    assert ("same 3 test starts" in next(sentences(made))) == paired


def test_tiles_have_no_share_of_cells(store: Store) -> None:
    """The greedy action is that of a sum of tiles."""
    found = pair(store, ("tiles", "tiles2"))
    assert found.shares is None
    assert "tiles have no action of their own" in "\n".join(sentences(found))
    assert views.html(found)
