from __future__ import annotations

from collections.abc import Iterator

import gymnasium
import numpy as np
import pytest

from qsweep.config import Config, Env
from qsweep.environments.description import describe
from qsweep.environments.discretizer import (
    LEARNED_FROM,
    STEP_LIMIT,
    TABLE_LIMIT,
    bounded,
    grid,
    learned_edges,
)
from qsweep.environments.grid import Grid, cells_at
from qsweep.errors import Problem, UsageError
from qsweep.plan.composition import load_config, load_resolved
from qsweep.system.arrays import Floats
from tests.support.fixed_spaces import described, env, registered


@pytest.fixture(scope="module", autouse=True)
def spaces() -> Iterator[None]:
    """Register the environments of this file."""
    with registered():
        yield


@pytest.mark.parametrize("name", ["Box", "Matrix", "Doubles"])
def test_missing_bounds_are_the_environments(name: str) -> None:
    """Without given bounds, those of the environment are used."""
    found = described(name)
    filled, problems = bounded(env(name), found)
    assert problems == []
    assert filled.low == tuple(d.low for d in found.dimensions)
    assert filled.high == tuple(d.high for d in found.dimensions)


def test_bounds_given_are_kept() -> None:
    """If only one side is given, the other is the environment's."""
    filled, problems = bounded(env("Box", low=(-0.5, 0.25)), described("Box"))
    assert (filled.low, filled.high, problems) == ((-0.5, 0.25), (0.6, 1.0), [])


@pytest.mark.parametrize("name", ["Discrete", "Multi", "Tuple"])
def test_discrete_observations_have_no_bounds(name: str) -> None:
    """Discrete observations have no bounds, and given bounds are a problem."""
    filled, problems = bounded(env(name), described(name))
    assert (filled.low, filled.high, problems) == (None, None, [])
    count = len(described(name).dimensions)
    _, problems = bounded(env(name, low=(0.0,) * count, high=(1.0,) * count), described(name))
    assert [(p.key, p.rule.partition(":")[0]) for p in problems] == [
        ("env.low", "does not apply"),
        ("env.high", "does not apply"),
    ]


@pytest.mark.parametrize("name", ["Unbounded", "Largest"])
def test_unbounded_dimensions_need_bounds(name: str) -> None:
    """A dimension without bounds, or with the largest float as one, is a problem."""
    _, problems = bounded(env(name), described(name))
    numbers = [2] if name == "Largest" else [0, 1]
    rules = [f"must be finite: dimension {d} of spaces/{name}-v0 is unbounded" for d in numbers]
    assert [(p.key, p.rule) for p in problems] == [("env.low", rule) for rule in rules]


def test_unbounded_dimensions_take_bounds() -> None:
    """An unbounded environment with bounds on both sides has no problem."""
    given = env("Unbounded", low=(-1.0, -2.0), high=(1.0, 2.0))
    filled, problems = bounded(given, described("Unbounded"))
    assert (filled.low, filled.high, problems) == ((-1.0, -2.0), (1.0, 2.0), [])


@pytest.mark.parametrize("low", [(0.6, 0.0), (0.7, 0.0)])
def test_a_lower_bound_must_be_lower(low: tuple[float, ...]) -> None:
    """An empty or reversed range is a problem with the dimension and the other bound."""
    _, problems = bounded(env("Box", low=low), described("Box"))
    assert [(p.key, p.rule, p.given) for p in problems] == [
        ("env.low", "must be below env.high in dimension 0 of spaces/Box-v0 (0.6)", low[0])
    ]


@pytest.mark.parametrize("bounds", [(0.0,), (0.0, 0.1, 0.2)])
def test_bounds_are_one_a_dimension(bounds: tuple[float, ...]) -> None:
    """Too few or too many bounds are a problem on either side."""
    _, problems = bounded(env("Box", low=bounds, high=bounds), described("Box"))
    rule = "must have one number for each of the 2 dimensions of spaces/Box-v0"
    assert [(p.key, p.rule) for p in problems] == [("env.low", rule), ("env.high", rule)]


