"""Q-tables of the leading variants' best runs at some checkpoints, small enough to embed in a page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from qsweep.environments.facts import ARROWS
from qsweep.environments.grid import without_rounding
from qsweep.environments.resolved import Setting
from qsweep.errors import UsageError
from qsweep.pictures.layouts import layout
from qsweep.pictures.surfaces import Layout, Panel, PanelAxis
from qsweep.policies.setting import setting_of_archive
from qsweep.report.comparison.studies import Study
from qsweep.report.loading.archives import archive, visits_of
from qsweep.report.loading.curves import Histories
from qsweep.report.play_data import play_data
from qsweep.system.arrays import QTable
from qsweep.tracking.checkpoints import Archive, name_of
from qsweep.tracking.store import Store
from qsweep.tracking.visits import Visits

VARIANTS = 3
"""Number of leading variants of which a run is shown."""
CHECKPOINTS = 25
"""Maximum number of checkpoints shown of a run."""
FEWEST = 3
"""A run with room for fewer checkpoints is not shown."""
BYTES = 600_000
"""Size limit of a run's tables in the page, before base64 encoding."""
PLAY_BYTES = 600_000
"""Size limit of the exact tables with which the page plays, uncompressed; larger ones are only shown."""
LEVELS = 2**16 - 1
"""Number of quantisation steps for values in the page."""
MOST_VISITS = 2**32 - 1


