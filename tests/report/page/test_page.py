from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from qsweep.report.charts.chart import Axis, Line, LineChart
from qsweep.report.contents import Contents, contents
from qsweep.report.loading.selection import Selection
from qsweep.report.page.page import as_data, page
from qsweep.tracking.store import Store, open_store
from tests.support.recorded import SCORE, frame

SCORES = {"buckets=10": [-150.0, -140.0], "buckets=20": [-130.0, -120.0]}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'</title></script>&amp;{{7*7}}"
"""A name that injects HTML unless it is escaped."""


@pytest.fixture
def store(workdir: Path) -> Store:
    """An empty store."""
    return open_store(f"sqlite:///{workdir}/mlruns/mlflow.db")


class Reader(HTMLParser):
    """A parser that collects elements with attributes, and text by element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)
        self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        """Leave an element."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Note text."""
        if self._open:
            self.texts[self._open[-1]][-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every element of a kind."""
        return [attributes for name, attributes in self.elements if name == tag]


def made(store: Store, runs: pd.DataFrame, name: str = "s", **more: Any) -> Contents:
    return contents(store, runs, Selection(name, **more))


def read(store: Store, runs: pd.DataFrame, name: str = "s", **more: Any) -> Reader:
    return Reader(page(made(store, runs, name, **more), "qsweep report s"))


def test_the_verdict_comes_first(store: Store) -> None:
    """The sections are in order: verdict, leaderboard, figures, runs, provenance."""
    reader = read(store, frame(SCORES))
    assert reader.texts["h1"] == ["s"]
    assert reader.texts["h2"] == ["Verdict", "Leaderboard", "Figures", "Runs", "Provenance"]
    headline = "buckets=20 and 10 cannot be distinguished with 2 seeds each, whatever the scores"
    assert any(headline in text for text in reader.texts["p"])


def test_nothing_beside_the_page_is_needed(store: Store) -> None:
    """The page loads nothing: no script, style, picture or font from elsewhere."""
    text = page(made(store, frame(SCORES)), "c")
    reader = Reader(text)
    assert not reader.of("link")
    assert not any("src" in script for script in reader.of("script"))
    assert "@import" not in text
    assert "url(" not in text
    addresses = {link["href"] or "" for link in reader.of("a")}
    assert all(address.startswith(("#", "http://127.0.0.1:5000/")) for address in addresses)


def test_every_row_links_to_its_run(store: Store) -> None:
    """Runs link to the MLflow UI at a given address, and show their id and their command."""
    runs = frame(SCORES)
    reader = Reader(page(made(store, runs), "c", "http://host:1234"))
    links = {link["href"] for link in reader.of("a")}
    for run in runs["run_id"]:
        assert f"http://host:1234/#/experiments/1/runs/{run}" in links
    commands = [button["data-copy"] for button in reader.of("button") if "data-copy" in button]
    assert set(commands) == set(runs["command"])
    assert set(runs["run_id"].str[-8:]) <= set(reader.texts["a"])


def hostile() -> pd.DataFrame:
    """Runs whose every text is hostile."""
    runs = frame(SCORES).assign(**{"epsilon.schedule": [HOSTILE, HOSTILE, "b", "b"], "algorithm": HOSTILE})
    texts = (
        "name",
        "command",
        "experiment",
        "sweep",
        "version",
        "git_commit",
        "packages",
        "platform",
        "run_id",
    )
    for column in texts:
        runs[column] = [f"{HOSTILE}{n}" for n in range(len(runs))]
    return runs.assign(experiment_id=HOSTILE, status=["FINISHED"] * 4)


def test_everything_is_escaped(store: Store) -> None:
    """With any names, params and tags, the page has only its own elements and scripts."""
    plain, foreign = read(store, frame(SCORES)), read(store, hostile(), HOSTILE)
    assert {tag for tag, _ in foreign.elements} <= {tag for tag, _ in plain.elements} | {
        "fieldset",
        "img",
    } - {"img"}
    assert len(foreign.of("script")) == len(plain.of("script")) == 2
    assert not any(key.startswith("on") for _, attributes in foreign.elements for key in attributes)
    assert foreign.texts["h1"] == [HOSTILE]
    assert any(HOSTILE in str(button.get("data-copy")) for button in foreign.of("button"))
    assert "49" not in foreign.texts["h1"][0]


def test_only_its_own_script_may_run(store: Store) -> None:
    """The page's policy allows only its own script, by hash, and no connections."""
    text = page(made(store, frame(SCORES)), "c")
    [policy] = [m["content"] or "" for m in Reader(text).of("meta") if m.get("http-equiv")]
    assert "default-src 'none'" in policy
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[-1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy


def test_the_data_are_json(store: Store) -> None:
    """Every chart's data lies under its key, also with hostile labels."""
    text = page(made(store, hostile()), "c")
    reader = Reader(text)
    data = json.loads(reader.texts["script"][0])
    keys = [place["data-chart"] for place in reader.of("div") if "data-chart" in place]
    assert sorted(data["charts"]) == sorted(keys)
    assert any(
        HOSTILE in json.dumps(chart, ensure_ascii=False).replace('\\"', '"')
        for chart in data["charts"].values()
    )


def test_numbers_of_a_chart() -> None:
    """Numbers are rounded to six digits; NaN is null, and an unknown band is empty."""
    nan = np.full(2, np.nan)
    line = Line("a", np.array([0.0, 1.0]), np.array([1 / 3, np.nan]), nan, nan, nan, nan, 0)
    data = as_data(LineChart("n", "t", "c", Axis("x"), Axis("y"), (line,)))
    assert data["kind"] == "LineChart"
    assert data["lines"][0]["y"] == [0.333333, None]
    assert data["lines"][0]["low"] == []
    assert json.loads(json.dumps(data, allow_nan=False)) == json.loads(json.dumps(data))


def test_for_screen_readers(store: Store) -> None:
    """The page is accessible: one main part, headings, table captions, scopes, announced sorting."""
    reader = read(store, frame(SCORES))
    assert [len(reader.of(tag)) for tag in ("header", "main", "footer", "nav", "h1")] == [1] * 5
    assert reader.of("html")[0]["lang"] == "en"
    assert len(reader.of("caption")) == len(reader.of("table"))
    assert all("scope" in head for head in reader.of("th"))
    sorts = [head["aria-sort"] for head in reader.of("th") if "aria-sort" in head]
    assert sorts.count("descending") == 1  # of the runs; variants are in the order of their rank
    assert all(svg["role"] == "img" and svg["aria-label"] for svg in reader.of("svg"))
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = {f"#{name}" for name in ids}
    assert {link["href"] for link in reader.of("a") if (link["href"] or "").startswith("#")} <= targets


def test_a_table_of_values_behind_every_figure(store: Store) -> None:
    """Each figure has its values as a table."""
    reader = read(store, frame(SCORES))
    charts = [place for place in reader.of("div") if "data-chart" in place]
    assert len(charts) == len(reader.of("details")) - 1  # one holds the params that all runs share
    assert len(reader.of("table")) == len(charts) + 2


def test_several_environments(store: Store) -> None:
    """Each environment has its section, and the page states that they are not compared."""
    other = frame({"buckets=10": [500.0]}, environment="f", **{"env.id": "CartPole-v1"})
    reader = read(store, pd.concat([frame(SCORES), other], ignore_index=True))
    assert len(reader.of("article")) == 2
    assert reader.texts["h2"].count("Verdict") == 2
    assert {"MountainCar-v0", "CartPole-v1"} <= set(reader.texts["h2"])
    assert any("each environment has its own section" in text for text in reader.texts["p"])


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (frame(SCORES).iloc[:0], "There are no runs yet."),
        (frame({"buckets=10": [-150.0]}), "There is only one variant"),
        (
            frame({"buckets=10": [-150.0], "buckets=20": [-1.0]}),
            "cannot be distinguished with one seed each, whatever the scores",
        ),
        (frame(SCORES, status="FAILED"), "There are no scores to compare."),
        (frame(SCORES).drop(columns=SCORE), "There are no scores to compare."),
        (frame({"buckets=10": [-1.0, -1.0], "buckets=20": [-1.0, -1.0]}), "there is no difference"),
    ],
    ids=["no runs", "one run", "one seed", "all failed", "no metric", "all alike"],
)
def test_little_to_say(store: Store, runs: pd.DataFrame, said: str) -> None:
    """With little to compare the page says so, without errors."""
    reader = read(store, runs)
    assert any(said in text for text in reader.texts["p"])


def test_older_runs(store: Store) -> None:
    """Runs without most current columns have a page."""
    kept = ["run_id", "started", "name", "experiment", "status", "sweep", "variant", "config", "environment"]
    runs = frame(SCORES)
    older = runs[[*kept, "buckets", SCORE]].assign(
        **dict.fromkeys(["command", "standard", "version", "git_commit", "git_dirty", "packages", "python"]),
        platform=None,
        experiment_id="1",
        artifacts="",
        environment=None,
    )
    reader = read(store, older)
    assert any("cannot be distinguished" in text for text in reader.texts["p"])
