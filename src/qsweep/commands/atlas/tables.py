"""Tables over all environments of the atlas: one setting for all, and the reported runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from qsweep.commands.atlas.results import Page


@dataclass(frozen=True)
class OneSetting:
    """The setting of an algorithm with the highest mean over all environments, on the tuning seeds.

    setting: its overrides in the first environment. mean: its mean score on the scale, over environments.
    tuned: the mean of the best setting of each environment, on the same seeds.
    """

    setting: str
    mean: float
    tuned: float


def one_setting(pages: Sequence[Page], algorithm: str) -> OneSetting:
    """Return the best single setting of an algorithm for all environments.

    A trial of a number has the same learning rate, epsilon, discount and own keys of the algorithm in every
    environment: its discretisation differs.
    """
    scores, trials = [], pd.DataFrame()
    for page in pages:
        for result in page.results:
            if result.cell.algorithm == algorithm:
                trials = result.trials if trials.empty else trials
                normalised = page.scale.of(result.trials["mean"].to_numpy(np.float64))
                scores.append(pd.Series(normalised, index=result.trials["trial"]))
    table = pd.concat(scores, axis=1, join="inner")  # without trials that failed somewhere
    means = table.mean(axis=1)
    best = means.idxmax()
    setting = str(trials.loc[trials["trial"] == best, "setting"].iloc[0])
    return OneSetting(setting, float(means.max()), float(table.max().mean()))


def table_of_runs(pages: Sequence[Page]) -> pd.DataFrame:
    """Return one row per reported run: where, with which seed and config, its scores, steps and cost."""
    return pd.DataFrame(list(_rows(pages)))


def _rows(pages: Sequence[Page]) -> Iterator[Mapping[str, object]]:
    for page in pages:
        for result in page.results:
            normalised = page.scale.of(result.scores)
            for number in range(len(result.scores)):
                yield {
                    "environment": page.entry.name,
                    "algorithm": result.cell.algorithm,
                    "seed": int(result.seeds[number]),
                    "score": float(result.scores[number]),
                    "normalised": float(normalised[number]),
                    "steps": int(result.runs["train/steps"].iloc[number]),
                    "cost": float(result.costs[number]) if result.reached[number] else np.nan,
                    "config": str(result.runs["config"].iloc[number]),
                }
