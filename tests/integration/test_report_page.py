"""The report's page in a real browser, from disk, and the report inside the MLflow UI."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from docs.pictures import CHROMIUM, mlflow_ui
from playwright.sync_api import Browser, Locator, Page, expect

from qsweep import load_runs
from qsweep.report.attachment import attach
from qsweep.report.folder import report
from qsweep.report.loading.runs import children
from qsweep.report.loading.selection import Selection
from qsweep.tracking.store import open_store
from tests.support import recorded
from tests.support.commands import run_command

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM, reason="no chromium on this machine; set CHROMIUM"),
]

SWEEP = ("buckets=8,12", "learning_rate=0.1,0.3", "seed=range(3)", "episodes=2000")
SETTINGS = ("sweep.name=small", "registry.promote=never", "evaluation.test_episodes=100")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs of a small sweep, its report, and that report in the sweep's parent run."""
    made = tmp_path_factory.mktemp("report")
    run_command(["train", "-m", *SWEEP, *SETTINGS], made).check_returncode()
    store = open_store(uri(made))
    report(store, Selection("small"), made / "out")
    attach(store, parent(made))
    return made


def uri(folder: Path) -> str:
    return f"sqlite:///{folder}/mlruns/mlflow.db"


def parent(folder: Path) -> str:
    """The id of the sweep's parent run."""
    run = load_runs("small", uri(folder)).iloc[0]
    tags = open_store(uri(folder)).client.get_run(run["run_id"]).data.tags
    return str(tags["mlflow.parentRunId"])


@pytest.fixture
def page(tab: Page, folder: Path) -> Iterator[Page]:
    """The report, opened from disk; afterwards nothing must stand in the browser's console."""
    said: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(f"file://{folder}/out/report.html")
    yield tab
    assert said == []
    assert [url for url in asked if not url.startswith(("file://", "data:"))] == []


def column(table: Locator, number: int) -> list[str]:
    """The texts of a column, of the rows that are shown."""
    rows = table.locator("tbody tr:not([hidden])")
    return [row.locator("th, td").nth(number).inner_text() for row in rows.all()]


def test_it_opens_from_disk(page: Page) -> None:
    """Every figure is drawn, every table of values lies behind it, and nothing is loaded from elsewhere."""
    expect(page.locator("h1")).to_have_text("small")
    plots = page.locator("[data-chart]")
    assert plots.count() >= 8
    for plot in plots.all():
        expect(plot.locator("svg")).to_have_count(1)
        assert plot.locator("svg *").count() > 10
    assert page.locator("figure.chart details table").count() == plots.count()


def test_tables_sort(page: Page) -> None:
    """A head sorts by its column, down first, then up, by mouse and by keyboard; what is missing is last."""
    table = page.locator("#s1-variants")
    head = table.get_by_role("columnheader", name=re.compile("mean .95%"))
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    down = [float(text.split()[0]) for text in column(table, 2)]
    assert down == sorted(down, reverse=True)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(text.split()[0]) for text in column(table, 2)] == sorted(down)
    assert table.locator("[aria-sort=descending]").count() == 0
    table.get_by_role("button", name=re.compile("P.leader")).click()
    assert column(table, 4)[-1] == "-"


def test_tables_filter(page: Page) -> None:
    """Rows that hold all words stay, and how many these are is said."""
    runs, word = page.locator("#s1-all-runs"), page.locator("[data-filter=s1-all-runs]")
    word.fill("buckets=12 SEED=2")
    assert len(column(runs, 0)) == 2
    assert all("buckets=12" in name and "seed=2" in name for name in column(runs, 0))
    expect(page.locator("[data-count=s1-all-runs]")).to_have_text("2 of 12")
    word.fill("nonsense")
    assert column(runs, 0) == []
    word.fill("")
    assert len(column(runs, 0)) == 12


def test_figures_answer_a_pointer_and_the_keyboard(page: Page) -> None:
    """Under a pointer every figure shows values; arrow keys walk from one to the next, Escape ends it."""
    for plot in page.locator("[data-chart]").all():
        plot.scroll_into_view_if_needed()
        box = plot.locator("svg").bounding_box() or {}
        page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
        expect(plot.locator(".tip")).to_be_visible()
        expect(plot.locator(".tip .value").first).to_have_text(re.compile("[0-9]"))
        page.mouse.move(0, 0)
    plot = page.locator("[data-chart=s1-learning_curves]")
    plot.locator("svg").focus()
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
        seen.append(plot.locator(".tip b").inner_text())
    assert seen[0] == seen[2] != seen[1]
    page.keyboard.press("Escape")
    expect(plot.locator(".tip")).to_be_hidden()


