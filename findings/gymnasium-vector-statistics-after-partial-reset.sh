#!/usr/bin/env bash
# gymnasium 1.4.0: resetting one environment of a vector shortens the others' episodes in RecordEpisodeStatistics.
#
# Source: gymnasium/wrappers/vector/common.py, RecordEpisodeStatistics.reset, which takes options["reset_mask"];
#   gymnasium/vector/sync_vector_env.py, SyncVectorEnv.reset, which takes the same options dict.
# Expected: with AutoresetMode.DISABLED, reset(options={"reset_mask": mask}) clears the return and length of the
#   masked environments only, as the wrapper's own code for the mask says.
# Happens: the inner reset is called first and takes "reset_mask" out of the dict, so the wrapper no longer sees a
#   mask and clears all of them. An episode of 4 steps is reported with the length and return that it has had since
#   its neighbour was reset, here 1.
# Output seen, 2026-11-30: reported 1 steps and return -1.0 for an episode of 4 steps and return -4.0
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers.vector import RecordEpisodeStatistics


def cliff(limit):
    return lambda: gym.make("CliffWalking-v1", max_episode_steps=limit)


UP = np.array([0, 0])
env = SyncVectorEnv([cliff(3), cliff(4)], autoreset_mode=AutoresetMode.DISABLED)
env = RecordEpisodeStatistics(env)
env.reset(seed=0)
for _ in range(3):
    _, _, _, truncated, _ = env.step(UP)
assert truncated.tolist() == [True, False]
options = {"reset_mask": np.array([True, False])}
env.reset(options=options)
assert options == {}, "the mask is taken out of the caller's dict"
_, _, _, truncated, info = env.step(UP)
assert truncated.tolist() == [False, True], "the second environment ends at its own fourth step"
length, total = int(info["episode"]["l"][1]), float(info["episode"]["r"][1])
print(f"reported {length} steps and return {total} for an episode of 4 steps and return -4.0")
assert (length, total) == (1, -1.0)
PYTHON
venv/bin/python probe.py
