"""What scores are held against: the best possible, and where an environment counts as solved."""

from __future__ import annotations

import pandas as pd

from qsweep.environments import solved_return
from qsweep.report.charts.chart import Rule
from qsweep.report.leaderboard import number
from qsweep.report.studies import Study


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


def optimum(study: Study) -> float | None:
    """The expected return of the best policy, as its runs recorded it; None where they did not."""
    if "optimum/return" not in study.counted:
        return None
    known = study.counted["optimum/return"].dropna()
    return float(known.iloc[0]) if len(known) else None


def solved_at(study: Study) -> float | None:
    """The mean return at which the environment counts as solved; None where nobody says."""
    runs: pd.DataFrame = study.counted
    if not len(runs) or (runs["standard"] == "false").any():
        return None
    return solved_return(study.env_id)
