#!/usr/bin/env bash
# gymnasium 1.4.0: no policy solves Taxi: its reward threshold is 8, and the best possible mean return is 7.93.
#
# Source: gymnasium/envs/__init__.py (register Taxi-v4, reward_threshold=8, beside a remark on the optimum, 8.46);
#   gymnasium/envs/toy_text/taxi.py (MAP and the initial distribution).
# Expected: the threshold at which an environment counts as solved can be reached.
# Happens: the threshold and the remark are older than the map. Value iteration over the environment's own table gives
#   7.93 from its own start states; 8.46 is the optimum of Taxi-v2, whose map had one wall less. A mean over sampled
#   starts above 8 is their luck. FrozenLake's thresholds, 0.70 and 0.85, are below what the best policy reaches (0.74
#   and 0.91).
# Output seen, 2026-11-30:
#   Taxi-v4: reward threshold 8, best possible mean return 7.93
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gymnasium as gym

env = gym.make("Taxi-v4")
table = env.unwrapped.P
values = dict.fromkeys(table, 0.0)
for _ in range(env.spec.max_episode_steps):
    values = {
        state: max(
            sum(p * (reward + (0 if done else values[after])) for p, after, reward, done in outcomes)
            for outcomes in actions.values()
        )
        for state, actions in table.items()
    }
best = sum(p * values[state] for state, p in enumerate(env.unwrapped.initial_state_distrib))
print(f"Taxi-v4: reward threshold {env.spec.reward_threshold}, best possible mean return {best:.2f}")
assert env.spec.reward_threshold == 8
assert round(best, 2) == 7.93
PYTHON
venv/bin/python probe.py
