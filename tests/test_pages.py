"""What the pages in docs/ say of algorithms, hyperparameters, presets and cases is what the code says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from runpy import run_path

import numpy as np
import pandas as pd
import pytest
import yaml

from qsweep.commands.verify.cases import CASES
from qsweep.commands.verify.table import _expected
from qsweep.config import RULES
from qsweep.learning.algorithms import NAMES, algorithm
from qsweep.plan.composition import load_config
from qsweep.plan.conf import conf_folder
from qsweep.policies.optimum import optimum
from tests.support.optional_packages import skip_without_packages

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def tables(page: str) -> Iterator[dict[str, str]]:
    """The rows of all tables of a page, each by its table's column names, without backticks and links."""
    head: list[str] = []
    for line in (DOCS / page).read_text().splitlines():
        if not line.startswith("|"):
            head = []
            continue
        cells = [
            re.sub(r"\[(.*?)\]\(.*?\)", r"\1", cell).replace("`", "").strip() for cell in line.split("|")
        ]
        if head and "---" not in cells[1]:
            yield dict(zip(head, cells[1:-1], strict=True))
        head = head or cells[1:-1]


def rows(page: str, column: str) -> list[dict[str, str]]:
    """The rows of the tables of a page that have a column of that name."""
    return [row for row in tables(page) if row.get(column)]


def preset(group: str, name: str) -> dict[str, object]:
    """The values of a preset's file."""
    values: dict[str, object] = yaml.safe_load((conf_folder() / group / f"{name}.yaml").read_text())
    return values


@pytest.mark.parametrize("page", PAGES)
def test_every_key_has_its_range(page: str) -> None:
    """Wherever a table gives a key and its range, the range is the one that is checked."""
    for row in rows(page, "range"):
        for key in row["key"].split(", "):
            assert row["range"] == RULES[key], f"{page}: {key}"


def test_every_algorithm_has_a_page_and_a_row() -> None:
    """The algorithms with their hyperparameters, in the table and as pages."""
    listed = rows("algorithms/README.md", "what it does")
    assert sorted(row["algorithm"] for row in listed) == list(NAMES)
    assert sorted(page.stem for page in (DOCS / "algorithms").glob("[a-z]*.md")) == list(NAMES)
    for row in listed:
        own = tuple(filter(None, row["its own hyperparameters"].split(", ")))
        assert own == algorithm(row["algorithm"]).hyperparameters


@pytest.mark.parametrize("name", NAMES)
def test_the_page_of_an_algorithm(name: str) -> None:
    """It gives the module's own TD error, all hyperparameters with their presets, and what is refused."""
    chosen, text = algorithm(name), (DOCS / "algorithms" / f"{name}.md").read_text()
    module = import_module(f"qsweep.learning.algorithms.{name}")
    if hasattr(module, "td_error"):
        formula = module.td_error.__doc__.splitlines()[0].removeprefix("Return ").split(". ")[0]
        assert formula.rstrip(".") in text
    given = {row["key"]: row["preset"] for row in rows(f"algorithms/{name}.md", "range")}
    values = preset("algorithm", name)
    assert given == {key: str(values[key]) for key in chosen.hyperparameters}
    refused = text.partition("**Cannot be combined with**")[2].partition("\n\n")[0]
    assert ("tiles" in refused) == (not chosen.supports_tiles)
    assert ("`terminal_rule=tutorial`" in refused) == (not chosen.supports_tutorial_rule)
    assert re.search(rf"algorithm=(\w+,)*{name}\b", text)


@pytest.mark.parametrize("name", sorted(path.stem for path in (conf_folder() / "env").glob("*.yaml")))
def test_every_preset_of_an_environment_has_a_row(name: str) -> None:
    """Each with its id, actions, step limit, engine and optimum."""
    skip_without_packages(name)
    [row] = [row for row in rows("environments.md", "preset") if row["preset"] == name]
    config = load_config([f"env={name}"])
    assert (row["id"], row["engine"]) == (config.env.id, config.engine)
    assert row["steps"] in (f"{config.env.max_steps:,}", "its own")
    best = optimum(config.env)
    assert row["optimum"] == "unknown" if best is None else abs(float(row["optimum"]) - best) < 0.01


