"""Reference values of scores: the optimum, and the return at which an environment is solved."""

from __future__ import annotations

from qsweep.report.charts.chart import Rule
from qsweep.report.comparison.standings import optimum, solved_at
from qsweep.report.comparison.studies import Study
from qsweep.report.formats import number


def references(study: Study) -> tuple[Rule, ...]:
    """Return the lines to draw across charts of returns, if they are known of the study's environment.

    An environment is solved at the threshold of Gymnasium's specification, if it is used as registered.
    """
    rules = []
    best = optimum(study)
    if best is not None:
        rules.append(Rule(best, f"optimum {number(best)}"))
    solved = solved_at(study)
    if solved is not None and solved != best:
        rules.append(Rule(solved, f"solved {number(solved)}"))
    return tuple(rules)
