"""Q-learning on MountainCar, written by hand in JAX: random numbers drawn at once, a scan over steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from workload import ALPHA, BUCKETS, EPSILON, GAMMA, amount, report, training

SEEDS = {1: 200_000, 64: 20_000, 1024: 2_000}
"""How many seeds train at a time, and how many steps of each."""


def cell(position: jax.Array, velocity: jax.Array) -> jax.Array:
    """The row of the table."""
    across = ((position + 1.2) * (BUCKETS / 1.8)).astype(int)
    up = ((velocity + 0.07) * (BUCKETS / 0.14)).astype(int)
    return jnp.minimum(across, BUCKETS - 1) * BUCKETS + jnp.minimum(up, BUCKETS - 1)


def learn(carry: tuple[Any, ...], drawn: tuple[Any, ...]) -> tuple[tuple[Any, ...], None]:
    """One step and its update; an episode that is over begins anew."""
    q, position, velocity, steps, s = carry
    chance, action, start = drawn
    row = jax.lax.dynamic_slice(q, (s * 3,), (3,))
    a = jnp.where(chance < EPSILON, (action * 3).astype(int), jnp.argmax(row))
    velocity = jnp.clip(velocity + (a - 1) * 0.001 - jnp.cos(3 * position) * 0.0025, -0.07, 0.07)
    position = jnp.clip(position + velocity, -1.2, 0.6)
    velocity = jnp.where((position == -1.2) & (velocity < 0), 0.0, velocity)
    goal = (position >= 0.5) & (velocity >= 0)
    following = jax.lax.dynamic_slice(q, (cell(position, velocity) * 3,), (3,))
    target = -1 + GAMMA * jnp.where(goal, 0.0, jnp.max(following))
    q = jax.lax.dynamic_update_slice(q, (row[a] + ALPHA * (target - row[a]))[None], (s * 3 + a,))
    over = goal | (steps + 1 >= 200)
    position = jnp.where(over, -0.6 + 0.2 * start, position)
    velocity = jnp.where(over, 0.0, velocity)
    return (q, position, velocity, jnp.where(over, 0, steps + 1), cell(position, velocity)), None


@partial(jax.jit, static_argnums=1)
def train(keys: jax.Array, steps: int) -> jax.Array:
    """Tables of as many seeds as there are keys, after so many steps each."""

    def one(key: jax.Array) -> jax.Array:
        table, drawn = jax.random.split(key)
        q = jax.random.uniform(table, (BUCKETS * BUCKETS * 3,), minval=-2, maxval=0)
        position, velocity = jnp.float32(-0.5), jnp.float32(0)
        begin = (q, position, velocity, jnp.array(0), cell(position, velocity))
        return jax.lax.scan(learn, begin, tuple(jax.random.uniform(drawn, (3, steps))))[0][0]

    return jax.vmap(one)(keys)


def rows() -> Iterator[dict[str, Any]]:
    """One row for each number of seeds."""
    for seeds, usual in SEEDS.items():
        steps, keys = amount(usual), jax.random.split(jax.random.key(0), seeds)
        work: Callable[[], Any] = partial(counted, keys, steps)
        yield training(
            f"hand-written JAX, {seeds:,} seed{'s' * (seeds > 1)}", work, "single precision; all cores"
        )


def counted(keys: jax.Array, steps: int) -> int:
    """Train; returns the number of steps of all seeds."""
    train(keys, steps).block_until_ready()
    return steps * len(keys)


report(*rows(), versions={"jax": jax.__version__})
