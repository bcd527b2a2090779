"""The atlas on a small protocol: two algorithms on two environments."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from qsweep.commands.atlas.atlas import run_atlas
from qsweep.commands.atlas.estimate import estimate
from qsweep.commands.atlas.figures import costs
from qsweep.commands.atlas.protocol import Budget, as_typed, cells, protocol, reporting, tuning
from qsweep.commands.atlas.results import Page, pages
from qsweep.commands.atlas.running import best_setting, done_cells, run_cells
from qsweep.commands.atlas.tables import one_setting
from qsweep.commands.atlas.writing import write
from qsweep.commands.play import play
from qsweep.errors import UsageError
from qsweep.plan import overrides
from qsweep.plan.command_line import read
from qsweep.plan.composition import load_config
from qsweep.policies.registry import shipped
from qsweep.runs.search.planning import search_plan
from qsweep.tracking.store import open_store

SMALL = dataclasses.replace(
    protocol(),
    budgets={"small": Budget("small", 2000, 3, 2)},
    environments={name: protocol().environments[name] for name in ("frozen_lake", "mountain_car")},
    algorithms={"q_learning": {}, "sarsa_lambda": {"trace_decay": "choice(0.5, 0.9)"}},
    fixed={**protocol().fixed, "hydra/launcher": "basic"},
    seeds=3,
)
MOST_FILM = 200_000
"""Bytes of a film."""


@pytest.mark.slow
@pytest.mark.parametrize("budget", protocol().budgets)
def test_every_cell_has_valid_commands(budget: str) -> None:
    """Both commands of each environment and each algorithm are accepted; nothing is run."""
    given = protocol()
    every = [*cells(given, budget, (), ["q_learning"]), *cells(given, budget, ["taxi"], ())]
    for cell in every if budget == "small" else every[:1]:
        line = read([overrides.normalized(word) for word in tuning(given, cell) if "=" in word], True)
        plan = search_plan(line.lines, line.sweeper)
        assert plan.settings.trials == cell.budget.trials
        chosen = plan.space.overrides(next(plan.space.corners()))
        words = [word for word in reporting(given, cell, chosen)[1:] if not word.startswith("seed=")]
        assert load_config(words).steps == cell.budget.steps


def test_names_that_are_not_in_the_atlas() -> None:
    """All are refused at once, with the nearest names."""
    with pytest.raises(UsageError, match=r"(?s)--budget.*'tiny'.*--env.*taxi\?.*--algorithm.*sarsa\?"):
        run_atlas("tiny", ["taxis"], ["sarza"], False, Path("atlas"))


@pytest.mark.slow
def test_an_atlas(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is run once, resumed without a run, written; its best policies play by name."""
    wanted = cells(SMALL, "small", (), ())
    shown: list[str] = []
    assert list(run_cells(SMALL, wanted, (), lambda number, cell: shown.append(f"{number} {cell}"))) == []
    assert shown[3] == "3 mountain_car sarsa_lambda"
    store = open_store("local")
    assert done_cells(store, SMALL, wanted) == set(wanted)
    assert list(run_cells(SMALL, wanted, wanted, lambda *_: pytest.fail("nothing is left"))) == []

    found = pages(store, SMALL, wanted)
    lake, car = found
    assert lake.scale.random == pytest.approx(0.01394, abs=1e-5)
    assert (car.scale.random, car.scale.proven) == (-200, True)
    for cell, result in zip(wanted, [*lake.results, *car.results], strict=True):
        assert result.cell == cell
        assert sorted(result.seeds) == [1000, 1001, 1002]
        assert (result.runs["train/steps"] >= 2000).all()
        assert result.setting == best_setting(cell)
        assert len(result.trials) == 3
    # The same numbers in all cells: what differs is each one's own.
    settings = [
        result.trials["setting"].str.split(" buckets").str[0] for result in (lake.results[0], car.results[0])
    ]
    assert settings[0].tolist() == settings[1].tolist()
    normalised = [page.scale.of(page.results[0].trials["mean"].to_numpy()) for page in found]
    one = one_setting(found, "q_learning")
    assert one.mean == pytest.approx(np.mean(normalised, axis=0).max())
    assert one.tuned == pytest.approx(np.mean(np.max(normalised, axis=1)))

    out = workdir / "atlas"
    write(store, SMALL, found, out)
    assert "| [frozen_lake](frozen_lake.md) |" in (out / "README.md").read_text()
    assert as_typed(tuning(SMALL, wanted[0])) in (out / "frozen_lake.md").read_text()
    table = pd.read_csv(out / "runs.csv")
    assert len(table) == 12
    check_costs(found, table)
    check_pictures(out)
    assert pd.read_parquet(out / "runs.parquet")["seed"].tolist() == table["seed"].tolist()

    monkeypatch.setattr(shipped, "FOLDER", out / "policies")
    played = play("atlas:frozen_lake", episodes=20)
    assert played.policy.env_id == "FrozenLake-v1"
    best = max(result.scores.max() for result in lake.results)
    assert float(np.mean(played.rollouts.returns)) == pytest.approx(best, abs=0.4)
    with pytest.raises(
        UsageError, match=r"is no policy of the atlas; given .atlas:frozen. .*atlas:frozen_lake"
    ):
        play("atlas:frozen")


def check_costs(found: Sequence[Page], table: pd.DataFrame) -> None:
    """The data have the costs of the runs that came near the optimum; there is a chart if any did."""
    for page in found:
        reached = np.concatenate([result.reached for result in page.results])
        told = table.loc[table["environment"] == page.entry.name, "cost"]
        assert told.notna().tolist() == reached.tolist()
        assert (costs(page) is None) == (not reached.any())
        taken = np.concatenate([result.runs["train/steps"] for result in page.results])
        assert (np.concatenate([result.costs for result in page.results]) <= taken).all()


def check_pictures(out: Path) -> None:
    """Each page shows its film, which is small, and its chart of costs where a run came near the optimum."""
    for name in SMALL.environments:
        text = (out / f"{name}.md").read_text()
        assert f"({name}.gif)" in text
        assert 5_000 < (out / f"{name}.gif").stat().st_size < MOST_FILM
        assert (f"({name}-cost.png)" in text) == (out / f"{name}-cost.png").exists()


def test_the_time_that_it_would_take() -> None:
    """The runs are counted, and the time is relative to the number of cores."""
    given = dataclasses.replace(SMALL, fixed=protocol().fixed)
    said = estimate(given, cells(SMALL, "small", ["frozen_lake"], ["q_learning"]), 0)
    assert "1 cells to run (0 are done): 9 runs, 18,000 environment steps" in said
