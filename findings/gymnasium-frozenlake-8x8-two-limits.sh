#!/usr/bin/env bash
# gymnasium 1.4.0: the same 8x8 lake has two step limits, and with one of them no policy succeeds in 36% of episodes.
#
# Source: gymnasium/envs/__init__.py (register FrozenLake-v1, 100 steps, and FrozenLake8x8-v1, 200 steps).
# Expected: gym.make("FrozenLake-v1", map_name="8x8"), as the documentation has it, is FrozenLake8x8-v1.
# Happens: map, transitions and rewards are the same, but the limit belongs to the id, not to the map: the first is
#   cut off after 100 steps, which suits the 4x4 map. The ice is slow: the best policy that there is reaches the goal
#   in 100 steps in 64% of the episodes, in 200 steps in 91%, and without a limit always. A success rate on
#   "FrozenLake 8x8" means nothing without the id.
# Output seen, 2026-11-30:
#   FrozenLake-v1, map_name="8x8": 100 steps, best success rate 0.641
#   FrozenLake8x8-v1: 200 steps, best success rate 0.913; in 5000 steps 1.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gymnasium as gym


def success(table, steps):
    """Return the best possible probability of reaching the goal from state 0 within so many steps."""
    values = [0.0] * len(table)
    for _ in range(steps):
        values = [max(sum(p * (reward + (0 if done else values[after])) for p, after, reward, done in outcomes)
                      for outcomes in actions.values()) for actions in table.values()]
    return round(values[0], 3)


one, other = gym.make("FrozenLake-v1", map_name="8x8"), gym.make("FrozenLake8x8-v1")
assert one.unwrapped.P == other.unwrapped.P
limits = [env.spec.max_episode_steps for env in (one, other)]
best = [success(one.unwrapped.P, steps) for steps in (*limits, 5000)]
print(f'FrozenLake-v1, map_name="8x8": {limits[0]} steps, best success rate {best[0]}')
print(f"FrozenLake8x8-v1: {limits[1]} steps, best success rate {best[1]}; in 5000 steps {best[2]}")
assert limits == [100, 200] and best == [0.641, 0.913, 1.0]
PYTHON
venv/bin/python probe.py
