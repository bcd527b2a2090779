"""Q-tables of the leading variants' best runs at some checkpoints, small enough to embed in a page."""

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
"""Number of leading variants of which a run is shown."""
CHECKPOINTS = 25
"""Maximum number of checkpoints shown of a run."""
FEWEST = 3
"""A run with room for fewer checkpoints is not shown."""
BYTES = 600_000
"""Size limit of a run's tables in the page, before base64 encoding."""
LEVELS = 2**16 - 1
"""Number of quantisation steps for values in the page."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class QTableSeries:
    """A run's Q-tables at n checkpoints, as they are drawn.

    episodes [n]: trained so far. values [n]: action values of each cell, panel by panel,
    float64[cells, actions]. greedy [n]: number of the greedy action, uint8[cells]. scores [n]: on validation
    starts, NaN where not evaluated. best: index of the chosen checkpoint.
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


def q_table_series(study: Study, found: Histories, store: Store) -> list[QTableSeries]:
    """Return the Q-tables of each leading variant's best run, if readable and not too large."""
    made = []
    for label in study.labels[:VARIANTS]:
        run = study.best_run(label)
        try:
            with archive(store, run["run_id"], run["artifacts"]) as history:
                series = _series(label, run, history, found)
        except UsageError:
            continue
        if series:
            made.append(series)
    return made


def layout_of(history: Archive) -> Layout:
    """Return the layout in which a run's tables are drawn."""
    # The shown slices depend on the visited cells; tables of two dimensions have no slices.
    changes = history.changes() if len(history.shape) > 3 else None
    return layout(setting_of_archive(history), changes)


def chosen_episodes(history: Archive, run: pd.Series, found: Histories, count: int) -> tuple[list[int], int]:
    """Return at most `count` evenly spaced checkpoints of a run, and the best one.

    Evaluated checkpoints are preferred. The first, the best and the last are always among them.
    """
    there = history.episodes()
    evaluated, _ = found.get(("eval/return_mean", run["run_id"]), (np.empty(0), None))
    offered = np.union1d(np.intersect1d(there, evaluated + 1), there[[0, -1]]) if len(evaluated) else there
    best = int(run["best_episode"]) if pd.notna(run.get("best_episode", np.nan)) else int(there[-1])
    best = best if best in there else int(there[-1])
    places = np.linspace(0, len(offered) - 1, min(count, len(offered))).round().astype(int)
    chosen = offered[places].astype(np.int64)
    if best not in chosen:  # it replaces the nearest inner one
        inner = chosen[1:-1]
        chosen = np.union1d(np.setdiff1d(chosen, inner[np.argsort(np.abs(inner - best))[:1]]), [best])
    return [int(n) for n in chosen], best


def _series(label: str, run: pd.Series, history: Archive, found: Histories) -> QTableSeries | None:
    drawn = layout_of(history)
    size = sum(panel.cells[:, :, 0].size for panel in drawn.panels) * (2 * len(drawn.actions) + 1)
    count = min(CHECKPOINTS, BYTES // size)
    if count < FEWEST:
        return None
    shown, best = chosen_episodes(history, run, found, count)
    evaluated = found.get(("eval/return_mean", run["run_id"]), (np.empty(0), np.empty(0)))
    scores = dict(zip((evaluated[0] + 1).astype(int).tolist(), evaluated[1].tolist(), strict=True))
    episodes, values, greedy = [], [], []
    for n, table in history.tables(shown):
        episodes.append(n)
        values.append(np.concatenate([_flat(panel, table) for panel in drawn.panels]))
        greedy.append(
            np.concatenate([panel.greedy(table).ravel() for panel in drawn.panels]).astype(np.uint8)
        )
    return QTableSeries(
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


def embedded(series: QTableSeries) -> dict[str, Any]:
    """Return Q-tables as the page's script reads them: plain values, arrays as base64 (little-endian).

    Arrays of each checkpoint, by panel, column from the left, cell from the bottom: greedy, the number of
    the greedy action (uint8), and values, those of each action in steps of `step` above `low` (uint16).
    """
    low = float(min(values.min() for values in series.values))
    high = float(max(values.max() for values in series.values))
    step = (high - low) / LEVELS or 1.0
    return {
        "label": series.label,
        "run": series.run,
        "actions": list(series.layout.actions),
        "arrows": [_arrow(name) for name in series.layout.actions],
        "fixed": series.layout.fixed,
        "panels": [_panel(panel) for panel in series.layout.panels],
        "checkpoints": [name_of(n) for n in series.episodes],
        "episodes": list(series.episodes),
        "scores": [None if np.isnan(score) else round(score, 4) for score in series.scores],
        "best": series.best,
        "low": low,
        "step": step,
        "values": [_text(((values - low) / step).round().astype("<u2")) for values in series.values],
        "greedy": [_text(actions) for actions in series.greedy],
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
    """Return the arrow of an action that moves on a map, otherwise the action's initial."""
    signs: dict[Sequence[int], str] = {(-1, 0): "←", (1, 0): "→", (0, -1): "↓", (0, 1): "↑"}
    return signs[ARROWS[action]] if action in ARROWS else action[:1].upper()
