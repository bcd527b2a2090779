from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qsweep.errors import UsageError
from qsweep.learning.initial_table import initial_table
from qsweep.learning.training import train
from qsweep.pictures.surfaces import Layout
from qsweep.plan.composition import load_resolved
from qsweep.report import q_tables
from qsweep.report.comparison.studies import Study, studies
from qsweep.report.comparison.training_curves import findings_by_variant
from qsweep.report.loading.archives import archive, first_and_last, visits_of
from qsweep.report.loading.curves import Histories, histories
from qsweep.report.loading.runs import load_runs
from qsweep.report.q_tables import best_checkpoint, chosen_episodes, layout_of, q_table_series
from qsweep.runs.runner import Work
from qsweep.tracking.checkpoints import Archive, History
from qsweep.tracking.store import Store, open_store
from tests.support.recorded import SCORE
from tests.support.trained import run

SMALL = ["episodes=60", "evaluation.test_episodes=5", "evaluation.episodes=3", "evaluation.checkpoints=3"]


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


def trained(*lines: str) -> None:
    """Train and record a small run."""
    run([Work(load_resolved([*SMALL, *lines]), ",".join(lines) or "one", "qsweep train")])


def one_study(store: Store) -> tuple[Study, Histories, Store]:
    [study] = studies(load_runs(), SCORE, None, np.random.default_rng(0))
    return study, histories(store, study.counted), store


def array(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), kind)


def check(layout: Layout, data: Mapping[str, Any], tables: Mapping[int, np.ndarray]) -> None:
    """Check that embedded arrays match the tables: greedy actions exactly, values to one step."""
    for n, episodes in enumerate(data["episodes"]):
        cells = tables[episodes].reshape(-1, tables[episodes].shape[-1])
        order = np.concatenate([panel.cells[:, :, 0].ravel() for panel in layout.panels])
        assert array(data["greedy"][n], "u1").tolist() == cells[order].argmax(axis=1).tolist()
        values = data["low"] + data["step"] * array(data["values"][n], "<u2").reshape(len(order), -1)
        np.testing.assert_allclose(values, cells[order], atol=0.51 * data["step"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "lines", [["buckets=5"], ["env=cart_pole", "buckets=[3,3,4,5]"], ["env=frozen_lake"], ["env=blackjack"]]
)
def test_what_is_embedded_are_the_tables(store: Store, lines: list[str]) -> None:
    """In every environment a series holds the tables of its checkpoints."""
    trained(*lines)
    [series] = q_table_series(*one_study(store))
    data = json.loads(json.dumps(series))
    assert data["checkpoints"] == [f"ep{n:06d}" for n in data["episodes"]]
    tables = {chunk.span.end: chunk.q_table for chunk in train(load_resolved([*SMALL, *lines]))}
    row = load_runs().iloc[0]
    with archive(store, row["run_id"], row["artifacts"]) as history:
        check(layout_of(history), data, tables)
        counts = visits_of(store, row["run_id"], row["artifacts"], history.shape[:-1])
    assert counts is not None
    assert data["counted"] == "visits"
    shown = array(data["visits"], "<u4")
    assert set(shown.tolist()) <= set(counts.ravel().tolist())
    assert shown.any()
    sizes = [(len(panel["x"]["edges"]) - 1) * (len(panel["y"]["edges"]) - 1) for panel in data["panels"]]
    assert len(array(data["greedy"][0], "u1")) == sum(sizes)


def test_which_checkpoints_are_shown(store: Store) -> None:
    """A series has the first, the evaluated (with scores), the chosen and the last checkpoint."""
    trained()
    [series] = q_table_series(*one_study(store))
    assert series["episodes"] == [10, 20, 40, 60]
    assert series["scores"][0] is None
    assert None not in series["scores"][1:]
    assert series["episodes"][series["best"]] == load_runs()["best_episode"].iloc[0]


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 4, 5, 100])
@pytest.mark.parametrize("best", [10, 30, 310, 500])
def test_the_best_checkpoint_is_among_few(store: Store, count: int, best: int) -> None:
    """The first, the best and the last are always shown, and no more than the limit."""
    trained("episodes=500", "evaluation.checkpoints=50")
    runs = load_runs()
    found = histories(store, runs)
    row = runs.iloc[0].copy()
    row["best_episode"] = float(best)
    with archive(store, row["run_id"], row["artifacts"]) as history:
        chosen = chosen_episodes(history, row, found, count)
        assert best_checkpoint(history, row) == best
    assert {10, best, 500} <= set(chosen)
    assert len(chosen) <= max(count, 3)


