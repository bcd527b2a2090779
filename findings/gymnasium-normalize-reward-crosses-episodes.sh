#!/usr/bin/env bash
# gymnasium 1.4.0: NormalizeReward carries the discounted return from one episode into the next.
#
# Source: gymnasium/wrappers/stateful_reward.py, NormalizeReward.step (no reset method).
# Expected: the running discounted return that is used for the variance starts at 0 in each episode and holds the
#   whole return at its end, as in Stable-Baselines3's VecNormalize.
# Happens: the sum is cut one step early and one step late. At the terminating step the earlier rewards are dropped and
#   only the last reward is kept; that reward then counts, discounted, in the next episode's first step. At a truncated
#   end nothing is dropped at all, also not by reset: with episodes of 3 rewards of 1 and gamma 0.9 the sum goes on
#   growing towards 10, though no episode returns more than 2.71. So the scale depends on whether episodes are
#   terminated or truncated.
# Output seen, 2026-11-30:
#   terminated: [1.0, 1.9, 1.0] [1.9, 2.71, 1.0]
#   truncated:  [1.0, 1.9, 2.71] [3.439, 4.0951, 4.6856]
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gymnasium as gym


class ThreeSteps(gym.Env):
    """Pays 1 a step; the third step terminates or truncates."""

    observation_space = gym.spaces.Discrete(1)
    action_space = gym.spaces.Discrete(1)

    def __init__(self, terminates):
        self.terminates = terminates

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return 0, {}

    def step(self, action):
        self.steps += 1
        end = self.steps == 3
        return 0, 1.0, end and self.terminates, end and not self.terminates, {}


def sums(terminates):
    env = gym.wrappers.NormalizeReward(ThreeSteps(terminates), gamma=0.9)
    episodes = []
    for _ in range(2):
        env.reset()
        episodes.append([])
        for _ in range(3):
            env.step(0)
            episodes[-1].append(round(float(env.discounted_reward[0]), 4))
    return episodes


terminated, truncated = sums(True), sums(False)
print("terminated:", *terminated)
print("truncated: ", *truncated)
assert terminated == [[1.0, 1.9, 1.0], [1.9, 2.71, 1.0]]
assert truncated == [[1.0, 1.9, 2.71], [3.439, 4.0951, 4.6856]]
PYTHON
venv/bin/python probe.py
