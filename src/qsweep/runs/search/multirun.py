"""A search from its command line to its printed end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click

from qsweep.errors import Problem, UsageError
from qsweep.runs.journal import Jobs
from qsweep.runs.sweep.multirun import check_requirements, launch, make_folder

SHOWN = 20
"""Variants of a search that are listed at its end."""


def search(options: dict[str, Any], lines: Sequence[str], for_hydra: list[str], tasks: list[str]) -> int:
    """Search through Hydra; prints the best variants."""
    from qsweep.report.comparison.variants import variants
    from qsweep.report.loading.runs import children
    from qsweep.report.terminal import show_variants, wide_console
    from qsweep.runs.search.planning import search_plan

    wanted = search_plan(lines, options)
    uri = wanted.first.tracking.uri
    if uri == "none" or wanted.first.sweep.dry_run:
        key, given = ("tracking", uri) if uri == "none" else ("sweep.dry_run", "true")
        raise UsageError([Problem(key, "cannot be used in a search", given)])
    store = check_requirements(uri, for_hydra)
    assert store is not None
    folder = make_folder(wanted.name, for_hydra)
    started = time.perf_counter()
    launch(folder, [*for_hydra, *tasks])
    took = time.perf_counter() - started
    runs = children(store, Jobs(folder).parent)
    found = runs[(runs["sweep"] == wanted.name) & (runs["status"] == "FINISHED")]
    ranked = variants(found)
    if len(ranked):
        show_variants(found[found["variant"].isin(ranked["variant"][:SHOWN])], wide_console())
    ended = Jobs(folder).ended()
    failed = [each for each in ended if each.error]
    click.echo(f"{len(ended) - len(failed)} runs in {took:.1f} s; folder: {folder}")
    for each in failed:
        click.echo(f"qsweep: run {each.number} failed: {each.error}", err=True)
    return 1 if failed else 0
