#!/usr/bin/env bash
# gymnasium 1.4.0: gym.make("Blackjack-v1", natural=True) pays no natural: the registered game has sab=True.
#
# Source: gymnasium/envs/__init__.py (register id="Blackjack-v1", kwargs={"sab": True, "natural": False});
#   gymnasium/envs/toy_text/blackjack.py, BlackjackEnv.__init__ (natural=False, sab=False) and its docstring.
# Expected: natural=True gives "an additional reward for starting with a natural blackjack", 1.5 for a win: the class and
#   its documentation have sab=False as the default.
# Happens: the id sets sab=True, and "if sab is True, the keyword argument natural will be ignored". Without any error or
#   warning the game stays the same, and gym.make("Blackjack-v1") is another game than BlackjackEnv(). The bonus needs
#   natural=True, sab=False.
# Output seen, 2026-11-30, 4,000 games of sticking from the same seed:
#   Blackjack-v1                             sab True, rewards of 1.5: 0, mean -0.188
#   Blackjack-v1, natural=True               sab True, rewards of 1.5: 0, mean -0.188
#   Blackjack-v1, natural=True, sab=False    sab False, rewards of 1.5: 168, mean -0.17
#   BlackjackEnv(natural=True)               sab False, rewards of 1.5: 168, mean -0.17
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet gymnasium==1.4.0 numpy==2.4.6

cat > probe.py <<'PYTHON'
import gymnasium as gym
from gymnasium.envs.toy_text.blackjack import BlackjackEnv

STICK, GAMES = 0, 4000


def played(env):
    """Return the rewards of games in which the first hand is kept."""
    rewards = []
    for game in range(GAMES):
        env.reset(seed=0 if game == 0 else None)
        rewards.append(float(env.step(STICK)[1]))
    return rewards


made = {
    "Blackjack-v1": gym.make("Blackjack-v1"),
    "Blackjack-v1, natural=True": gym.make("Blackjack-v1", natural=True),
    "Blackjack-v1, natural=True, sab=False": gym.make("Blackjack-v1", natural=True, sab=False),
    "BlackjackEnv(natural=True)": BlackjackEnv(natural=True),
}
seen = {}
for name, env in made.items():
    rewards = played(env)
    seen[name] = env.unwrapped.sab, rewards.count(1.5), round(sum(rewards) / GAMES, 3)
    print(f"{name:<40} sab {seen[name][0]}, rewards of 1.5: {seen[name][1]}, mean {seen[name][2]}")
usual, natural, both, direct = seen.values()
assert usual == natural and usual[:2] == (True, 0)
assert both == direct and not both[0] and both[1] > 100
PYTHON
venv/bin/python probe.py
