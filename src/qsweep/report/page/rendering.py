"""Self-contained pages of HTML: no network, server or library needed."""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from qsweep.errors import escaped

FOLDER = Path(__file__).parent
Q_TABLE_SCRIPTS = ("charts.js", "worlds.js", "scenes.js", "playground.js", "films.js")
"""Of the slider over Q-tables and the agent at play, in one scope: later files use names of earlier ones."""
STYLES = ("page.css", "playground.css")


def rendered(template: str, scripts: tuple[str, ...], **values: Any) -> str:
    """Return a page as HTML: a template of this folder with scripts, which alone may run, and styles."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=_visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    values = {**values, "data": _visible(values.get("data"))}
    script = "\n".join((FOLDER / name).read_text() for name in scripts)
    return templates.get_template(template).render(
        script=script,
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        style="\n".join((FOLDER / name).read_text() for name in STYLES),
        version=version("qsweep"),
        **values,
    )


def sheet(title: str, body: str, refresh: int | None = None) -> str:
    """Return a page of one part. body: HTML whose texts are escaped; refresh: seconds between reloads."""
    return rendered("sheet.html.j2", (), title=title, body=Markup(body), refresh=refresh)  # noqa: S704


def _visible(value: Any) -> Any:
    """Return a value of a template with escapes in place of letters that cannot be seen."""
    if isinstance(value, Markup):  # qsweep's own
        return value
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        return {_visible(key): _visible(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_visible(inner) for inner in value]
    return value


def playground(title: str, run: str, series: dict[str, Any]) -> str:
    """Return the page of one agent at play. series: as `table_series` returns it."""
    return rendered(
        "playground.html.j2",
        Q_TABLE_SCRIPTS,
        title=title,
        run=run,
        best=series["best"],
        last=len(series["checkpoints"]) - 1,
        data={"charts": {}, "films": {"one": series}},
    )