@pytest.mark.parametrize(
    ("name", "given", "limit"),
    [
        ("Limited", None, 70),
        ("Limited", 30, 30),
        ("Limited", 700, 700),
        ("Box", None, STEP_LIMIT),
        ("Box", 5, 5),
    ],
)
def test_step_limits(name: str, given: int | None, limit: int) -> None:
    """The limit is the given one, otherwise the environment's own, otherwise the default."""
    filled, _ = bounded(env(name, max_steps=given), described(name))
    assert filled.max_steps == limit


@pytest.mark.parametrize(
    ("name", "buckets", "counts"),
    [
        ("Box", 7, (7, 7)),
        ("Box", (3, 9), (3, 9)),
        ("Discrete", 7, (5,)),
        ("Discrete", (5,), (5,)),
        ("Multi", 7, (2, 3)),
        ("Tuple", (3, 2), (3, 2)),
    ],
)
def test_a_grid_has_the_buckets_given(
    name: str, buckets: int | tuple[int, ...], counts: tuple[int, ...]
) -> None:
    """One number serves every continuous dimension; a discrete one has as many buckets as values."""
    filled, _ = bounded(env(name), described(name))
    made, problems = grid(Config(env=filled, buckets=buckets), described(name))
    assert made is not None
    assert (made.buckets, problems) == (counts, [])


def test_a_grid_lies_within_the_bounds() -> None:
    """A grid has the resolved bounds; each discrete value has its own bucket of width 1."""
    filled, _ = bounded(env("Box", low=(-1.0, 0.5)), described("Box"))
    continuous, _ = grid(Config(env=filled, buckets=4), described("Box"))
    discrete, _ = grid(Config(env=env("FromThree"), buckets=4), described("FromThree"))
    assert continuous is not None
    assert discrete is not None
    assert (continuous.low, continuous.high) == ((-1.0, 0.5), (0.6, 1.0))
    assert (discrete.low, discrete.high, discrete.scale) == ((3.0,), (7.0,), (1.0,))


@pytest.mark.parametrize(
    ("name", "buckets", "rule"),
    [
        ("Box", (3,), "must be one number or a list of 2, one per dimension of spaces/Box-v0"),
        ("Tuple", (3, 2, 1), "must be one number or a list of 2, one per dimension of spaces/Tuple-v0"),
        ("Discrete", (6,), "must be 5 in dimension 0 of spaces/Discrete-v0, which is discrete"),
        ("Multi", (2, 4), "must be 3 in dimension 1 of spaces/Multi-v0, which is discrete"),
        ("Box", (100_000, 1_000), f"must give a Q-table of at most {TABLE_LIMIT:,} values"),
    ],
)
def test_buckets_that_do_not_suit_are_a_problem(name: str, buckets: tuple[int, ...], rule: str) -> None:
    """A list of the wrong length, a wrong number or too large a Q-table is a problem of `buckets`."""
    filled, _ = bounded(env(name), described(name))
    _, [problem] = grid(Config(env=filled, buckets=buckets), described(name))
    assert problem.key == "buckets"
    assert problem.rule.startswith(rule)


