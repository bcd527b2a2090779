#!/usr/bin/env bash
# envpool 1.2.5: in a quarter of Taxi's episodes the passenger waits at the destination; in Gymnasium's in none.
#
# Source: envpool/toy_text/taxi.h, TaxiEnv::Reset (passenger and destination are drawn independently);
#   gymnasium/envs/toy_text/taxi.py, "The initial state is sampled uniformly from the possible states where the
#   passenger is neither at their destination nor inside the taxi".
# Expected: the same id, Taxi-v3, map, limit, rewards and threshold (8) are the same task.
# Happens: 400 start states instead of 300. In the other 100 the passenger is picked up and set down on the spot, which
#   is worth more than a ride: the best possible mean return is 9.55 instead of 7.93, and so the threshold of 8 can
#   be passed, which no policy does in Gymnasium. Scores of the two packages cannot be compared, and a Q-table
#   trained in Gymnasium never began in those states.
# Output seen, 2026-11-30, 4,000 resets each, best return by value iteration over Gymnasium's table:
#   envpool: 0.263 begin at the destination; best possible mean return 9.55
#   gymnasium: 0.000 begin at the destination; best possible mean return 7.93
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet envpool==1.2.5 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import envpool
import gymnasium
import numpy as np

pool = envpool.make("Taxi-v3", env_type="gymnasium", num_envs=100, seed=0)
taxi = gymnasium.make("Taxi-v4").unwrapped
starts = {"envpool": np.concatenate([pool.reset()[0] for _ in range(40)]),
          "gymnasium": np.array([taxi.reset(seed=seed)[0] for seed in range(4000)])}
best = np.zeros(500)
for _ in range(100):
    best = np.array([max(sum(p * (reward + (not end) * best[after]) for p, after, reward, end in outcomes)
                         for outcomes in taxi.P[state].values()) for state in range(500)])
possible = {"envpool": [state for state in range(500) if state // 4 % 5 < 4]}
possible["gymnasium"] = [state for state in possible["envpool"] if state // 4 % 5 != state % 4]
found = {}
for name, states in starts.items():
    arrived = float(np.mean(states // 4 % 5 == states % 4))
    found[name] = arrived, float(best[possible[name]].mean())
    print(f"{name}: {arrived:.3f} begin at the destination; best possible mean return {found[name][1]:.2f}")
    assert set(states.tolist()) <= set(possible[name])
assert 0.2 < found["envpool"][0] < 0.3 and found["gymnasium"][0] == 0.0
assert found["envpool"][1] > 8 > found["gymnasium"][1]
PYTHON
venv/bin/python probe.py
