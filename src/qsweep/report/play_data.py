"""What a page needs to play a run's policies: the environment, the grid, exact tables, start states."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from qsweep.environments.resolved import Setting
from qsweep.environments.twins import acrobot, cart_pole, mountain_car
from qsweep.environments.twins import tables as transition_tables
from qsweep.environments.twins.matching import twin_of
from qsweep.environments.twins.pcg64 import stream
from qsweep.environments.twins.twin import Twin
from qsweep.pictures.layouts import shown_dimensions
from qsweep.pictures.surfaces import Layout
from qsweep.policies.evaluation.starts import test_starts
from qsweep.system.arrays import Floats, QTable

WORLDS = {
    mountain_car.step: "MountainCar",
    cart_pole.step: "CartPole",
    acrobot.step: "Acrobot",
    transition_tables.step: "tables",
}
"""Step of a twin -> its name in worlds.js."""
FPS = {"MountainCar": 30, "CartPole": 50, "Acrobot": 15, "tables": 4}
"""Steps per second at normal speed; as Gymnasium's films, except of tables, which are stepped at 4."""
STARTS = 5
"""The number of test starts from which the page plays."""
DEFLATE_LEVEL = 9


def play_data(
    setting: Setting, drawn: Layout, tables: Mapping[int, QTable | None], test_episodes: int
) -> dict[str, Any] | None:
    """Return plain values from which worlds.js plays; None if it does not know the environment.

    drawn: the layout of the tables in the page. tables: Q-tables [cells..., actions] by their number of
    episodes, which are kept to the bit; None for those that are only shown. test_episodes: the run's number
    of test starts, of which some are offered, the first one first.
    """
    twin = twin_of(setting.env, setting.description)
    world = WORLDS.get(twin.step) if twin else None
    if twin is None or world is None or setting.description.available is not None:
        return None
    grid = setting.grid
    return {
        "world": world,
        "fps": FPS[world],
        "maxSteps": setting.max_steps,
        "grid": {
            "low": grid.low,
            "high": grid.high,
            "scale": grid.scale,
            "buckets": grid.buckets,
            "offsets": grid.offsets.tolist(),
            "edges": grid.edges,
        },
        "axes": shown_dimensions(setting),
        "constants": packed(twin.constants) if world == "tables" else None,
        "cells": [panel.cells[:, :, 0].ravel().tolist() for panel in drawn.panels],
        "tables": [None if table is None else packed(table) for table in tables.values()],
        "starts": [_start(twin, seed) for seed in _seeds(setting, test_episodes)],
    }


def _seeds(setting: Setting, test_episodes: int) -> list[int]:
    starts = test_starts(setting.env, test_episodes).seeds
    places = np.linspace(0, len(starts) - 1, min(STARTS, len(starts))).round().astype(int)
    return [starts[place] for place in places]


def packed(values: Floats) -> str:
    """Return float64 values as base64 of deflated bytes, for the page's DecompressionStream."""
    # The bytes of all numbers' first byte, then of their second, ...: similar bytes lie together.
    planes = np.ascontiguousarray(values, "<f8").reshape(-1, 1).view(np.uint8).T.tobytes()
    return base64.b64encode(zlib.compress(planes, DEFLATE_LEVEL)).decode()


def _start(twin: Twin, seed: int) -> dict[str, Any]:
    """Return the state after a reset with a seed, and the generator's state and increment after it."""
    random = stream(seed)
    if twin.start is not None:
        generator = np.random.default_rng(seed)
        state = twin.starts(generator, 1)[0][0]
    else:
        state, observation = twin.buffers()
        with np.errstate(over="ignore"):  # the products of PCG64 are meant to overflow
            twin.reset(random, twin.constants, state, observation)
    high, low, step_high, step_low = (int(half) for half in random[:4])
    return {
        "seed": seed,
        "state": state.tolist(),
        "random": [hex(high << 64 | low), hex(step_high << 64 | step_low)],
    }
