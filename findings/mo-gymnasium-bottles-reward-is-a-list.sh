#!/usr/bin/env bash
# mo-gymnasium 1.3.2: breakable-bottles-v0 returns its reward as a Python list, so that adding rewards makes them longer.
#
# Source: mo_gymnasium/envs/breakable_bottles/breakable_bottles.py, BreakableBottles.step.
# Expected: the vector reward is a NumPy array, as those of the package's other environments and as the declared
#   reward_space (a Box of shape (3,)) says.
# Happens: step returns [-1, 0, 0] as a list. reward + reward is a list of 6, a sum over an episode grows by 3
#   entries a step, and 0.9 * reward raises TypeError. LinearReward hides it, since np.dot takes lists.
# Output seen, 2026-11-30:
#   breakable-bottles-v0: list, two rewards added have length 6
#   deep-sea-treasure-v0: ndarray, two rewards added have length 2
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet mo-gymnasium==1.3.2 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import warnings

import mo_gymnasium

warnings.simplefilter("ignore")
seen = {}
for name, action in (("breakable-bottles-v0", 2), ("deep-sea-treasure-v0", 0)):
    env = mo_gymnasium.make(name)
    env.reset(seed=0)
    reward = env.step(action)[1]
    seen[name] = type(reward).__name__, len(reward + reward)
    print(f"{name}: {seen[name][0]}, two rewards added have length {seen[name][1]}")
assert seen == {"breakable-bottles-v0": ("list", 6), "deep-sea-treasure-v0": ("ndarray", 2)}
PYTHON
venv/bin/python probe.py
