"""Q-learning on MountainCar in gymnax, on JAX: every seed a table of its own, all in one program."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from typing import Any

import gymnax
import jax
import jax.numpy as jnp
from workload import ALPHA, BUCKETS, EPSILON, GAMMA, amount, report, training

SEEDS = {1: 20_000, 64: 5_000, 1024: 1_000}
"""How many seeds train at a time, and how many steps of each."""
LOW, SCALE = jnp.array([-1.2, -0.07]), BUCKETS / jnp.array([1.8, 0.14])

env, params = gymnax.make("MountainCar-v0")


def cell(observation: jax.Array) -> jax.Array:
    """The row of the table."""
    place = ((observation - LOW) * SCALE).astype(int).clip(0, BUCKETS - 1)
    return place[0] * BUCKETS + place[1]


def learn(carry: tuple[Any, ...], key: jax.Array) -> tuple[tuple[Any, ...], None]:
    """One step and its update; gymnax begins an episode that is over anew."""
    q, state, s = carry
    chance, action, world = jax.random.split(key, 3)
    explore = jax.random.uniform(chance) < EPSILON
    a = jnp.where(explore, jax.random.randint(action, (), 0, 3), jnp.argmax(q[s]))
    observation, state, reward, over = env.step(world, state, a, params)[:4]
    following = cell(observation)
    target = reward + GAMMA * jnp.max(q[following]) * (1 - over)
    return (q.at[s, a].add(ALPHA * (target - q[s, a])), state, following), None


@partial(jax.jit, static_argnums=1)
def train(keys: jax.Array, steps: int) -> jax.Array:
    """Tables of as many seeds as there are keys, after so many steps each."""

    def one(key: jax.Array) -> jax.Array:
        table, start, rest = jax.random.split(key, 3)
        q = jax.random.uniform(table, (BUCKETS * BUCKETS, 3), minval=-2, maxval=0)
        observation, state = env.reset(start, params)
        begin = (q, state, cell(observation))
        return jax.lax.scan(learn, begin, jax.random.split(rest, steps))[0][0]

    return jax.vmap(one)(keys)


def counted(keys: jax.Array, steps: int) -> int:
    """Train; returns the number of steps of all seeds."""
    train(keys, steps).block_until_ready()
    return steps * len(keys)


def rows() -> Iterator[dict[str, Any]]:
    """One row for each number of seeds."""
    for seeds, usual in SEEDS.items():
        work = partial(counted, jax.random.split(jax.random.key(0), seeds), amount(usual))
        name = f"gymnax on JAX, {seeds:,} seed{'s' * (seeds > 1)}"
        yield training(name, work, "single precision; all cores")


report(*rows(), versions={"gymnax": version("gymnax"), "jax": jax.__version__})
