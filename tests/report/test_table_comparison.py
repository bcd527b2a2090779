from __future__ import annotations

import numpy as np
import pytest

from qsweep.environments.grid import Grid
from qsweep.plan.composition import load_resolved
from qsweep.policies.votes import Tables
from qsweep.report.contents import contents
from qsweep.report.loading.selection import Selection, selected
from qsweep.report.markdown import markdown
from qsweep.report.page.page import page
from qsweep.report.table_comparison import agreement_sentence
from qsweep.runs.runner import Work
from qsweep.tracking.store import open_store
from tests.support.trained import run

LAKE = ("env=frozen_lake", "env.kwargs.is_slippery=false", "env.max_steps=20", "episodes=300", "ties=random")


def test_agreement_in_words_by_hand() -> None:
    """Of three seeds, all agree in the first cell and two in the second; the third was never visited."""
    greedy = [[0, 1, 0], [0, 1, 1], [0, 2, 2]]
    of = Tables(
        Grid((0.0,), (3.0,), (3,)), tuple(np.eye(3)[chosen] for chosen in greedy), np.array([3, 1, 0])
    )
    assert agreement_sentence(of) == (
        "Two seeds taken at random agree on the greedy action in 67% of the visited cells, or 83% if cells"
        " count by their visits (mean over all pairs of 3 seeds)."
    )


@pytest.mark.usefixtures("workdir")
def test_variants_of_seeds_are_compared() -> None:
    """The chart has all pairs of two variants, sentences exact returns, the page all of it."""
    for rate in ("0.1", "0.5"):
        for seed in (1, 2):
            lines = [*LAKE, f"learning_rate={rate}", f"seed={seed}", "sweep.name=t"]
            run([Work(load_resolved(lines), f"learning_rate={rate} seed={seed}", "qsweep train")])
    store, selection = open_store("local"), Selection("t")
    made = contents(store, selected(store, selection), selection)
    [section] = made.sections
    assert section.compared is not None
    assert section.compared.chart is not None
    assert section.compared.chart.counts.tolist() == [[2, 4], [4, 2]]
    assert ((section.compared.chart.values >= 0) & (section.compared.chart.values <= 100)).all()
    assert "(expected return, exact)" in section.compared.sentences[1]
    html, text = page(made, "qsweep report t"), markdown(made, "qsweep report t")
    assert "Q-tables compared" in html
    assert 'data-chart="s1-table_agreement"' in html
    assert "Two seeds taken at random agree" in text


@pytest.mark.usefixtures("workdir")
def test_a_single_run_has_nothing_to_compare() -> None:
    """No section without a second table."""
    run([Work(load_resolved([*LAKE, "sweep.name=t"]), "one", "qsweep train")])
    store, selection = open_store("local"), Selection("t")
    [section] = contents(store, selected(store, selection), selection).sections
    assert section.compared is None