def test_the_values_shown_are_those_of_the_csv(page: Page, folder: Path) -> None:
    """A dot's value is the run's score in runs.csv."""
    runs = load_runs("small", uri(folder)).set_index("name")
    plot = page.locator("[data-chart=s1-score_by_buckets]")
    plot.scroll_into_view_if_needed()
    dot = plot.locator("circle").first.bounding_box() or {}
    page.mouse.move(dot["x"] + dot["width"] / 2, dot["y"] + dot["height"] / 2)
    expect(plot.locator(".tip b")).to_be_visible()
    name, shown = plot.locator(".tip b").inner_text(), plot.locator(".tip .value").inner_text()
    assert float(shown) == pytest.approx(runs.loc[name, "test/return_mean"], rel=1e-3)


def test_dots_stay_near_their_value_and_inside_the_ticks(page: Page) -> None:
    """No dot lies further from its value than 15% of the distance to the next; none beyond a tick."""
    plot = page.locator("[data-chart$=score_by_buckets]")
    ticks = [float(line.get_attribute("x1") or 0) for line in plot.locator("line.axis").all()]
    first, second = sorted(set(ticks))[1:3]  # the axis itself begins further left
    dots = [
        (float(dot.get_attribute("cx") or 0), float(dot.get_attribute("cy") or 0))
        for dot in plot.locator("circle").all()
    ]
    apart = [min(abs(x - first), abs(x - second)) for x, _ in dots]
    assert 0 < max(apart) <= 0.15 * (second - first) + 0.1
    grid = [float(line.get_attribute("y1") or 0) for line in plot.locator("line.grid").all()]
    assert all(min(grid) <= y <= max(grid) for _, y in dots)


def test_lines_can_be_hidden(page: Page) -> None:
    """A press on a line's name takes the line away, another brings it back."""
    figure = page.locator("figure", has=page.locator("[data-chart=s1-learning_curves]"))
    button = figure.locator(".keys button").first
    before = figure.locator("svg path").count()
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert figure.locator("svg path").count() < before
    button.click()
    assert figure.locator("svg path").count() == before


def test_the_slider_moves_the_q_table(page: Page) -> None:
    """Another checkpoint has another picture and other words; the keyboard moves it, too."""
    film = page.locator("[data-film]:not([hidden])")
    slider, canvas = film.locator("input[type=range]"), film.locator(".panel canvas:not(.over)")
    pictures = set()
    for value in ("0", "5", slider.get_attribute("max") or ""):
        slider.fill(value)
        pictures.add(canvas.first.evaluate("canvas => canvas.toDataURL()"))
    assert len(pictures) == 3
    expect(film.locator("output")).to_contain_text("ep002000, after 2,000 episodes")
    slider.press("ArrowLeft")
    expect(film.locator("output")).not_to_contain_text("ep002000")
    assert "Greedy: push left in" in (canvas.first.get_attribute("aria-label") or "")


def test_a_cell_of_a_q_table_has_values(page: Page) -> None:
    """Under a pointer a cell shows where it lies and the value of each action, one of them greedy."""
    canvas = page.locator("[data-film]:not([hidden]) .panel canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box() or {}
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.4 * box["height"])
    tip = page.locator("[data-film]:not([hidden]) .tip").first
    expect(tip.locator("b")).to_have_text(re.compile(r"position .* to .*, velocity \(per step\) .* to .*"))
    assert tip.locator("div").count() == 4  # visits, and each action
    assert tip.inner_text().count("(greedy)") == 1


def test_another_run_can_be_chosen(page: Page) -> None:
    """One run's Q-tables are shown at a time."""
    films, choices = page.locator("[data-film]"), page.locator(".choice input[type=radio]")
    assert films.count() == choices.count() == 3
    choices.nth(1).check()
    assert [film.is_visible() for film in films.all()] == [False, True, False]
    films.nth(1).locator("input[type=range]").fill("0")
    assert (films.nth(1).locator(".panel canvas").first.bounding_box() or {})["height"] > 80


def test_layers_of_a_table(page: Page) -> None:
    """Check boxes show and hide actions, values and visits, and mark cells in which no training step began.

    That is on record: the first checkpoint shows the same cells, though none has changed by then.
    """
    film = page.locator("[data-film]:not([hidden])")
    film.scroll_into_view_if_needed()  # what is out of sight is not rendered
    panels = film.locator(".panel:visible h4")
    assert panels.all_text_contents() == ["push left", "no push", "push right", "value of the greedy action"]
    film.get_by_role("checkbox", name="visits", exact=True).check()
    film.get_by_role("checkbox", name="actions").uncheck()
    assert panels.all_text_contents() == ["value of the greedy action", "visits"]
    film.get_by_role("checkbox", name="actions").check()
    film.locator("input[type=range]").fill("0")
    canvas = film.locator(".panel canvas").first
    before = canvas.evaluate("canvas => canvas.toDataURL()")
    film.get_by_role("checkbox", name="mark cells never visited").check()
    assert canvas.evaluate("canvas => canvas.toDataURL()") != before


