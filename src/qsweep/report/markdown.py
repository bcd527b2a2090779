"""The report as `report.md`, short enough to paste into an issue."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from qsweep.errors import printable
from qsweep.report import words
from qsweep.report.contents import Contents, Section
from qsweep.report.formats import number, scale, share_of_optimum, with_interval

LINES = 58
"""Maximum number of lines of the report, without the last two."""
VARIANTS = 8
"""Maximum number of rows in a table."""
SECTIONS = 3
"""Maximum number of environments."""
SENTENCES = 4
"""Maximum number of each: further verdict lines, baseline comparisons, findings, notes."""


def markdown(contents: Contents, command: str) -> str:
    """Return the report in at most 60 lines. command: the one that made it."""
    lines = [f"# {plain(contents.title)}", "", plain(words.summary(contents)), ""]
    if not contents.sections:
        lines += [words.NOTHING, ""]
    many = len(contents.sections) > 1
    room = LINES - 4
    for section in contents.sections[:SECTIONS]:
        lines += islice(_section(section, many), room // min(len(contents.sections), SECTIONS))
    left = len(contents.sections) - SECTIONS
    more = [f"And {words.counted(left, 'more environment')}: see report.html.", ""] if left > 0 else []
    lines = [*lines[: LINES - len(more)], *more]
    return "\n".join(
        [*lines, f"Made by `{printable(command).replace('`', '')}`; details in report.html.", ""]
    )


def _section(section: Section, many: bool) -> Iterator[str]:
    study = section.study
    if many:
        yield from (f"## {plain(study.title)}", "")
    yield from (f"**{plain(study.verdict.headline)}**", "")
    if len(section.standings):
        yield from _table(section)
        yield ""
        yield from ((scale_of(section), "") if scale_of(section) else ())
    fresh = "; ".join(words.on_fresh_seeds(study))
    sentences = [
        *study.verdict.lines[:SENTENCES],
        *([f"On fresh seeds alone: {fresh}."] if fresh else []),
        *islice(words.against_baseline(study), SENTENCES),
        *(f"{label}: {' '.join(found)}" for label, found in islice(section.findings.items(), SENTENCES)),
        *(section.compared.sentences if section.compared else ()),
        *islice(words.notes(study), SENTENCES),
    ]
    yield from (f"- {plain(sentence)}" for sentence in sentences)
    yield ""


def _table(section: Section) -> Iterator[str]:
    frame = section.standings
    fresh = bool(frame["fresh_mean"].notna().any())
    best = bool(frame["optimum"].notna().any())
    heads = ["variant", "seeds", "mean (95% interval)", "worst", "P(leader better)"]
    heads += ["fresh seeds"] * fresh + ["of optimum"] * best
    yield f"| {' | '.join(heads)} |"
    yield f"| --- |{' ---: |' * (len(heads) - 1)}"
    for row in frame.head(VARIANTS).to_dict("records"):
        mean = with_interval(row["mean"], row["mean_low"], row["mean_high"])
        cells = [plain(row["label"]), str(row["seeds"]), mean, number(row["worst"]), _odds(row)]
        cells += [with_interval(row["fresh_mean"], math.nan, math.nan)] * fresh
        cells += [share_of_optimum(row["mean"], row["optimum"], row["random"])] * best
        yield f"| {' | '.join(cells)} |"
    if len(frame) > VARIANTS:
        yield f"| and {words.counted(len(frame) - VARIANTS, 'more variant')} |{' |' * (len(heads) - 1)}"


def scale_of(section: Section) -> str:
    """Return both ends of the scale of the column "of optimum", as a sentence; empty without it."""
    leader = section.standings.iloc[0]
    ends = scale(leader["optimum"], leader["random"])
    return f"{ends[0].upper()}{ends[1:]}." if ends else ""


def _odds(row: dict[Any, Any]) -> str:
    odds = row["leader_p_better"]
    return "leader" if odds is None or math.isnan(odds) else f"{odds:.2f}"


def plain(text: str) -> str:
    """Return text with all Markdown syntax escaped: marks, tags, table bars, mentions."""
    return re.sub(
        r"([\\`*\[\]<>|~#@])", r"\\\1", re.sub(r"(?<=\s)_|_(?=\s)|^_|_$", r"\_", " ".join(text.split()))
    )
