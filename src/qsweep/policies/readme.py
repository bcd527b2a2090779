"""The README.md in a policy's folder: the files, and a few lines of numpy that play the policy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from qsweep.config import Env
from qsweep.environments.grid import Grid
from qsweep.errors import printable

PAGE = """\
# {env}: a greedy policy

This is the Q-table of checkpoint `{checkpoint}` of the qsweep run `{run_name}` (`{run_id}`).
{scores}
- `q_table.npy`: float64{shape}, {axes}
- `policy.json`: the environment, the buckets and the origin of the table. {cells}
- `config.yaml`: the training configuration
- `model/`, if present: the same policy as an MLflow model. `mlflow models serve --env-manager local -m model`
  serves it; send `{{"inputs": [[...]]}}` to /invocations

To play the policy with numpy and gymnasium, run this in the folder:

```python
import json, gymnasium, numpy as np
policy, q_table = json.load(open("policy.json")), np.load("q_table.npy")
def act(observation):
{act}
env = gymnasium.make(policy["env"], max_episode_steps=policy["max_steps"], **policy["kwargs"])
{wrap}observation, _ = env.reset(seed=0{options})
total, over = 0, False
while not over:
    observation, reward, terminated, truncated, _ = env.step({step})
    total, over = total + reward, terminated or truncated
print("return", total)
```
"""
AXES = "one axis per dimension of the observation, the last one for the actions"
AXES_OF_TILES = "one axis for the tilings, one per dimension of the observation, the last one for the actions"
CELLS = """An observation x lies in
  bucket k of a dimension if edges[k] <= x < edges[k + 1]; values out of bounds, in the outermost ones."""
CELLS_OF_TILES = """An observation lies in
  one tile of each tiling (see below); the value of an action is the sum over these tiles."""
ACT = """\
    cell = {cell}
    return policy["first_action"] + int(q_table[tuple(cell)].argmax())"""
CELL_OF_NUMBERS = "[np.searchsorted(e[1:-1], x, 'right') for e, x in zip(policy['edges'], observation.flat)]"
CELL_OF_DISCRETE = "np.ravel(observation) - np.array(policy['low'], int)"
ACT_ON_TILES = """\
    low, high, buckets = (np.array(policy[key]) for key in ("low", "high", "buckets"))
    x = np.clip((np.ravel(observation) - low) * (buckets / (high - low)), 0, buckets)
    tiles = (x + policy["offsets"]).astype(int).T
    values = q_table[(np.arange(policy["tilings"]), *tiles)].sum(axis=0)
    return policy["first_action"] + int(values.argmax())"""
WRAP = """\
import importlib
module, wrapper = policy["wrapper"].split(":")
env = getattr(importlib.import_module(module), wrapper)(env)
"""
CHOICES = """\
import itertools
box = env.action_space
axes = [np.linspace(a, b, policy["discretised"]) for a, b in zip(box.low.ravel(), box.high.ravel())]
choices = np.array(list(itertools.product(*axes)), box.dtype).reshape(-1, *box.shape)
"""


SCORES = """\
Scores on test starts, which were not used in training; test/return_exact is the expected return of an
episode, computed from the environment's transition tables:"""


def page(env: Env, grid: Grid, actions: int, discrete: bool, origin: Mapping[str, Any]) -> str:
    """Return the text of the page. discrete: observations are integers; origin: see `Policy`."""
    tiles, choices = grid.tilings > 1, env.actions is not None
    scores = "".join(f"- {_word(key)}: {value:.6g}\n" for key, value in origin["metrics"].items())
    act = ACT.format(cell=CELL_OF_DISCRETE if discrete else CELL_OF_NUMBERS)
    return PAGE.format(
        **{key: _word(origin[key]) for key in ("checkpoint", "run_name", "run_id")},
        env=_word(env.id),
        shape=[*grid.shape, actions],
        scores=scores and f"\n{SCORES}\n\n{scores}",
        axes=AXES_OF_TILES if tiles else AXES,
        cells=CELLS_OF_TILES if tiles else CELLS,
        act=ACT_ON_TILES if tiles else act,
        wrap=(WRAP if env.wrapper else "") + (CHOICES if choices else ""),
        options=', options=policy["reset_options"]' if env.reset_options else "",
        step="choices[act(observation)]" if choices else "act(observation)",
    )


def _word(text: object) -> str:
    """Return a name without line breaks or characters that mean something in Markdown or HTML."""
    return re.sub(r"[`<>\[\]\\]", "?", printable(text))
