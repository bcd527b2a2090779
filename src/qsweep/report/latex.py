"""The variants as a LaTeX table in the style of booktabs: `variants.tex`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor, isfinite, log10

from qsweep.errors import printable
from qsweep.report.comparison.ranking import Row
from qsweep.report.comparison.standings import known_return, optimum
from qsweep.report.comparison.studies import Study
from qsweep.report.contents import Contents
from qsweep.tracking.stored_run import SCORE

SHOWN = 40
"""Maximum number of variants of an environment in the table."""
COLUMNS = ("Variant", "Seeds", "Mean", r"95\% interval", "$P$", "$p$")
ABOUT = r"""
% Needs \usepackage{booktabs}. Use: \input{variants.tex}
% Mean: score over seeds, with its 95% bootstrap interval. P: probability that a run of the first variant
% scores higher than one of this variant. p: of that difference, the larger of the exact rank-sum test and
% Welch's t-test. Bold: significantly better than every other variant (both tests at 5%, and fresh seeds do
% not reverse the order).
"""
SPECIAL = {letter: f"\\{letter}" for letter in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}
TRANSLATION = str.maketrans(SPECIAL)


def latex(made: Contents, command: str) -> str:
    """Return the table of a report, a group of rows per environment. command: the one that made it."""
    studies = [section.study for section in made.sections if section.study.labels]
    body = "\\midrule\n".join(
        "".join(f"{line}\n" for line in _group(study, len(studies) > 1)) for study in studies
    )
    return (
        f"% Made by: {printable(command)}{ABOUT}"
        f"\\begin{{tabular}}{{@{{}}l{'r' * (len(COLUMNS) - 1)}@{{}}}}\n"
        f"\\toprule\n{_row(COLUMNS)}\n\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"
    )


def escaped(text: object) -> str:
    """Return a text as LaTeX prints it, without its meaning as a command."""
    return printable(text).translate(TRANSLATION)


def _group(study: Study, titled: bool) -> Iterator[str]:
    """Yield the rows of one environment: its variants, then the optimum and random actions where known."""
    if titled:
        yield f"\\multicolumn{{{len(COLUMNS)}}}{{@{{}}l}}{{\\emph{{{escaped(study.title)}}}}} \\\\"
    rows = [row for row in study.verdict.rows if row.summary.n]
    decimals = _decimals(rows)
    for row in rows[:SHOWN]:
        yield _row(_cells(row, decimals, row.label == study.verdict.winner))
    if len(rows) > SHOWN:
        yield f"% {len(rows) - SHOWN:,} more variants: variants.csv"
    known = list(_references(study))
    yield from [r"\addlinespace"] if known else []
    for name, value in known:
        yield _row((name, "", _number(value, decimals), "", "", ""))


def _references(study: Study) -> Iterator[tuple[str, float]]:
    """Yield the known returns of the best policy and of random actions, if returns are compared."""
    if study.metric == SCORE or "return" in study.metric:
        known = {"Optimum": optimum(study), "Random actions": known_return(study, "random/return")}
        yield from ((name, value) for name, value in known.items() if value is not None)


def _cells(row: Row, decimals: int, winner: bool) -> Sequence[str]:
    low, high = row.summary.interval
    interval = f"[{_number(low, decimals)}, {_number(high, decimals)}]" if isfinite(low) else "--"
    against = row.comparison
    return (
        f"\\textbf{{{escaped(row.label)}}}" if winner else escaped(row.label),
        str(row.summary.n),
        _number(row.summary.mean, decimals, bold=winner),
        interval,
        "--" if against is None else _number(against.p_better, 2),
        "--" if against is None else _p(against.p),
    )


def _row(cells: Sequence[str]) -> str:
    return f"{' & '.join(cells)} \\\\"


def _decimals(rows: Sequence[Row]) -> int:
    """Return the decimals that show a tenth of the narrowest interval, at most four."""
    widths = [high - low for low, high in (row.summary.interval for row in rows) if high - low > 0]
    return min(max(0, 1 - floor(log10(min(widths)))), 4) if widths else 2


def _number(value: float, decimals: int, bold: bool = False) -> str:
    text = f"{value:.{decimals}f}"
    return f"$\\mathbf{{{text}}}$" if bold else f"${text}$"


def _p(value: float) -> str:
    return "$<0.001$" if value < 0.001 else f"${value:.3f}$"
