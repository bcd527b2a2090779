"""The code of a registered model, which contains a copy of this file; it needs only numpy and pandas."""

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class GreedyPolicy(PythonModel):
    """A Q-table on a grid of buckets, read from q_table.npy and policy.json."""

    def load_context(self, context: PythonModelContext) -> None:
        """Read the model's files."""
        with open(context.artifacts["policy"]) as file:
            self._policy: dict[str, Any] = json.load(file)
        table = np.load(context.artifacts["q_table"], allow_pickle=False)
        self._q: npt.NDArray[np.float64] = table.reshape(-1, table.shape[-1])

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the greedy actions, in the environment's numbering, and the values of all actions.

        model_input: numbers [n, dimensions], as a frame, an array or a list of lists. Returns the
        columns action (int64) and q_0 to q_{A-1} (float64). Raises ValueError for another shape and
        for NaN.
        """
        values = self._q[self._cells(np.asarray(model_input, np.float64))].sum(axis=1)
        action = values.argmax(axis=1) + self._policy["first_action"]
        return pd.DataFrame({"action": action, **{f"q_{a}": column for a, column in enumerate(values.T)}})

    def _cells(self, observations: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
        """Return the flat index of each observation's cell in every tiling, int64[n, tilings]."""
        low, high, buckets = (np.array(self._policy[key]) for key in ("low", "high", "buckets"))
        if observations.ndim != 2 or observations.shape[1] != len(buckets):
            raise ValueError(f"observations must be [n, {len(buckets)}]; given {list(observations.shape)}")
        missing = np.isnan(observations).any(axis=1)
        if missing.any():
            raise ValueError(f"observations must be numbers; NaN in row {int(missing.argmax())}")
        with np.errstate(over="ignore"):  # infinity belongs to an outer bucket, like all values out of bounds
            scaled = (observations - low) * (buckets / (high - low))
        if self._policy["tilings"] > 1:
            return self._tiles(np.clip(scaled, 0, buckets), buckets)
        places = np.clip(scaled, 0, buckets - 1).astype(np.int64)
        if self._policy["learned"]:
            columns = zip(self._policy["learned"], observations.T, strict=True)
            places = np.stack([np.searchsorted(edges, x, "right") for edges, x in columns], axis=1)
        cells: npt.NDArray[np.int64] = np.ravel_multi_index(tuple(places.T), tuple(buckets))
        return cells[:, np.newaxis]

    def _tiles(self, scaled: Any, buckets: Any) -> npt.NDArray[np.int64]:
        shifted = scaled[:, np.newaxis] + np.array(self._policy["offsets"])
        tiling = np.broadcast_to(np.arange(self._policy["tilings"]), shifted.shape[:2])
        places = (tiling, *np.moveaxis(shifted.astype(np.int64), 2, 0))
        cells: npt.NDArray[np.int64] = np.ravel_multi_index(places, (self._policy["tilings"], *(buckets + 1)))
        return cells


set_model(GreedyPolicy())