def q_table_series(study: Study, found: Histories, store: Store) -> list[dict[str, Any]]:
    """Return the Q-tables of each leading variant's best run, if readable and not too large.

    They are plain values, as the page's script reads them; arrays are base64 (little-endian). Arrays of each
    checkpoint, by panel, column from the left, cell from the bottom: greedy, the number of the greedy action
    (uint8), and values, those of each action in steps of `step` above `low` (uint16). best: index of the
    chosen checkpoint.
    """
    made = []
    for label in study.labels[:VARIANTS]:
        run = study.best_run(label)
        with suppress(UsageError), archive(store, run["run_id"], run["artifacts"]) as history:
            drawn = layout_of(history)
            size = sum(panel.cells[:, :, 0].size for panel in drawn.panels) * (2 * len(drawn.actions) + 1)
            count = min(CHECKPOINTS, BYTES // size)
            if count >= FEWEST:
                shown = chosen_episodes(history, run, found, count)
                visits = visits_of(store, str(run["run_id"]), run["artifacts"], history.shape[:-1])
                made.append(_series(label, run, history, drawn, shown, found, visits))
    return made


def layout_of(history: Archive) -> Layout:
    """Return the layout in which a run's tables are drawn."""
    # The shown slices depend on the visited cells; tables of two dimensions have no slices.
    changes = history.changes(complete=False) if len(history.shape) > 3 else None
    return layout(setting_of_archive(history), changes)


def best_checkpoint(history: Archive, run: pd.Series) -> int:
    """Return the checkpoint that a run's score belongs to, in episodes; the last one if none was chosen."""
    there = history.episodes().tolist()
    best = run.get("best_episode", there[-1])
    return int(best if best in there else there[-1])


def chosen_episodes(history: Archive, run: pd.Series, found: Histories, count: int) -> list[int]:
    """Return at most `count` evenly spaced checkpoints of a run, in episodes.

    Evaluated checkpoints are preferred. The first, the best and the last are always among them.
    """
    there = history.stored
    evaluated, _ = found.get(("eval/return_mean", run["run_id"]), (np.empty(0), None))
    offered = np.union1d(np.intersect1d(there, evaluated + 1), there[[0, -1]]) if len(evaluated) else there
    best = best_checkpoint(history, run)
    places = np.linspace(0, len(offered) - 1, min(count, len(offered))).round().astype(int)
    chosen = offered[places].astype(np.int64)
    if best not in chosen:  # it replaces the nearest inner one
        inner = chosen[1:-1]
        chosen = np.union1d(np.setdiff1d(chosen, inner[np.argsort(np.abs(inner - best))[:1]]), [best])
    return [int(n) for n in chosen]


def _series(
    label: str,
    run: pd.Series,
    history: Archive,
    drawn: Layout,
    shown: Sequence[int],
    found: Histories,
    visits: Visits | None,
) -> dict[str, Any]:
    evaluated, scores = found.get(("eval/return_mean", run["run_id"]), (np.empty(0), np.empty(0)))
    score_of = dict(zip((evaluated + 1).astype(int).tolist(), scores.tolist(), strict=True))
    made = table_series(
        setting_of_archive(history),
        drawn,
        history.tables(shown),
        best_checkpoint(history, run),
        int(history.about["config"]["evaluation"]["test_episodes"]),
        history.changes() if visits is None else visits,
        "changes" if visits is None else "visits",
    )
    made["scores"] = [round(score_of[n], 4) if n in score_of else None for n in made["episodes"]]
    return {"label": label, "run": str(run["name"]), **made}


def table_series(
    setting: Setting,
    drawn: Layout,
    tables: Iterable[tuple[int, QTable]],
    best: int,
    test_episodes: int,
    visits: Visits | None = None,
    counted: str = "visits",
) -> dict[str, Any]:
    """Return a series of Q-tables, as `q_table_series` describes it, and what the page needs to play them.

    tables: Q-tables by their number of episodes, ascending; best: the number of the chosen one, which is
    among them. None has a score yet. test_episodes: the run's number of test starts. visits: of each cell
    [cells...], by the end of training; None: unknown. counted: what these are, "visits" or "changes", which
    are checkpoints at which a cell had changed.
    """
    values, exact = {}, {}
    for n, table in tables:
        values[n] = np.concatenate(
            [panel.action_values(table).reshape(-1, table.shape[-1]) for panel in drawn.panels]
        )
        if table.nbytes <= PLAY_BYTES:
            exact[n] = table.copy()
    every = np.concatenate(list(values.values()))
    low, high = float(every.min()), float(every.max())
    step = (high - low) / LEVELS or 1.0
    return {
        "actions": list(drawn.actions),
        "arrows": [_arrow(name) for name in drawn.actions],
        "fixed": drawn.fixed,
        "panels": [_panel(panel) for panel in drawn.panels],
        "checkpoints": [name_of(n) for n in values],
        "episodes": list(values),
        "scores": [None] * len(values),
        "best": list(values).index(best),
        "low": low,
        "step": step,
        "values": [_text(((of_one - low) / step).round().astype("<u2")) for of_one in values.values()],
        "counted": counted,
        "visits": None if visits is None else _visits(drawn, visits),
        "greedy": [_text(of_one.argmax(axis=1).astype(np.uint8)) for of_one in values.values()],
        "play": play_data(setting, drawn, _small_enough(exact, best), test_episodes) if exact else None,
    }


def _small_enough(tables: Mapping[int, QTable], best: int) -> dict[int, QTable | None]:
    """Return None in place of all tables but the best and as many others as PLAY_BYTES has room for."""
    room = PLAY_BYTES // tables[best].nbytes - 1
    kept = {best, *evenly([*tables], max(room, 0))}
    return {n: table if n in kept else None for n, table in tables.items()}


def evenly(numbers: Sequence[int], count: int) -> list[int]:
    """Return at most `count` evenly spaced ones of some numbers."""
    places = np.linspace(0, len(numbers) - 1, min(count, len(numbers))).round().astype(int)
    return [numbers[place] for place in places.tolist()]


def _visits(drawn: Layout, visits: Visits) -> str:
    """Return the visits of the cells of all panels, at most MOST_VISITS of each."""
    panels = [panel.counts(visits).ravel() for panel in drawn.panels]
    return _text(np.minimum(np.concatenate(panels), MOST_VISITS).astype("<u4"))


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
    width = float(np.diff(axis.edges).min())
    edges = [float(f"{without_rounding(edge, width):.6g}") for edge in axis.edges]
    return {"name": axis.name, "edges": edges, "labels": axis.labels}


def _arrow(action: str) -> str:
    """Return the arrow of an action that moves on a map, otherwise the action's initial."""
    signs: dict[Sequence[int], str] = {(-1, 0): "←", (1, 0): "→", (0, -1): "↓", (0, 1): "↑"}
    return signs[ARROWS[action]] if action in ARROWS else action[:1].upper()