def test_the_slider_plays(page: Page) -> None:
    """A button moves the slider from checkpoint to checkpoint, and stops."""
    film = page.locator("[data-film]:not([hidden])")
    film.get_by_role("button", name="Watch it learn").click()
    expect(film.locator("input[type=range]")).to_have_value("2")
    film.get_by_role("button", name="Stop").click()
    expect(film.get_by_role("button", name="Watch it learn")).to_be_visible()


def test_two_runs_side_by_side(page: Page) -> None:
    """The best policy of another variant's run plays beside this one from the same start."""
    film = page.locator("[data-film]:not([hidden])")
    film.scroll_into_view_if_needed()
    beside = film.get_by_label("Beside it")
    other = beside.locator("option").last
    name = other.text_content() or ""
    assert re.fullmatch(r".*seed=\d+, ep\d+", name)
    beside.select_option(other.get_attribute("value"))
    expect(film.locator(".scene:visible")).to_have_count(2)
    expect(film.locator(".scene h4").last).to_have_text(f"{name}: return 0")
    film.get_by_role("button", name="Step", exact=True).click()
    expect(film.locator(".now")).to_contain_text("Step 1")


def test_commands_are_copied(page: Page) -> None:
    """The button copies the whole command, and says so."""
    button = page.locator("#s1-variants .copy").first
    page.evaluate("void (navigator.clipboard.writeText = () => Promise.reject(new Error()))")
    button.click()
    expect(button).to_have_text("Copied")
    assert (button.get_attribute("data-copy") or "").startswith("qsweep train buckets=")


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_page_is_wider_than_the_screen(page: Page, width: int) -> None:
    """On a phone, a tablet and a desk the page does not scroll sideways."""
    page.set_viewport_size({"width": width, "height": 740})
    page.wait_for_timeout(200)  # figures are drawn anew
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for plot in page.locator("[data-chart] svg").all():
        box = plot.bounding_box() or {}
        assert box["x"] + box["width"] <= width


def brightness(page: Page, script: str) -> float:
    """The mean of red, green and blue that a script gives as `rgb(...)`."""
    parts = [float(part) for part in re.findall(r"[\d.]+", page.evaluate(script))[:3]]
    return sum(parts) / 3


def test_dark_mode(page: Page) -> None:
    """Where the reader prefers dark, paper is dark and ink bright, in figures and Q-tables, too."""
    paper = "getComputedStyle(document.body).backgroundColor"
    ink = "getComputedStyle(document.querySelector('.plot text')).fill"
    canvas = page.locator("[data-film] .panel canvas").first
    bright = (brightness(page, paper), brightness(page, ink), canvas.evaluate("c => c.toDataURL()"))
    page.emulate_media(color_scheme="dark")
    dark = (brightness(page, paper), brightness(page, ink))
    assert bright[0] > 240 > bright[1]
    assert dark[0] < 40 < 120 < dark[1]
    drawn_anew = "([canvas, before]) => canvas.toDataURL() !== before"
    page.wait_for_function(drawn_anew, arg=[canvas.element_handle(), bright[2]])


def test_it_prints(page: Page) -> None:
    """On paper there are no tools, and dark mode does not follow there."""
    page.emulate_media(media="print", color_scheme="dark")
    for hidden in (".tools", ".copy", "nav", ".slider"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf()[:5] == b"%PDF-"


def test_everything_is_reached_by_keyboard(page: Page) -> None:
    """Tab comes to links, filters, heads, figures, sliders and copy buttons."""
    reached = set()
    for _ in range(400):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("`${document.activeElement.tagName} ${document.activeElement.type ?? ''}`.trim()")
        )
    assert {"A", "INPUT search", "BUTTON button", "svg", "INPUT range", "SUMMARY", "INPUT radio"} <= reached


def test_without_scripts(browser: Browser, folder: Path) -> None:
    """Where scripts are off the verdict, the tables and the values of the figures are there."""
    page = browser.new_page(java_script_enabled=False)
    page.goto(f"file://{folder}/out/report.html")
    assert page.locator(".headline").inner_text()
    assert page.locator("#s1-variants tbody tr").count() == 4
    expect(page.get_by_text("Without JavaScript the figures are not drawn here")).to_be_visible()
    page.close()


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Where `qsweep ui` serves that folder."""
    with mlflow_ui(folder) as served:
        yield served


def test_the_ui_shows_the_parents_report(address: str, tab: Page, folder: Path) -> None:
    """The report opens among the parent run's artifacts, with its figures drawn."""
    tab.goto(f"{address}/#/experiments/1/runs/{parent(folder)}/artifacts/report/report.html")
    inside = tab.frame_locator("iframe")
    expect(inside.locator("h1")).to_have_text("small", timeout=60_000)
    expect(inside.locator("[data-chart] svg").first).to_be_visible()
    assert inside.locator("[data-chart] svg").count() >= 8


