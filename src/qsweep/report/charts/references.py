"""What scores are held against: the best possible, and where an environment counts as solved."""

from __future__ import annotations

from qsweep.report.charts.chart import Rule
from qsweep.report.comparison.standings import optimum, solved_at
from qsweep.report.comparison.studies import Study
from qsweep.report.formats import number


def references(study: Study) -> tuple[Rule, ...]:
    """The lines to draw across charts of returns: those that are known of the study's environment.

    An environment counts as solved where Gymnasium's specification says so, as long as it is as it is
    registered.
    """
    rules = []
    best = optimum(study)
    if best is not None:
        rules.append(Rule(best, f"optimum {number(best)}"))
    solved = solved_at(study)
    if solved is not None and solved != best:
        rules.append(Rule(solved, f"solved {number(solved)}"))
    return tuple(rules)
