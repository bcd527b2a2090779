"""The text of the atlas's pages: the table of all environments, and a page for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from qsweep.commands.atlas.protocol import Cell, Protocol, as_typed, reporting, tuning
from qsweep.commands.atlas.results import NEAR, Page, Result
from qsweep.commands.atlas.tables import one_setting
from qsweep.policies.registry.shipped import PREFIX
from qsweep.report.formats import number, with_interval
from qsweep.report.statistics.summaries import Summary

RUNS, TRIALS = "runs.csv", "trials.csv"
PROFILES, SETTINGS = "profiles.png", "settings.png"
FILM, COST = ".gif", "-cost.png"
"""What follows an environment's name in the names of its film and of its chart of costs."""


def index_page(given: Protocol, pages: Sequence[Page]) -> Iterator[str]:
    """Yield the lines of the atlas's first page."""
    budget = pages[0].results[0].cell.budget
    algorithms = [result.cell.algorithm for result in pages[0].results]
    yield f"# The atlas of tabular reinforcement learning: {budget.name} budget"
    yield ""
    yield (
        f"Mean score over {given.seeds} fresh seeds after about {budget.steps:,} environment steps, as a "
        "percentage of the way from random actions (0) to the optimum (100), with its 95% interval. Each "
        f"algorithm was tuned alike: {budget.trials} settings of {budget.tuning_seeds} seeds. **Bold**: "
        "significantly better than every other. In each row, those in _italics_ are not significantly worse "
        "than the highest; others may be worse by less than the digits shown. [Protocol](protocol.md)."
    )
    yield ""
    yield f"| environment | {' | '.join(algorithms)} |"
    yield f"| --- |{' ---: |' * len(algorithms)}"
    for page in pages:
        star = "" if page.scale.proven else " *"
        yield f"| [{page.entry.name}]({page.entry.name}.md){star} | {' | '.join(_cells(page))} |"
    if not all(page.scale.proven for page in pages):
        yield ""
        yield "\\* The optimum is unknown: 100 is the best mean score in this table."
    yield ""
    yield f"![Performance profiles]({PROFILES})"
    yield ""
    yield "## Sensitivity"
    yield ""
    yield (
        "Means over all environments, on the tuning seeds. One setting for all has the same learning rate, "
        "epsilon, discount and keys of its own everywhere; it is the one with the highest mean. The figure "
        "shows how many settings do well."
    )
    yield ""
    yield "| algorithm | tuned in each environment | one setting for all | the setting |"
    yield "| --- | ---: | ---: | --- |"
    for algorithm in algorithms:
        one = one_setting(pages, algorithm)
        yield f"| {algorithm} | {100 * one.tuned:.1f} | {100 * one.mean:.1f} | `{one.setting}` |"
    yield ""
    yield f"![Settings]({SETTINGS})"
    yield ""
    yield "## Data"
    yield ""
    yield (
        f"[{RUNS}]({RUNS}): every reported run. [{TRIALS}]({TRIALS}): every setting that was tried. Both are "
        "there as Parquet, too; [the data sheet](protocol.md#data) explains their columns. "
        "The best policy of each row is in `policies/`, as `qsweep pull` writes it, in a zip file. Those of "
        f"the atlas in the documentation come with qsweep: `qsweep play {PREFIX}{pages[0].entry.name}`, or "
        f"by an environment's id `qsweep pull {PREFIX}Taxi-v4`."
    )


def _cells(page: Page) -> Iterator[str]:
    decision = page.decision
    worse = dict(zip(decision.order[1:], decision.worse, strict=True))
    for place, summary in enumerate(page.summaries):
        text = _percent(summary)
        if place == decision.winner:
            yield f"**{text}**"
        else:
            yield text if worse.get(place) else f"_{text}_"


def _percent(summary: Summary) -> str:
    low, high = summary.interval
    return f"{100 * summary.mean:.1f} ({100 * low:.1f} to {100 * high:.1f})"


def environment_page(given: Protocol, page: Page, filmed: bool, costed: bool) -> Iterator[str]:
    """Yield the lines of an environment's page. filmed, costed: whether it has a film, a chart of costs."""
    scale, budget = page.scale, page.results[0].cell.budget
    kind = "the optimum" if scale.proven else "the best mean in the atlas, the optimum being unknown"
    yield f"# {page.entry.name}"
    yield ""
    yield f"The environment of `qsweep train {' '.join(page.entry.chosen)}`."
    yield f"Random actions earn {number(scale.random)}; 100% is {kind}, {number(scale.optimum)}."
    yield ""
    yield f"| algorithm | score (95% interval) | of optimum, % | steps to {NEAR:.0%} | setting |"
    yield "| --- | ---: | ---: | ---: | --- |"
    cells = list(_cells(page))
    for place in page.decision.order:
        result = page.results[place]
        yield (
            f"| {result.cell.algorithm} | {_score(result, page, place)} | {cells[place]} | "
            f"{_steps(result)} | `{' '.join(result.setting)}` |"
        )
    yield ""
    if costed:
        yield f"![The cost of {NEAR:.0%} of the optimum]({page.entry.name}{COST})"
    else:
        yield f"No run has come to {NEAR:.0%} of the optimum."
    yield ""
    best = page.best
    yield f"The best policy, {number(float(best.scores.max()))}, was learned by {best.cell.algorithm}."
    if filmed:
        yield ""
        yield f"![An episode of the best policy]({page.entry.name}{FILM})"
    yield ""
    yield f"The commands of {best.cell.algorithm} ({budget.name} budget): its search, and its reported runs."
    yield ""
    yield "```bash"
    yield from _commands(given, best.cell, best.setting)
    yield "```"


def _commands(given: Protocol, cell: Cell, setting: Sequence[str]) -> Iterator[str]:
    yield as_typed(tuning(given, cell))
    yield as_typed(reporting(given, cell, setting))


def _score(result: Result, page: Page, place: int) -> str:
    low, high = page.summaries[place].interval
    ends = [page.scale.random + end * (page.scale.optimum - page.scale.random) for end in (low, high)]
    return with_interval(float(result.scores.mean()), *ends)


def _steps(result: Result) -> str:
    return f"{result.steps:,.0f}" if np.isfinite(result.steps) else "not reached"