def test_every_row_is_a_preset() -> None:
    """The table of environments names no others."""
    listed = {row["preset"] for row in rows("environments.md", "preset")}
    assert listed == {path.stem for path in (conf_folder() / "env").glob("*.yaml")}


def test_every_preset_of_a_discretiser_has_a_row() -> None:
    """Those for one environment each, and the three that are discretisers."""
    kinds = {row["discretiser"] for row in rows("discretizers/README.md", "discretiser")}
    listed = {row["preset"] for row in rows("discretizers/README.md", "preset")}
    assert kinds | listed == {path.stem for path in (conf_folder() / "discretizer").glob("*.yaml")}
    pages = "".join(page.read_text() for page in (DOCS / "discretizers").glob("[a-z]*.md"))
    assert all(f"`{name}`" in pages for name in listed)


def test_every_exploration_and_schedule_is_told() -> None:
    """With the presets' values."""
    given = {row["key"]: row["preset"] for row in rows("exploration.md", "preset") if row["key"]}
    assert given["temperature"] == str(preset("exploration", "softmax")["temperature"])
    assert given["confidence"] == str(preset("exploration", "ucb")["confidence"])
    assert given["learning_rate_end"] == str(preset("learning_rate_schedule", "linear")["learning_rate_end"])
    text = (DOCS / "exploration.md").read_text()
    for group in ("epsilon", "exploration", "learning_rate_schedule"):
        assert all(f"`{path.stem}`" in text for path in (conf_folder() / group).glob("*.yaml"))


def test_the_cases_of_the_page_are_those_that_are_verified() -> None:
    """Every case, in order: what, source, expected, runs."""
    listed = [tuple(row.values()) for row in rows("verification.md", "case")]
    assert listed == [(c.name, c.what, c.source, _expected(c), f"{c.seeds:,}") for c in CASES]


def test_the_tutorials_runs_are_told_with_their_numbers() -> None:
    """Episodes, window, epsilon and buckets of every experiment."""
    listed = {row["experiment"]: row for row in rows("from-the-tutorial.md", "experiment")}
    assert set(listed) == {path.stem for path in (conf_folder() / "experiment").glob("tutorial*.yaml")}
    for name, row in listed.items():
        config = load_config([f"+experiment={name}"])
        assert row["episodes"] == f"{config.episodes:,}"
        assert row["window"] == f"{config.window:,}"
        assert row["buckets"] == str(config.buckets)
        assert row["epsilon"] == str(config.epsilon.start)
        assert row["decays between"] == f"{config.epsilon.decay_start:,} and {config.epsilon.decay_end:,}"


def test_the_studys_table_is_that_of_its_runs() -> None:
    """docs/which-bucket-size.md has the table that docs/study.py makes of the runs beside it."""
    study = run_path(str(DOCS / "study.py"))
    made = study["table"](pd.read_csv(study["RUNS"]))
    assert made in (DOCS / "which-bucket-size.md").read_text()


def test_the_luck_of_a_sweep_by_hand() -> None:
    """Of what is always 0 and 1 the second is named; of two coins, the higher looks too good."""
    luck = run_path(str(DOCS / "study.py"))["luck"]
    assert luck([np.zeros(3), np.ones(3)], seeds=2) == (1.0, 0.0)
    coin = np.array([0.0, 1.0])
    named, excess = luck([coin, coin], seeds=1)
    assert named == pytest.approx(0.75, abs=0.02)  # the first of equals is the true best, and named at a tie
    assert excess == pytest.approx(0.25, abs=0.02)  # the higher is 1 in three of four cases, its mean 0.5


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_path_for_contributors_exists(page: str) -> None:
    """Files and folders named there lie in the source or at the top of the checkout."""
    root = DOCS.parent
    named = re.findall(r"`([\w./-]+(?:\.py|/))`", (root / page).read_text())
    assert len(named) > 3
    places = (root, root / "src/qsweep")
    assert [path for path in named if not any((place / path).exists() for place in places)] == []
