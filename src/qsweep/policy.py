"""A Q-table with all that is needed to act on it, kept as a folder that plays without qsweep."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import yaml

from qsweep.checkpoints import Archive, QTable, name_of, sha256
from qsweep.config import Env
from qsweep.discretizer import Grid, cell_of
from qsweep.problems import Problem, UsageError

TABLE, RECORD, CONFIG, README = "q_table.npy", "policy.json", "config.yaml", "README.md"
ORIGIN = {"run_id", "run_name", "checkpoint", "sha256", "metrics"}

PAGE = """\
# {env}: a greedy policy

The Q-table of checkpoint `{checkpoint}` of the qsweep run `{run_name}` (`{run_id}`).
{scores}
- `{TABLE}`: float64{shape}, one axis per dimension of the observation, the last one for the actions
- `{RECORD}`: the environment, the buckets, and where the table comes from. An observation lies in
  bucket k of a dimension where edges[k] <= x < edges[k + 1]; what is out of bounds, in the outer ones.
- `{CONFIG}`: the configuration that the table was trained with
- `model/`, if it lies here: the same policy as an MLflow model;
  `mlflow models serve --env-manager local -m model` answers `{{"inputs": [[...]]}}` on /invocations

To play it, in this folder, with numpy and gymnasium:

```python
import json, gymnasium, numpy as np
policy, q_table = json.load(open("{RECORD}")), np.load("{TABLE}")
def act(observation):
    cell = {cell}
    return policy["first_action"] + int(q_table[tuple(cell)].argmax())
env = gymnasium.make(policy["env"], max_episode_steps=policy["max_steps"], **policy["kwargs"])
observation, _ = env.reset(seed=0)
total, over = 0, False
while not over:
    observation, reward, terminated, truncated, _ = env.step(act(observation))
    total, over = total + reward, terminated or truncated
print("return", total)
```
"""
CELL_OF_NUMBERS = "[np.searchsorted(e[1:-1], x, 'right') for e, x in zip(policy['edges'], observation.flat)]"
CELL_OF_DISCRETE = "np.ravel(observation) - np.array(policy['low'], int)"


@dataclass(frozen=True, eq=False)
class Policy:
    """The greedy policy of a Q-table.

    q_table: float64[buckets..., actions] on `grid`. first_action: what the environment calls action
    0. config: the resolved config it was trained with, as plain values. origin: run_id, run_name,
    checkpoint, sha256 (of the table) and metrics (of the run, where they are this checkpoint's).
    """

    q_table: QTable
    grid: Grid
    env_id: str
    kwargs: Mapping[str, Any]
    max_steps: int
    first_action: int
    config: Mapping[str, Any]
    origin: Mapping[str, Any]

    @classmethod
    def from_checkpoint(
        cls,
        archive: Archive,
        checkpoint: str,
        run_id: str = "",
        run_name: str = "",
        metrics: Mapping[str, float] | None = None,
    ) -> Self:
        """The policy of one checkpoint of a run's archive.

        Raises UsageError where there is no such checkpoint, the archive is damaged, or its
        environment cannot be made here.
        """
        from qsweep.environments import describe  # gymnasium, which loading a folder does without

        with readable("checkpoints"):
            config, grid = archive.about["config"], _grid(archive.about["grid"])
            env = _env(config["env"]["id"], config["env"])
            found = describe(env)
            _check(archive.shape == (*grid.buckets, found.actions), f"its tables have shape {archive.shape}")
            table = archive.q_table(checkpoint)
        origin = {
            "run_id": run_id,
            "run_name": run_name,
            "checkpoint": name_of(int(checkpoint.removeprefix("ep"))),
            "sha256": sha256(table),
            "metrics": {key: value for key, value in (metrics or {}).items() if math.isfinite(value)},
        }
        assert env.max_steps is not None
        return cls(table, grid, env.id, env.kwargs, env.max_steps, found.first_action, config, origin)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; nothing in the folder is run.

        Raises UsageError where a file is missing or malformed, or they do not belong together.
        """
        with readable(RECORD):
            record = json.loads((folder / RECORD).read_bytes())
            grid = _grid(record)
            env = _env(record["env"], record)
            actions, first_action, origin = record["actions"], record["first_action"], record["origin"]
            whole = all(isinstance(n, int) for n in (env.max_steps, actions, first_action))
            _check(whole, "max_steps, actions and first_action must be whole numbers")
            _check(origin.keys() >= ORIGIN, f"origin must have {', '.join(sorted(ORIGIN))}")
        with readable(TABLE):
            table = _table(folder / TABLE, (*grid.buckets, actions))
            _check(sha256(table) == origin["sha256"], f"it is not the table that {RECORD} tells of")
        with readable(CONFIG):
            config = yaml.safe_load((folder / CONFIG).read_text())
            same = config["env"]["id"] == env.id and "low" in config["env"]
            _check(same, f"it is not the config that {RECORD} tells of")
        assert env.max_steps is not None
        return cls(table, grid, env.id, env.kwargs, env.max_steps, first_action, config, origin)

    def save(self, folder: Path) -> None:
        """Write q_table.npy, policy.json, config.yaml and a README.md into an existing folder."""
        record = {
            "env": self.env_id,
            "kwargs": dict(self.kwargs),
            "max_steps": self.max_steps,
            "actions": self.actions,
            "first_action": self.first_action,
            "buckets": self.grid.buckets,
            "low": self.grid.low,
            "high": self.grid.high,
            "edges": bucket_edges(self.grid),
            "origin": dict(self.origin),
        }
        np.save(folder / TABLE, np.ascontiguousarray(self.q_table, "<f8"), allow_pickle=False)
        lines = (f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in record.items())
        (folder / RECORD).write_text("{\n  " + ",\n  ".join(lines) + "\n}\n")
        (folder / CONFIG).write_text(yaml.safe_dump(dict(self.config), sort_keys=False))
        (folder / README).write_text(self._page())

    def _page(self) -> str:
        scores = "".join(f"- {key}: {value:.6g}\n" for key, value in self.origin["metrics"].items())
        return PAGE.format(
            **{key: self.origin[key] for key in ("checkpoint", "run_name", "run_id")},
            TABLE=TABLE,
            RECORD=RECORD,
            CONFIG=CONFIG,
            env=self.env_id,
            shape=list(self.q_table.shape),
            scores=scores and f"\nOn test starts, which training never saw:\n\n{scores}",
            cell=CELL_OF_DISCRETE if self.config["env"]["low"] is None else CELL_OF_NUMBERS,
        )

    @property
    def actions(self) -> int:
        """How many actions there are."""
        return int(self.q_table.shape[-1])

    @cached_property
    def _greedy(self) -> list[int]:
        best: list[int] = self.q_table.reshape(self.grid.cells, -1).argmax(axis=1).tolist()
        return best

    def act(self, observation: Sequence[float]) -> int:
        """The environment's greedy action; the first of the best where several are.

        observation: one number per dimension (`Description.encode` gives it). Raises ValueError where
        it has another length or a number is NaN.
        """
        if len(observation) != len(self.grid.buckets) or any(math.isnan(x) for x in observation):
            raise ValueError(f"{len(self.grid.buckets)} numbers, none NaN, are needed; given {observation}")
        cell = cell_of(observation, self.grid.low, self.grid.scale, self.grid.buckets)
        return self._greedy[cell] + self.first_action


def bucket_edges(grid: Grid) -> list[list[float]]:
    """Where the buckets of each dimension begin and end: one number more than there are buckets.

    They are exact: each inner edge is the least float64 that `cell_of` puts above it, which rounding
    may leave a hair off the evenly spaced one.
    """
    bounds = zip(grid.low, grid.high, grid.scale, grid.buckets, strict=True)
    return [[low, *_inner_edges(low, high, scale, n), high] for low, high, scale, n in bounds]


def _inner_edges(low: float, high: float, scale: float, buckets: int) -> list[float]:
    numbers = np.arange(1, buckets)
    below, above = np.full(buckets - 1, low), np.full(buckets - 1, high)
    while True:  # bisect until no float64 lies between
        middle = below + (above - below) / 2
        if ((middle <= below) | (middle >= above)).all():
            edges: list[float] = above.tolist()
            return edges
        reached = (middle - low) * scale >= numbers
        below, above = np.where(reached, below, middle), np.where(reached, middle, above)


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Make whatever goes wrong in reading a file from elsewhere a UsageError about `what`."""
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # a damaged file makes its reader raise many kinds
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        rule = "is missing or damaged, or was not written by qsweep"
        raise UsageError([Problem(what, rule, reason, "pull or train it again")]) from error


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _env(env_id: str, values: Mapping[str, Any]) -> Env:
    return Env(env_id, max_steps=values["max_steps"], kwargs=values["kwargs"])


def _grid(values: Mapping[str, Any]) -> Grid:
    grid = Grid(tuple(map(float, values["low"])), tuple(map(float, values["high"])), tuple(values["buckets"]))
    bounds = list(zip(grid.low, grid.high, grid.buckets, strict=True))
    sound = all(isinstance(n, int) and n > 0 and -math.inf < a < b < math.inf for a, b, n in bounds)
    _check(bool(bounds) and sound, "low, high and buckets do not make a grid")
    return grid


def _table(path: Path, shape: tuple[int, ...]) -> QTable:
    """The table of an .npy file of this shape, whose size is known to be right before it is read."""
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    fits = isinstance(mapped, np.ndarray) and mapped.shape == shape and mapped.dtype == np.dtype("<f8")
    _check(fits, f"it must be float64{list(shape)}")
    table: QTable = np.array(mapped, np.float64, order="C")
    return table
