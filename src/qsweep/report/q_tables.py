"""The Q-tables of the leading variants' best runs at some checkpoints, small enough to embed in a page."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qsweep.environments.facts import ARROWS
from qsweep.errors import UsageError
from qsweep.pictures.layouts import layout
from qsweep.pictures.surfaces import Layout, Panel, PanelAxis
from qsweep.policies.setting import setting_of_archive
from qsweep.report.comparison.studies import Study
from qsweep.report.loading.archives import archive
from qsweep.report.loading.curves import Histories
from qsweep.system.arrays import QTable
from qsweep.tracking.checkpoints import Archive, name_of
from qsweep.tracking.store import Store

VARIANTS = 3
"""Variants of which a run is shown: the first in the order of their scores."""
CHECKPOINTS = 25
"""Checkpoints shown of a run."""
FEWEST = 3
"""With room for fewer a run is not shown."""
BYTES = 600_000
"""What a run's tables may take in the page, before they are written as text."""
LEVELS = 2**16 - 1
"""Steps into which the values of a table are rounded for the page."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Film:
    """What is drawn of a run's Q-tables at some checkpoints.

    episodes [n]: how many had been trained. values [n]: the values of each action in each cell, panel by
    panel, float64[cells, actions]. greedy [n]: the number of the greedy action, uint8[cells]. scores [n]:
    on validation starts, NaN where it was not judged. best: which of the checkpoints was chosen.
    """

    label: str
    run: str
    run_id: str
    layout: Layout
    episodes: tuple[int, ...]
    values: tuple[Values, ...]
    greedy: tuple[npt.NDArray[np.uint8], ...]
    scores: tuple[float, ...]
    best: int


def films(study: Study, found: Histories, store: Store) -> list[Film]:
    """A film of the best run of each leading variant, where its tables can be read and are not too large."""
    made = []
    for label in study.labels[:VARIANTS]:
        run = study.best_run(label)
        try:
            with archive(store, run["run_id"], run["artifacts"]) as history:
                film = _film(label, run, history, found)
        except UsageError:
            continue
        if film:
            made.append(film)
    return made


def layout_of(history: Archive) -> Layout:
    """How the tables of a run are drawn."""
    # Which slices are shown depends on what was visited; of two dimensions there are no slices.
    changes = history.changes() if len(history.shape) > 3 else None
    return layout(setting_of_archive(history), changes)


def chosen_episodes(history: Archive, run: pd.Series, found: Histories, count: int) -> tuple[list[int], int]:
    """At most `count` checkpoints of a run, evenly spaced, judged ones if there are any; and the best one.

    The first, the best and the last are among them.
    """
    there = history.episodes()
    judged, _ = found.get(("eval/return_mean", run["run_id"]), (np.empty(0), None))
    wanted = np.union1d(np.intersect1d(there, judged + 1), there[[0, -1]]) if len(judged) else there
    best = int(run["best_episode"]) if pd.notna(run.get("best_episode", np.nan)) else int(there[-1])
    best = best if best in there else int(there[-1])
    places = np.linspace(0, len(wanted) - 1, min(count, len(wanted))).round().astype(int)
    chosen = wanted[places].astype(np.int64)
    if best not in chosen:  # the nearest one between the first and the last gives way
        inner = chosen[1:-1]
        chosen = np.union1d(np.setdiff1d(chosen, inner[np.argsort(np.abs(inner - best))[:1]]), [best])
    return [int(n) for n in chosen], best


def _film(label: str, run: pd.Series, history: Archive, found: Histories) -> Film | None:
    drawn = layout_of(history)
    size = sum(panel.cells[:, :, 0].size for panel in drawn.panels) * (2 * len(drawn.actions) + 1)
    count = min(CHECKPOINTS, BYTES // size)
    if count < FEWEST:
        return None
    wanted, best = chosen_episodes(history, run, found, count)
    judged = found.get(("eval/return_mean", run["run_id"]), (np.empty(0), np.empty(0)))
    scores = dict(zip((judged[0] + 1).astype(int).tolist(), judged[1].tolist(), strict=True))
    episodes, values, greedy = [], [], []
    for n, table in history.tables(wanted):
        episodes.append(n)
        values.append(np.concatenate([_flat(panel, table) for panel in drawn.panels]))
        greedy.append(
            np.concatenate([panel.greedy(table).ravel() for panel in drawn.panels]).astype(np.uint8)
        )
    return Film(
        label=label,
        run=str(run["name"]),
        run_id=str(run["run_id"]),
        layout=drawn,
        episodes=tuple(episodes),
        values=tuple(values),
        greedy=tuple(greedy),
        scores=tuple(scores.get(n, float("nan")) for n in episodes),
        best=episodes.index(best),
    )


def embedded(film: Film) -> dict[str, Any]:
    """A film as the page's script reads it: plain values, arrays as base64 of little-endian numbers.

    Of every checkpoint, panel by panel, column by column from the left, cells from the bottom: greedy, the
    number of the greedy action (uint8), and values, of each action, in steps from low to high (uint16).
    """
    low = float(min(values.min() for values in film.values))
    high = float(max(values.max() for values in film.values))
    step = (high - low) / LEVELS or 1.0
    return {
        "label": film.label,
        "run": film.run,
        "actions": list(film.layout.actions),
        "arrows": [_arrow(name) for name in film.layout.actions],
        "fixed": film.layout.fixed,
        "panels": [_panel(panel) for panel in film.layout.panels],
        "checkpoints": [name_of(n) for n in film.episodes],
        "episodes": list(film.episodes),
        "scores": [None if np.isnan(score) else round(score, 4) for score in film.scores],
        "best": film.best,
        "low": low,
        "step": step,
        "values": [_text(((values - low) / step).round().astype("<u2")) for values in film.values],
        "greedy": [_text(actions) for actions in film.greedy],
    }


def _flat(panel: Panel, table: QTable) -> Values:
    return panel.action_values(table).reshape(-1, table.shape[-1])


def _text(values: npt.NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode()


def _panel(panel: Panel) -> dict[str, Any]:
    features = panel.map
    return {
        "x": _axis(panel.x),
        "y": _axis(panel.y),
        "fixed": panel.fixed,
        "signs": None if features is None else features.signs.ravel().tolist(),
        "ends": None if features is None else features.ends.ravel().astype(int).tolist(),
        "walls": None if features is None else [[*start, *end] for start, end in features.walls],
    }


def _axis(axis: PanelAxis) -> dict[str, Any]:
    return {"name": axis.name, "edges": [float(f"{edge:.6g}") for edge in axis.edges], "labels": axis.labels}


def _arrow(action: str) -> str:
    """The sign of an action that leads somewhere on a map; its initial otherwise."""
    signs: dict[Sequence[int], str] = {(-1, 0): "←", (1, 0): "→", (0, -1): "↓", (0, 1): "↑"}
    return signs[ARROWS[action]] if action in ARROWS else action[:1].upper()
