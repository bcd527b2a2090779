"""The atlas as a folder: a table, a page per environment, figures, films, data and the best policies."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from io import StringIO
from pathlib import Path

import pandas as pd

from qsweep.commands.atlas.figures import costs, profiles_of_runs, profiles_of_settings
from qsweep.commands.atlas.films import film
from qsweep.commands.atlas.markdown import (
    COST,
    FILM,
    PROFILES,
    RUNS,
    SETTINGS,
    TRIALS,
    environment_page,
    index_page,
)
from qsweep.commands.atlas.protocol import Protocol
from qsweep.commands.atlas.results import Page
from qsweep.commands.atlas.tables import table_of_runs
from qsweep.policies.policy import Policy
from qsweep.policies.registry.fetching import fetch
from qsweep.policies.registry.names import Target
from qsweep.policies.registry.shipped import write_shipped
from qsweep.report.figures import draw, save
from qsweep.system.atomic_files import replacing_folder, temporary_folder, write_text
from qsweep.system.overwriting import only_over, writing_to
from qsweep.tracking.store import Store

INDEX = "README.md"


def write(store: Store, given: Protocol, pages: Sequence[Page], out: Path) -> None:
    """Write the atlas into a folder: README.md, ENVIRONMENT.md, figures, films, runs and trials, policies.

    Raises UsageError if the folder holds anything else.
    """
    check = partial(only_over, what="an atlas", files=_files(given), inner=("policies/*",), force=True)
    with writing_to("--out", out), replacing_folder(Path(os.path.abspath(out)), check) as new:
        _write(store, given, pages, new)


def _files(given: Protocol) -> list[str]:
    tables = (RUNS, TRIALS, *(Path(name).with_suffix(".parquet").name for name in (RUNS, TRIALS)))
    own = [f"{name}{ending}" for name in given.environments for ending in (".md", FILM, COST)]
    return [INDEX, *tables, PROFILES, SETTINGS, "policies", *own]


def _write(store: Store, given: Protocol, pages: Sequence[Page], out: Path) -> None:
    write_text(out / INDEX, "\n".join(index_page(given, pages)) + "\n")
    for page in pages:
        _write_environment(store, given, page, out)
    _write_table(table_of_runs(pages), out / RUNS)
    trials = pd.concat([result.trials for page in pages for result in page.results])
    _write_table(trials, out / TRIALS)
    save(draw(profiles_of_runs(pages)), out / PROFILES)
    save(draw(profiles_of_settings(pages)), out / SETTINGS)


def _write_environment(store: Store, given: Protocol, page: Page, out: Path) -> None:
    """Write an environment's best policy, its film, the chart of costs, and the page that shows them."""
    name, chart = page.entry.name, costs(page)
    policy = _best_policy(store, page)
    write_shipped(policy, out / "policies" / f"{name}.zip")
    filmed = film(policy, out / f"{name}{FILM}")
    if chart:
        save(draw(chart), out / f"{name}{COST}")
    text = environment_page(given, page, filmed, costed=chart is not None)
    write_text(out / f"{name}.md", "\n".join(text) + "\n")


def _write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV and as Parquet."""
    text = StringIO()
    table.to_csv(text, index=False, float_format="%.10g")
    write_text(path, text.getvalue())
    table.to_parquet(path.with_suffix(".parquet"), index=False)


def _best_policy(store: Store, page: Page) -> Policy:
    run = page.best.runs[page.best.runs["run_id"] == page.best.best_run].iloc[0]
    target = Target(page.best.best_run, f"ep{int(run['best_episode']):06d}", str(run["name"]))
    with temporary_folder() as scratch:
        return fetch(store, target, Path(scratch))
