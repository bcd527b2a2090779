from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from qsweep.report.comparison.standings import standings
from qsweep.report.comparison.studies import studies
from qsweep.report.contents import Contents, Section
from qsweep.report.markdown import markdown
from tests.support.recorded import SCORE, frame

SCORES = {"buckets=10": [-150.0, -140.0], "buckets=20": [-130.0, -120.0]}


def contents_of(runs: pd.DataFrame, title: str = "s", **findings: tuple[str, ...]) -> Contents:
    found = studies(runs, SCORE, None, np.random.default_rng(0))
    sections = tuple(Section(study, standings(study, {}), dict(findings), (), (), ()) for study in found)
    return Contents(title, runs, sections, pd.Timestamp("2025-01-02 03:04", tz="UTC"))


def lines(runs: pd.DataFrame, *given: Any, **findings: tuple[str, ...]) -> list[str]:
    return markdown(contents_of(runs, *given, **findings), "qsweep report s").splitlines()


def test_the_whole_of_a_small_report() -> None:
    """The report has title, verdict, table, sentences and command."""
    found = lines(frame(SCORES), a=("It is so.",))
    assert found[0] == "# s"
    assert found[4].startswith(
        "**buckets=20 and 10 cannot be distinguished with 2 seeds each, whatever the scores: at least 4 seeds"
    )
    assert found[6:10] == [
        "| variant | seeds | mean (95% interval) | worst | P(leader better) |",
        "| --- | ---: | ---: | ---: | ---: |",
        "| buckets=20 | 2 | -125 (-130 to -120) | -130 | leader |",
        "| buckets=10 | 2 | -145 (-150 to -140) | -150 | 1.00 |",
    ]
    assert "- a: It is so." in found
    assert found[-1] == "Made by `qsweep report s`; details in report.html."


@pytest.mark.slow
def test_it_is_short() -> None:
    """With many variants, findings and environments the report has less than 60 lines."""
    scores = {f"buckets={n}": [-float(n), -float(n) - 1] for n in range(1, 60)}
    many = pd.concat(
        [frame(scores, environment=str(n), **{"env.id": f"X-v{n}"}) for n in range(9)], ignore_index=True
    )
    findings = {f"buckets={n}": ("One.", "Two.") for n in range(1, 60)}
    for runs in (frame(scores), many):
        assert len(lines(runs, **findings)) < 60
    assert "| and 51 more variants | | | | |" in lines(frame(scores))
    assert "And 6 more environments: see report.html." in lines(many)


def test_names_are_no_markup() -> None:
    """Bars, brackets, backticks and mentions in names are escaped, on one line."""
    found = lines(frame(SCORES), "a|b [c](d) `e` <img src=x> *f* @g #1\nh")
    assert found[0] == r"# a\|b \[c\](d) \`e\` \<img src=x\> \*f\* \@g \#1 h"


def test_no_runs() -> None:
    """A report without runs says so."""
    assert "There are no runs yet." in lines(frame(SCORES).iloc[:0])


def test_what_is_known_beside() -> None:
    """Fresh seeds and the optimum have columns if known."""
    again = frame({"buckets=20": [-126.0, -128.0]}, sweep="s-confirm").assign(config=["x", "y"], seed=[2, 3])
    runs = pd.concat([frame(SCORES), again], ignore_index=True).assign(
        **{"optimum/return": -100.0, "random/return": -200.0}
    )
    found = lines(runs)
    assert found[6].endswith("| P(leader better) | fresh seeds | of optimum |")
    assert found[8].endswith("| buckets=20 | 4 | -126 (-129 to -122) | -130 | leader | -127 | 74.0% |")
    assert found[9].endswith("| 1.00 | - | 55.0% |")
    assert "Of optimum: 0% is the return of random actions (-200), 100% the optimum (-100)." in found
