"""`qsweep.compare`: two runs side by side in a notebook."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qsweep.commands.api.run import Run
from qsweep.report.displays import titled
from qsweep.report.pair import views
from qsweep.report.pair.pair import CellShares, Difference, Pair, pair
from qsweep.report.pair.rows import sentences
from qsweep.tracking.store import open_store

if TYPE_CHECKING:  # slow to import
    import pandas as pd


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two runs side by side; a notebook shows configs, results, curves and where the Q-tables differ."""

    pair: Pair

    @property
    def config(self) -> pd.DataFrame:
        """The configs: one row per key, a column per run (first, second), and whether they differ."""
        import pandas as pd

        rows = {row.key: (*row.values, row.differs) for row in self.pair.configs}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["first", "second", "differs"])

    @property
    def difference(self) -> Difference | None:
        """The second score minus the first, with its interval; None if they cannot be compared."""
        return self.pair.difference

    @property
    def cells(self) -> CellShares | None:
        """The shares of cells whose greedy action differs; None if the tables have different cells."""
        return self.pair.shares

    def __repr__(self) -> str:
        return "\n".join(sentences(self.pair))

    def _repr_html_(self) -> str:
        first, second = (side.name for side in self.pair.sides)
        return titled(f"{first} and {second}", views.html(self.pair))


def compare(first: str | Run, second: str | Run, uri: str = "auto") -> Comparison:
    """Compare two runs: configs, scores with intervals, learning curves and Q-tables.

    first, second: runs, or names as `load_run` takes them. uri: the store. Raises UsageError if a name is
    unknown, or both are the same checkpoint of a run.
    """
    names = (_name(first), _name(second))
    store = next((each.store for each in (first, second) if isinstance(each, Run)), None)
    return Comparison(pair(store or open_store(uri, create=False), names))


def _name(run: str | Run) -> str:
    return run if isinstance(run, str) else f"{run.run_id}/{run.checkpoint}"