def test_the_largest_table_is_allowed() -> None:
    """A Q-table of exactly the limit is allowed."""
    filled, _ = bounded(env("Box"), described("Box"))
    made, problems = grid(Config(env=filled, buckets=(4096, TABLE_LIMIT // 8192)), described("Box"))
    assert made is not None
    assert (made.cells * 2, problems) == (TABLE_LIMIT, [])


def test_both_sides_of_an_unbounded_dimension_are_named() -> None:
    """A dimension without bounds on both sides is one problem per side."""
    with pytest.raises(UsageError) as caught:
        load_config(["env.id=CartPole-v1"])
    said = str(caught.value)
    assert "env.low" in said
    assert "env.high" in said


def problems_of(*lines: str) -> list[Problem]:
    """Return the problems of a config."""
    with pytest.raises(UsageError) as caught:
        load_config(lines)
    return caught.value.problems


def random_play(env_id: str, seed: int, steps: int) -> Floats:
    """Return observations float64[steps, dimensions] of uniformly random actions in Gymnasium."""
    env, generator, seen = gymnasium.make(env_id), np.random.default_rng(seed), []
    env.reset(seed=seed)
    for _ in range(steps):
        observation, _, terminated, truncated, _ = env.step(generator.integers(env.action_space.n))  # type: ignore[attr-defined]
        seen.append(observation)
        if terminated or truncated:
            env.reset()
    return np.array(seen, np.float64)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "buckets"), [("mountain_car", (5, 8)), ("cart_pole", (2, 3, 4, 5)), ("acrobot", (3,) * 6)]
)
def test_learned_buckets_hold_equal_shares_of_random_play(preset: str, buckets: tuple[int, ...]) -> None:
    """Other random play visits all buckets of a dimension about equally often."""
    resolved = load_resolved([f"env={preset}", "discretizer=quantile", f"buckets={list(buckets)}"])
    found = resolved.grid
    assert found.buckets == buckets
    assert found.edges is not None
    for inner, n, column in zip(
        found.edges, buckets, random_play(resolved.env.id, 9, LEARNED_FROM).T, strict=True
    ):
        assert len(inner) == n - 1
        shares = np.bincount(np.searchsorted(inner, column, "right"), minlength=n) / len(column)
        # Observations of one episode are alike, so these shares vary more than independent ones would.
        assert shares == pytest.approx([1 / n] * n, abs=0.06)


def test_learned_edges_ascend_within_the_bounds() -> None:
    """Edges ascend and lie within the bounds, even if these are narrow."""
    lines = ["discretizer=quantile", "buckets=20", "env.low=[-0.5,-0.01]", "env.high=[-0.4,0.01]"]
    found = load_resolved(lines).grid
    assert found.edges is not None
    for inner, low, high in zip(found.edges, found.low, found.high, strict=True):
        assert [low, *inner, high] == sorted([low, *inner, high])


def test_learned_edges_are_the_same_in_every_run() -> None:
    """The seed and the algorithm do not change the edges, so that Q-tables are comparable."""
    grids = [
        load_resolved(["discretizer=quantile", *more]).grid
        for more in (["seed=0"], ["seed=1"], ["algorithm=sarsa", "episodes=7", "learning_rate=0.5"])
    ]
    assert grids[0] == grids[1] == grids[2]


def test_learned_edges_depend_on_the_configured_environment() -> None:
    """A step limit, arguments and wrappers change the observations, and therefore the edges."""
    plain, short = (
        load_resolved(["discretizer=quantile", f"env.max_steps={n}"]).grid.edges for n in (200, 5)
    )
    assert plain != short


@pytest.mark.slow
def test_discrete_dimensions_keep_their_values() -> None:
    """The edges of a discrete dimension separate its values, which have one bucket each."""
    blackjack = Env("Blackjack-v1", max_steps=100)
    found = describe(blackjack)
    edges = learned_edges(blackjack, found, (32, 11, 2))
    low, high = (tuple(getattr(d, side) for d in found.dimensions) for side in ("low", "high"))
    seen = np.array([[21.0, 10.0, 1.0], [0.0, 0.0, 0.0], [31.0, 5.0, 0.0]])
    kept = cells_at(Grid(low, high, (32, 11, 2), edges), seen)
    assert kept.tolist() == cells_at(Grid(low, high, (32, 11, 2)), seen).tolist()


@pytest.mark.parametrize("kind", ["quantile", "tiles"])
def test_only_continuous_observations_are_learned_or_tiled(kind: str) -> None:
    """A discrete environment with another discretizer than uniform is a problem."""
    [problem] = problems_of("env=frozen_lake", f"discretizer={kind}")
    assert problem.key == "discretizer"
    assert problem.rule == f"{kind} needs continuous observations; FrozenLake-v1 has discrete ones"


def test_tilings_are_grids_of_one_bucket_more() -> None:
    """Each tiling has one more bucket than requested in every dimension, for its shift."""
    found = load_resolved(["discretizer=tiles", "tilings=4", "buckets=[6,9]"]).grid
    assert (found.tilings, found.buckets, found.shape, found.cells) == (4, (6, 9), (4, 7, 10), 280)


def test_the_limit_of_a_table_counts_its_tilings() -> None:
    """A Q-table that is allowed with few tilings is too large with many."""
    load_config(["discretizer=tiles", "tilings=2", "buckets=1000"])
    [problem] = problems_of("discretizer=tiles", "tilings=12", "buckets=1000")
    assert problem.key == "buckets"
    assert problem.rule == (  # 12 x 1001 x 1001 x 3
        f"must give a Q-table of at most {TABLE_LIMIT:,} values; this one would have 36,072,036"
    )
