#!/usr/bin/env bash
# buffalo-gym 0.4.0: a seed lasts for one episode; each reset without one draws other arms from the system's entropy.
#
# Source: buffalo_gym/envs/buffalo_gym.py, BuffaloEnv.reset (self.seed = seed) and __draw_arms
#   (np.random.default_rng(self.seed)).
# Expected: after reset(seed=0), reset() goes on with the generator that was seeded, as Gymnasium's interface says ("if
#   the environment already has a PRNG and seed=None is passed, the PRNG will not be reset"), so that a training run
#   that seeds its first episode repeats. "A bandit with static reward distributions" stays the same bandit.
# Happens: reset() sets the seed to None and makes a new generator from fresh entropy: the arms' means and the best arm
#   differ in every episode, and in every run of the same script. The reward's expectation cannot be learned across
#   episodes: a Q-table averages over all bandits.
# Output seen, 2026-11-30:
#   first episode, two runs from seed 0: the same means: True
#   second to sixth episode, two runs from seed 0: the same means: False
#   one run: different means in 6 of 6 episodes
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet buffalo-gym==0.4.0 gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import buffalo_gym  # noqa: F401  (registers the environments)
import gymnasium as gym
import numpy as np


def means(episodes=6):
    """Return the arms' means in consecutive episodes, of which the first is seeded."""
    env = gym.make("Buffalo-v0", disable_env_checker=True)
    found = []
    for episode in range(episodes):
        env.reset(seed=0 if episode == 0 else None)
        for _ in range(50):
            info = env.step(0)[4]
        found.append(tuple(np.round(info["offsets"][0], 6).tolist()))
    return found


one, other = means(), means()
print("first episode, two runs from seed 0: the same means:", one[0] == other[0])
print("second to sixth episode, two runs from seed 0: the same means:", one[1:] == other[1:])
print(f"one run: different means in {len(set(one))} of {len(one)} episodes")
assert one[0] == other[0] and one[1:] != other[1:] and len(set(one)) == 6
PYTHON
venv/bin/python probe.py
