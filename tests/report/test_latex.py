from __future__ import annotations

import re
from pathlib import Path

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from qsweep.report.charts.chart import Chart
from qsweep.report.contents import Contents, contents
from qsweep.report.latex import SHOWN, escaped, latex
from qsweep.report.loading.runs import with_scores
from qsweep.report.loading.selection import Selection
from qsweep.report.paper_figures import WIDTH, paper_figure, write_pdf
from qsweep.tracking.store import Store, open_store
from tests.support.recorded import frame, sweep

pytestmark = pytest.mark.slow

CLEAR = {"buckets=10": [-150.0 - n for n in range(6)], "buckets=20": [-120.0 - n for n in range(6)]}
CLOSE = {"buckets=10": [-150.0 - n for n in range(6)], "buckets=20": [-149.0 - n for n in range(6)]}


@pytest.fixture(scope="module")
def store(migrated_store: Path) -> Store:
    """A store that holds none of the runs."""
    return open_store(f"sqlite:///{migrated_store}")


def table(store: Store, scores: dict[str, list[float]], **more: object) -> str:
    runs = with_scores(frame(scores, **more))
    return latex(contents(store, runs, Selection("s")), "qsweep report s")


def rows(text: str) -> list[list[str]]:
    """The cells of the table's rows."""
    found = [line for line in text.splitlines() if line.endswith("\\\\")]
    return [re.split(r"(?<!\\)&", line.removesuffix("\\\\")) for line in found]


def check_structure(text: str) -> None:
    """The parts of LaTeX that a compiler would complain about: braces, environments, columns, letters."""
    code = re.sub(r"(?<!\\)%.*", "", text)
    plain = re.sub(r"\\[{}%&$#_]", "", code)
    assert plain.count("{") == plain.count("}")
    assert plain.count("$") % 2 == 0
    assert re.findall(r"\\(begin|end)\{(\w+)\}", code) == [("begin", "tabular"), ("end", "tabular")]
    [columns] = re.findall(r"\\begin\{tabular\}\{@\{\}(\w+)@\{\}\}", code)
    assert {len(row) for row in rows(code) if "multicolumn" not in row[0]} == {len(columns)}
    assert [rule for rule in re.findall(r"\\(\w+rule)", code) if rule != "midrule"] == [
        "toprule",
        "bottomrule",
    ]
    assert not re.search(r"[#_^~]", re.sub(r"\\text\w+\{\}", "", plain))


def test_a_winner_is_bold(store: Store) -> None:
    """Bold is what the rule of the verdict calls better than all others."""
    text = table(store, CLEAR)
    check_structure(text)
    assert text.count(r"\textbf") == text.count(r"\mathbf") == 1
    assert [cell.strip() for cell in rows(text)[1]] == [
        r"\textbf{buckets=20}",
        "6",
        r"$\mathbf{-122.5}$",
        "[$-123.8$, $-121.2$]",
        "--",
        "--",
    ]
    assert [cell.strip() for cell in rows(text)[2]][0::4] == ["buckets=10", "$1.00$"]


def test_without_a_winner_nothing_is_bold(store: Store) -> None:
    """A higher mean alone is not marked."""
    text = table(store, CLOSE)
    check_structure(text)
    assert "bf{" not in text
    assert rows(text)[1][0].strip() == "buckets=20"


def test_one_seed_has_no_interval(store: Store) -> None:
    """A dash stands for what is unknown."""
    text = table(store, {"buckets=10": [-150.0], "buckets=20": [-140.0]})
    check_structure(text)
    assert [cell.strip() for cell in rows(text)[1]][1:4] == ["1", "$-140.00$", "--"]


def test_known_returns_end_the_table(store: Store) -> None:
    """The optimum and random actions, where they are recorded."""
    text = table(store, CLEAR, **{"optimum/return": -97.66, "random/return": -200.0})
    check_structure(text)
    ends = [[cell.strip() for cell in row] for row in rows(text)[-2:]]
    assert [row[0] for row in ends] == ["Optimum", "Random actions"]
    assert [row[2] for row in ends] == ["$-97.7$", "$-200.0$"]


def test_a_long_table_is_cut(store: Store) -> None:
    """A search has more variants than a paper prints; the rest is in variants.csv."""
    text = table(store, {f"buckets={n}": [-100.0 - n] for n in range(1, SHOWN + 3)})
    check_structure(text)
    assert len(rows(text)) == 1 + SHOWN
    assert "% 2 more variants: variants.csv" in text


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("a_b & 50% #1 {x}", r"a\_b \& 50\% \#1 \{x\}"),
        ("\\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("$x^2$ ~ <", r"\$x\textasciicircum{}2\$ \textasciitilde{} \textless{}"),
        ("two\nlines", "two lines"),
    ],
)
def test_names_from_a_store_are_escaped(text: str, printed: str) -> None:
    """No name is a command of LaTeX's."""
    assert escaped(text) == printed


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Contents:
    """The contents of a report on a recorded sweep."""
    import shutil

    from qsweep.report.loading.selection import selected

    folder = tmp_path_factory.mktemp("paper")
    shutil.copy(migrated_store, folder / "mlflow.db")
    store = open_store(f"sqlite:///{folder / 'mlflow.db'}")
    sweep(store, "s", {10: [-150.0, -140.0, -145.0], 20: [-130.0, -120.0, -125.0]})
    return contents(store, selected(store, Selection("s")), Selection("s"))


def outside(chart: Chart) -> list[str]:
    """The texts of a figure that are not completely inside it."""
    figure = paper_figure(chart)
    assert isinstance(figure.canvas, FigureCanvasAgg)
    figure.canvas.draw()
    bounds = figure.bbox
    found = []
    for axes in figure.axes:
        for text in (*axes.get_xticklabels(), *axes.get_yticklabels(), axes.xaxis.label, axes.yaxis.label):
            box = text.get_window_extent()
            if text.get_text() and not (bounds.x0 <= box.x0 and box.x1 <= bounds.x1 + 1):
                found.append(text.get_text())
    return found


@pytest.mark.slow
def test_charts_fit_into_a_column(made: Contents) -> None:
    """Every chart is drawn 3.25 inches wide, with all names of its axes inside."""
    charts = made.sections[0].charts
    assert len(charts) > 3
    for chart in charts:
        assert paper_figure(chart).get_size_inches()[0] == WIDTH == 3.25
        assert outside(chart) == [], chart.name


def test_a_pdf_is_as_wide_as_a_column(made: Contents, tmp_path: Path) -> None:
    """Its page has the width in points, and TrueType fonts: no publisher takes Type 3."""
    write_pdf(made.sections[0].charts[0], tmp_path / "a.pdf")
    data = (tmp_path / "a.pdf").read_bytes()
    assert re.search(rb"/MediaBox \[ 0 0 234 165\.6 \]", data)
    assert b"/Type3" not in data
    assert b"/FontFile2" in data
