#!/usr/bin/env bash
# mo-gymnasium 1.3.2: the rewards of fishwood-v0 and deep-sea-treasure-v0 come in the other order than documented.
#
# Source: mo_gymnasium/envs/fishwood/fishwood.py, FishWood.step (rewards[self.WOOD], where WOOD is 1) and its docstring;
#   mo_gymnasium/envs/deep_sea_treasure/deep_sea_treasure.py, DeepSeaTreasure.step, its docstring and its reward_space.
# Expected: component 0 of fishwood's reward is the wood, component 1 the fish, and component 0 of deep-sea-treasure's
#   is the time penalty, component 1 the treasure: so their docstrings, which are the documentation, number or list them.
# Happens: it is the other way round. A weight of [1, 0] in LinearReward, meant for wood, trains a fisherman: staying in
#   the woods is then worth 0. In the sea, [0, 1], meant for the treasure, makes every step cost 1 and the treasure 0.
# Output seen, 2026-11-30:
#   fishwood-v0, 200 steps in the woods: component 0 sums to 0.0, component 1 to 170.0; documented: 0 is the wood
#   deep-sea-treasure-v0, one step down: [0.7, -1.0]; documented: time penalty, then treasure
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mo-gymnasium==1.3.2 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import inspect
import warnings

import mo_gymnasium

warnings.simplefilter("ignore")
WOODS, DOWN = 1, 1

wood = mo_gymnasium.make("fishwood-v0")
wood.reset(seed=0)
total = sum(wood.step(WOODS)[1] for _ in range(200))
assert "- 0: +1 if agent is in the woods" in inspect.getdoc(type(wood.unwrapped))
print(
    f"fishwood-v0, 200 steps in the woods: component 0 sums to {total[0]}, component 1 to {total[1]};"
    " documented: 0 is the wood"
)
sea = mo_gymnasium.make("deep-sea-treasure-v0")
sea.reset(seed=0)
reward = [round(float(r), 3) for r in sea.step(DOWN)[1]]
text = inspect.getdoc(type(sea.unwrapped))
assert text.index("- time penalty: -1") < text.index("- treasure value: the value")
print(f"deep-sea-treasure-v0, one step down: {reward}; documented: time penalty, then treasure")
assert total.tolist() == [0, 170] and reward == [0.7, -1.0]
PYTHON
venv/bin/python probe.py
