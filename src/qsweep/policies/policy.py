"""A Q-table with all that is needed to act on it; its folder can be played without qsweep."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import yaml

from qsweep.config import Env
from qsweep.environments.grid import Grid, bucket_edges, cells_at, recorded_grid
from qsweep.errors import Problem, UsageError, one_line, printable
from qsweep.policies.readme import page
from qsweep.system.arrays import QTable
from qsweep.system.untrusted_files import disk_failed, opened, read_json, read_yaml
from qsweep.tracking.checkpoints import Archive, name_of, sha256

if TYPE_CHECKING:
    from qsweep.environments.resolved import Setting  # gymnasium

TABLE, RECORD, CONFIG, README = "q_table.npy", "policy.json", "config.yaml", "README.md"
PICKLE = "q-learning.pkl"
"""The file of a policy that Hugging Face's course makes; `qsweep export` writes it, nothing reads it."""
WRITTEN = {"max_steps": "max_steps", "kwargs": "kwargs", "actions": "discretised", "wrapper": "wrapper"}
"""Key of an environment in a config -> its name in the record, where `actions` is their number."""
ORIGIN = {"run_id", "run_name", "checkpoint", "sha256", "metrics"}


@dataclass(frozen=True, eq=False)
class Policy:
    """The greedy policy of a Q-table.

    q_table: float64[grid's shape..., actions]. env: the environment it acts in. first_action: the
    environment's number of action 0. config: the resolved training config, as plain values. origin:
    run_id, run_name, checkpoint, sha256 (of the table) and metrics (of the run, if they belong to this
    checkpoint).
    """

    q_table: QTable
    grid: Grid
    env: Env
    first_action: int
    config: Mapping[str, Any]
    origin: Mapping[str, Any]

    @property
    def env_id(self) -> str:
        """The environment's id."""
        return self.env.id

    @property
    def came_from(self) -> str:
        """Its checkpoint in words, and its version if it is registered."""
        origin = self.origin
        version = f", registered as {origin['model']}/{origin['version']}" if "model" in origin else ""
        return f"checkpoint {origin['checkpoint']} of run {origin['run_name']} ({origin['run_id']}){version}"

    @property
    def title(self) -> str:
        """Its checkpoint and run, as pictures name it."""
        return f"{self.origin['checkpoint']} of run {self.origin['run_name']}"

    @property
    def discrete(self) -> bool:
        """True if the observations are integers."""
        return self.config["env"]["low"] is None

    @classmethod
    def from_checkpoint(
        cls,
        archive: Archive,
        checkpoint: str,
        run_id: str = "",
        run_name: str = "",
        metrics: Mapping[str, float] | None = None,
    ) -> Self:
        """Return the policy of one checkpoint of a run's archive.

        Raises UsageError if there is no such checkpoint, the archive is damaged, or its
        environment cannot be made here.
        """
        from qsweep.policies.setting import (
            setting_of_archive,
        )  # imports gymnasium, which `load` does not need

        with readable("checkpoints"):
            setting = setting_of_archive(archive)
            config = archive.about["config"]
            table = archive.q_table(checkpoint)
        origin = {
            "run_id": run_id,
            "run_name": run_name,
            "checkpoint": name_of(int(checkpoint.removeprefix("ep"))),
            "sha256": sha256(table),
            "metrics": {key: value for key, value in (metrics or {}).items() if math.isfinite(value)},
        }
        return cls(table, setting.grid, setting.env, setting.description.first_action, config, origin)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote; no code in the folder is run.

        Raises UsageError if a file is missing or malformed, or the files do not belong together.
        """
        if (folder / PICKLE).exists() and not (folder / RECORD).exists():
            rule = f"has its Q-table only in {PICKLE}, which may run any code when it is loaded"
            raise UsageError([Problem("name", rule, str(folder), f"qsweep reads {RECORD} and {TABLE}")])
        with readable(RECORD):
            record = read_json(folder / RECORD)
            grid = recorded_grid(record, "learned")
            written = {key: record[WRITTEN[key]] for key in WRITTEN}
            env = Env(record["env"], **written, reset_options=record.get("reset_options", {}))
            actions, first_action, origin = record["actions"], record["first_action"], record["origin"]
            integers = all(isinstance(n, int) for n in (env.max_steps, actions, first_action))
            _check(integers, "max_steps, actions and first_action must be whole numbers")
            _check(origin.keys() >= ORIGIN, f"origin must have {', '.join(sorted(ORIGIN))}")
            origin = _plain_origin(origin)
        with readable(TABLE):
            table = _table(folder / TABLE, (*grid.shape, actions))
            _check(sha256(table) == origin["sha256"], f"it is not the table described in {RECORD}")
        with readable(CONFIG):
            config = read_yaml(folder / CONFIG)
            same = config["env"]["id"] == env.id and "low" in config["env"]
            _check(same, f"it is not the config described in {RECORD}")
        return cls(table, grid, env, first_action, config, origin)

    def save(self, folder: Path) -> None:
        """Write q_table.npy, policy.json, config.yaml and a README.md into an existing folder."""
        record = {
            "env": self.env_id,
            **{name: getattr(self.env, key) for key, name in WRITTEN.items()},
            **({"reset_options": self.env.reset_options} if self.env.reset_options else {}),
            "actions": self.actions,
            "first_action": self.first_action,
            "buckets": self.grid.buckets,
            "low": self.grid.low,
            "high": self.grid.high,
            "edges": bucket_edges(self.grid),
            "learned": self.grid.edges,
            "tilings": self.grid.tilings,
            "offsets": self.grid.offsets.tolist(),
            "origin": dict(self.origin),
        }
        np.save(folder / TABLE, np.ascontiguousarray(self.q_table, "<f8"), allow_pickle=False)
        lines = (f"{json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in record.items())
        (folder / RECORD).write_text("{\n  " + ",\n  ".join(lines) + "\n}\n")
        (folder / CONFIG).write_text(yaml.safe_dump(dict(self.config), sort_keys=False))
        (folder / README).write_text(page(self.env, self.grid, self.actions, self.discrete, self.origin))

    def setting(self) -> Setting:
        """Return the environment and grid that it acts in.

        Raises UsageError if the environment cannot be made here, or has another shape here.
        """
        from qsweep.policies.setting import setting_of_policy

        return setting_of_policy(self.env, self.grid, self.actions, self.first_action)

    @property
    def actions(self) -> int:
        """The number of actions."""
        return int(self.q_table.shape[-1])

    @cached_property
    def _rows(self) -> QTable:
        return self.q_table.reshape(self.grid.cells, -1)

    def act(self, observation: Sequence[float]) -> int:
        """Return the greedy action, in the environment's numbering; the first of several best ones.

        observation: one number per dimension, as `Description.encode` returns. Raises ValueError if
        it has another length or contains NaN.
        """
        if len(observation) != len(self.grid.buckets) or any(math.isnan(x) for x in observation):
            raise ValueError(
                f"an observation must be {len(self.grid.buckets)} numbers without NaN; given {observation}"
            )
        cells = cells_at(self.grid, np.array([observation], np.float64))[0]
        return int(self._rows[cells].sum(axis=0).argmax()) + self.first_action


@contextmanager
def readable(what: str) -> Iterator[None]:
    """Convert any error in reading an untrusted file into a UsageError about `what`.

    An error of the disk is raised as it is: the file may be sound.
    """
    try:
        yield
    except UsageError:
        raise
    except Exception as error:  # a damaged file makes its reader raise many kinds
        if disk_failed(error):
            raise
        reason = one_line(error, kind=True)
        rule = "is missing or damaged, or was not written by qsweep"
        raise UsageError([Problem(what, rule, reason, "pull or train it again")]) from error


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _plain_origin(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return an untrusted origin with texts of one line and metrics that are numbers."""
    metrics = {printable(key): float(value) for key, value in origin["metrics"].items()}
    return {**{key: printable(value) for key, value in origin.items()}, "metrics": metrics}


def _table(path: Path, shape: tuple[int, ...]) -> QTable:
    """Return the table in an .npy file; its shape and type are checked before it is read."""
    opened(path).close()
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    fits = isinstance(mapped, np.ndarray) and mapped.shape == shape and mapped.dtype == np.dtype("<f8")
    _check(fits, f"it must be float64{list(shape)}")
    table: QTable = np.array(mapped, np.float64, order="C")
    return table