def test_a_run_that_was_not_evaluated(store: Store) -> None:
    """Without evaluated checkpoints any are shown, and the last one counts as the best."""
    trained()
    runs = load_runs().drop(columns="best_episode")
    row = runs.iloc[0]
    with archive(store, row["run_id"], row["artifacts"]) as history:
        assert chosen_episodes(history, row, {}, 6) == [10, 20, 40, 60]  # all that are stored
        assert best_checkpoint(history, row) == 60


@pytest.mark.slow
def test_only_the_leading_variants(store: Store) -> None:
    """A series is of the best run of a variant, and only the first variants have one."""
    for buckets in (3, 4, 5, 6):
        for seed in (0, 1):
            trained(f"buckets={buckets}", f"seed={seed}")
    study, found, store = one_study(store)
    made = q_table_series(study, found, store)
    assert [series["label"] for series in made] == study.labels[:3]
    for series in made:
        runs = study.of(series["label"])
        assert series["run"] == runs.loc[runs[SCORE].idxmax(), "name"]


def test_tables_that_are_too_large(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Large tables have fewer checkpoints, and none if only two fit."""
    trained()
    monkeypatch.setattr(q_tables, "BYTES", 3 * 400 * 7)
    [series] = q_table_series(*one_study(store))
    assert len(series["episodes"]) == 3
    monkeypatch.setattr(q_tables, "BYTES", 3 * 400 * 7 - 1)
    assert q_table_series(*one_study(store)) == []


def test_a_run_without_checkpoints(store: Store) -> None:
    """A run with a missing or damaged archive has no series; others are unaffected."""
    for buckets in (3, 4, 5):
        trained(f"buckets={buckets}")
    gone, damaged, whole = load_runs().to_dict("records")
    for row in (gone, damaged):
        path = Path(row["artifacts"]) / "checkpoints" / "q_table_history.parquet"
        path.unlink()
        if row is damaged:
            path.write_bytes(b"PAR1 no more")
    made = q_table_series(*one_study(store))
    assert [series["run"] for series in made] == [whole["name"]]
    assert first_and_last(store, gone["run_id"], gone["artifacts"]) is None
    with pytest.raises(UsageError, match="is missing or damaged"), archive(store, "x", damaged["artifacts"]):
        pass


def test_the_first_and_the_last_table(store: Store) -> None:
    """The first table is derived from the seed, the last one is read from the archive."""
    trained("seed=7")
    row = load_runs().iloc[0]
    config = load_resolved([*SMALL, "seed=7"])
    found = first_and_last(store, row["run_id"], row["artifacts"])
    assert found is not None
    first, last, reachable = found
    assert reachable is not None
    assert reachable.shape == (first[..., 0].size,)
    np.testing.assert_array_equal(first, initial_table(config.config, config))
    *_, end = train(config)
    np.testing.assert_array_equal(last, end.q_table)


def test_the_archive_of_an_older_version(store: Store) -> None:
    """Keys of a multirun that are no more do not stand in the way of its run's tables."""
    trained("seed=7")
    row = load_runs().iloc[0]
    expected = first_and_last(store, row["run_id"], row["artifacts"])
    path = Path(row["artifacts"]) / "checkpoints" / "q_table_history.parquet"
    before, older = Archive(path), path.with_name("older")
    config = before.about["config"]
    about = before.about | {"config": config | {"sweep": config["sweep"] | {"floors": None}}}
    with History(older, before.shape, about) as history:
        for episodes, table in before.tables(before.episodes().tolist()):
            history.add(episodes, table)
    older.replace(path)
    found = first_and_last(store, row["run_id"], row["artifacts"])
    assert expected is not None
    assert found is not None
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_archive_through_the_client(store: Store) -> None:
    """Artifacts of a server are fetched from where they are recorded, here from a folder."""
    trained()
    row = load_runs().iloc[0]
    direct = first_and_last(store, row["run_id"], row["artifacts"])
    server = Store("http://127.0.0.1:9", None)
    fetched = first_and_last(server, row["run_id"], Path(row["artifacts"]).as_uri())
    assert direct is not None
    assert fetched is not None
    for one, other in zip(direct, fetched, strict=True):
        np.testing.assert_array_equal(one, other)


def test_findings_of_real_runs(store: Store) -> None:
    """Sixty episodes never reach MountainCar's goal, and most cells of the table are never visited."""
    for seed in (0, 1):
        trained(f"seed={seed}")
    study, found, store = one_study(store)
    [(label, said)] = findings_by_variant(study, found, store).items()
    assert label == "MountainCar-v0"
    assert said[0] == "The goal was never reached in training (all 2 seeds)."
    assert any("of the reachable cells were never visited in training" in sentence for sentence in said)


def test_no_findings_without_curves(store: Store) -> None:
    """Older runs without curves have no findings, without an error."""
    trained()
    study, _, store = one_study(store)
    assert findings_by_variant(study, {}, store) == {}
    assert isinstance(study.counted, pd.DataFrame)