def test_the_ui_shows_a_childs_slider(address: str, tab: Page, folder: Path) -> None:
    """Among the metrics of a best run a slider goes through its Q-tables."""
    store = open_store(uri(folder))
    runs = children(store, parent(folder))["run_id"]
    with_images = [run for run in runs if "mlflow.loggedImages" in store.client.get_run(run).data.tags]
    assert len(with_images) == 2
    tab.goto(f"{address}/#/experiments/1/runs/{with_images[0]}/model-metrics")
    tab.get_by_placeholder("Search metric charts").fill("greedy_policy", timeout=60_000)
    slider, picture = tab.locator("[role=slider]").first, tab.locator("img[src*=greedy_policy]").first
    expect(picture).to_have_attribute("src", re.compile(r"step%2B0%2B"), timeout=60_000)
    track = slider.locator("xpath=../..").bounding_box() or {}
    tab.mouse.click(track["x"] + track["width"] - 2, track["y"] + track["height"] / 2)
    expect(picture).to_have_attribute("src", re.compile(r"step%2B1999%2B"), timeout=30_000)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100


def test_the_ui_compares_two_childrens_curves(address: str, tab: Page, folder: Path) -> None:
    """Two runs' learning curves are drawn in one chart, under the runs' names."""
    chosen = load_runs("small", uri(folder)).head(2)
    key = "train/return_avg"
    given = {
        "runs": list(chosen["run_id"]),
        "metric": key,
        "experiments": ["1"],
        "plot_metric_keys": [key],
    }
    tab.goto(
        f"{address}/#/metric?"
        + "&".join(f"{name}={quote(json.dumps(value))}" for name, value in given.items())
    )
    for name in chosen["name"]:
        expect(tab.get_by_text(f"{name} ({key})", exact=True).first).to_be_visible(timeout=60_000)
    expect(tab.locator(".js-line").nth(1)).to_be_attached(timeout=30_000)


BAD = "</script><script>window.pwned=1</script><img src=x onerror=window.pwned=1>"
LINK = "javascript:window.pwned=1"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, migrated_store: Path) -> Path:
    """A folder with the report of runs all of whose names, tags and params would be scripts."""
    made = tmp_path_factory.mktemp("hostile")
    (made / "mlruns").mkdir()
    shutil.copy(migrated_store, made / "mlruns" / "mlflow.db")
    store = open_store(uri(made))
    runs = recorded.sweep(store, "plain", {10: [-150, -152], 20: [-160, -161]})
    for run in runs:
        store.client.update_run(run, name=BAD)
        store.client.log_param(run, "trace_decay", BAD)
        store.client.log_param(run, f"env.kwargs.{run[:4]}", LINK)
        for tag in ("sweep", "command", "version", "git_commit", "packages", "python", "platform"):
            store.client.set_tag(run, f"qsweep.{tag}", LINK if tag == "git_commit" else BAD)
    experiment = store.client.get_run(runs[0]).info.experiment_id
    store.client.rename_experiment(experiment, BAD)
    report(store, Selection(BAD), made / "out")
    return made


def test_nothing_in_a_store_becomes_a_script(tab: Page, hostile: Path) -> None:
    """Names, tags and params are words in the page: nothing runs, no link leads to a script."""
    said: list[str] = []
    tab.on("console", lambda message: said.append(message.text))
    tab.on("dialog", lambda dialog: said.append(dialog.message))
    tab.goto(f"file://{hostile}/out/report.html")
    expect(tab.locator("h1")).to_have_text(BAD)
    assert tab.locator("#s1-variants tbody tr").count() == 2
    for summary in tab.locator("summary").all():
        summary.click()
    for plot in tab.locator("[data-chart]").all():
        box = plot.locator("svg").bounding_box()
        if box:
            plot.scroll_into_view_if_needed()
            plot.locator("svg").hover(force=True)
    assert tab.evaluate("window.pwned") is None
    assert tab.locator("script").count() == 2
    assert tab.locator("img:not([src^='data:'])").count() == 0
    links = tab.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert said == []
    assert [link for link in links if not link.startswith(("#", "http://127.0.0.1:5000/"))] == []
    words = re.sub(r"`[^`\n]*`", "", (hostile / "out" / "report.md").read_text())  # code is shown as it is
    assert "pwned" in words
    assert re.search(r"(?<!\\)<", words) is None
