"""What a learner would run instead: Q-learning on MountainCar in plain Python on Gymnasium, untracked.

.venv/bin/python benchmarks/tutorial_loop.py [EPISODES] [BUCKETS]
"""

from __future__ import annotations

import sys

import gymnasium as gym
import numpy as np


def main(episodes: int, buckets: int) -> None:
    """Train and print the mean return of the last 500 episodes."""
    returns, steps = train(episodes, buckets)
    print(f"last 500 episodes: {np.mean(returns[-500:]):.1f}; {steps} steps")


def train(episodes: int, buckets: int) -> tuple[list[float], int]:
    """Train with the tutorial's constants; returns the returns and the number of steps."""
    env = gym.make("MountainCar-v0")
    low, high = env.observation_space.low, env.observation_space.high
    width = (high - low) / buckets
    q_table = np.random.uniform(-2, 0, size=(buckets, buckets, env.action_space.n))
    epsilon, fall = 0.5, 0.5 / (episodes // 2 - 1)
    returns, steps = [], 0
    for episode in range(episodes):
        observation, _ = env.reset()
        cell = tuple(((observation - low) / width).astype(int).clip(0, buckets - 1))
        total, over = 0.0, False
        while not over:
            if np.random.random() > epsilon:
                action = int(np.argmax(q_table[cell]))
            else:
                action = np.random.randint(env.action_space.n)
            observation, reward, terminated, truncated, _ = env.step(action)
            following = tuple(((observation - low) / width).astype(int).clip(0, buckets - 1))
            total += reward
            steps += 1
            over = terminated or truncated
            if terminated:
                q_table[(*cell, action)] = 0.0
            elif not truncated:
                target = reward + 0.95 * np.max(q_table[following])
                q_table[(*cell, action)] += 0.1 * (target - q_table[(*cell, action)])
            cell = following
        returns.append(total)
        if 1 <= episode <= episodes // 2:
            epsilon -= fall
    return returns, steps


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given or [25_000, 20]))
