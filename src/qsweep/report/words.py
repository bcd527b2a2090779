"""The sentences of a report, shared by the page and `report.md`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from qsweep.report.comparison.ranking import Row
from qsweep.report.comparison.studies import SEED, Study, studies
from qsweep.report.comparison.variants import params_in
from qsweep.report.contents import RUNS, Contents
from qsweep.report.formats import number
from qsweep.report.loading.runs import mixture
from qsweep.report.statistics.significance import LEVEL
from qsweep.tracking.stored_run import SCORE

LISTED = 12
"""Maximum number of seeds or values that a line lists; further ones are counted."""


MARKED = "marked as running (in progress, or its process died)"
STATUSES = {
    "FAILED": ("failed", "failed"),
    "KILLED": ("was killed", "were killed"),
    "RUNNING": (f"is {MARKED}", f"are {MARKED}"),
}
"""Status -> phrase for one unfinished run, and for several."""


def summary(contents: Contents) -> str:
    """Return one line: environments, numbers of variants and runs, time of the report."""
    runs, sections = contents.runs, contents.sections
    ids = ", ".join(dict.fromkeys(section.study.env_id for section in sections))
    variants = sum(len(section.study.labels) for section in sections)
    fresh = sum(len(section.study.fresh) for section in sections)
    first = len(runs) - sum(len(section.study.confirming) for section in sections)
    parts = [ids, counted(variants, "variant"), counted(first, "run")]
    parts[-1] += f" and {fresh} on fresh seeds" if fresh else ""
    parts.append(f"{contents.made:%Y-%m-%d %H:%M} UTC")
    return " · ".join(part for part in parts if part)


NOTHING = "There are no runs yet."
"""Sentence that replaces the verdict if there are no runs."""


def conclusions(runs: pd.DataFrame, clauses: Mapping[str, str]) -> Iterator[str]:
    """Yield one sentence per environment: the verdict over all of a sweep's runs, and its clause if any.

    clauses: environment -> what became of the registered policy.
    """
    found = studies(runs, SCORE, None, np.random.default_rng(SEED)) if len(runs) else []
    for study in found:
        verdict = study.verdict.headline.removesuffix(".")
        environments = pd.concat([study.runs, study.confirming])["environment"].astype(str)
        words = "; ".join(filter(None, [verdict, clauses.get(environments.iloc[0], "")]))
        yield f"{study.title}: {words}." if len(found) > 1 else f"{words}."


def on_fresh_seeds(study: Study) -> Iterator[str]:
    """Yield the score of each finalist on fresh seeds alone, which no choice was based on."""
    yield from (_fresh(row) for row in study.verdict.rows if row.fresh.n)


def _fresh(row: Row) -> str:
    low, high = row.fresh.interval
    interval = "" if pd.isna(low) else f" (95% interval {number(low)} to {number(high)})"
    seeds = counted(row.fresh.n, "fresh seed")
    flattered = "" if pd.isna(row.first) else f"; first estimate {number(row.first)}"
    return f"{row.label}: {number(row.fresh.mean)}{interval} over {seeds}{flattered}"


def against_baseline(study: Study) -> Iterator[str]:
    """Yield one sentence per variant that compares it with the baseline."""
    for label, comparison in study.against.items():
        low, high = comparison.interval
        interval = "" if pd.isna(low) else f", 95% interval {1 - high:.2f} to {1 - low:.2f}"
        different = "significantly" if comparison.holm_p <= LEVEL else "not significantly"
        odds = (
            f"P({label} better than the baseline {study.baseline}) = {1 - comparison.p_better:.2f}{interval}"
        )
        yield f"{odds}: {different} different (Holm-corrected p = {comparison.holm_p:.2g})."


def notes(study: Study) -> Iterator[str]:
    """Yield sentences on the runs that are left out of the comparison."""
    runs, metric = study.runs, study.metric
    for status, (one, more) in STATUSES.items():
        some = int((runs["status"] == status).sum())
        if some:
            yield f"{counted(some, 'run')} {one if some == 1 else more}: left out of every comparison."
    ended = runs[runs["status"] == "FINISHED"]
    without = int(ended[metric].isna().sum()) if metric in ended else len(ended)
    if metric == SCORE and (note := mixture(study.counted)):
        yield note
    if without:
        yield f"{counted(without, 'finished run')} without {metric}: left out of every comparison."
    again = len(ended) - without - int((~study.counted["fresh"]).sum())
    if again > 0:
        was = "was" if again == 1 else "were"
        yield f"{counted(again, 'run')} {was} repeated later with the same config: only the latest counts."


def more_runs(study: Study) -> str:
    """Return a hint that the page lists only some of the runs; empty if it lists all."""
    n = len(study.runs) + len(study.confirming)
    return f"The first {RUNS:,} of {n:,} runs; runs.csv lists all." if n > RUNS else ""


def lineage(study: Study) -> Iterator[tuple[str, list[str]]]:
    """Yield the provenance of the runs, as (title, values): code, versions, machine, seeds."""
    runs = pd.concat([study.runs, study.confirming])
    yield "experiment", _distinct(runs["experiment"])
    yield "sweep", _distinct(runs["sweep"])
    yield "started", [_span(runs["started"])]
    commits = runs["git_commit"].str[:12].fillna("no repository")
    dirty = runs["git_dirty"].map({"true": ", with uncommitted changes", "false": ""}).fillna("")
    yield "git commit", _distinct(commits + dirty)
    yield "qsweep", _distinct(runs["version"])
    yield "Python", _distinct(runs["python"])
    yield "packages", [_packages(text) for text in _distinct(runs["packages"])]
    yield "platform", _distinct(runs["platform"])
    yield "seeds", [_seeds(study.counted[~study.counted["fresh"]])]
    if len(study.fresh):
        yield "fresh seeds", [_seeds(study.fresh)]


def shared(study: Study) -> list[tuple[str, str]]:
    """Return the params that are equal in all runs, with their values."""
    values = {key: study.runs[key].dropna().unique() for key in params_in(study.runs)}
    return [(key, str(found[0])) for key, found in values.items() if len(found) == 1]


def counted(n: int, what: str) -> str:
    """Return a number with its noun: 1 run, 3 runs."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _distinct(column: pd.Series) -> list[str]:
    """Return the distinct values, the most frequent first, with their run counts if there are several."""
    found = column.fillna("not recorded").astype(str).value_counts()
    if len(found) == 1:
        return [str(found.index[0])]
    shown = [f"{value} ({counted(int(n), 'run')})" for value, n in found.head(LISTED).items()]
    return shown + ([f"and {len(found) - LISTED} more"] if len(found) > LISTED else [])


def _packages(text: str) -> str:
    """Return recorded package versions (JSON) as text: numpy 2.0, scipy 1.14."""
    recorded, bracket, runs = text.partition(" (")
    try:
        found = json.loads(recorded)
    except ValueError:
        return text
    if not isinstance(found, dict):
        return text
    return ", ".join(f"{name} {version}" for name, version in found.items()) + bracket + runs


def _span(started: pd.Series) -> str:
    first, last = started.min(), started.max()
    return f"{first:%Y-%m-%d %H:%M}" + (f" to {last:%Y-%m-%d %H:%M}" if last != first else "") + " UTC"


def _seeds(runs: pd.DataFrame) -> str:
    """Return seeds as ranges: 0 to 9, 12."""
    seeds = sorted({int(seed) for seed in runs["seed"] if seed >= 0})
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and seed == parts[-1][-1] + 1:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    words = [f"{part[0]} to {part[-1]}" if len(part) > 2 else ", ".join(map(str, part)) for part in parts]
    more = f" and {len(words) - LISTED} more ranges" if len(words) > LISTED else ""
    return (", ".join(words[:LISTED]) or "not recorded") + more
