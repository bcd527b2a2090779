from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from qsweep import seeds as source
from qsweep.seeds import Streams, streams
from tests.support.splitmix64 import uniforms

GAMMA = 0x9E3779B97F4A7C15
WORD = 2**64

quick = settings(deadline=None)
seeds = st.integers(0, 2**70)
keys = st.integers(0, WORD - 1)


def mixed(z: int) -> int:
    """Return SplitMix64's output function of z, computed with Python integers."""
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % WORD
    return z ^ (z >> 31)


def first_draws(stream: Streams) -> tuple[float, int, int]:
    return float(stream.table.random()), stream.exploration, stream.environment


@quick
@given(seeds)
def test_a_seed_gives_the_same_streams_every_time(seed: int) -> None:
    """Deriving the streams of one seed twice gives the same numbers."""
    assert first_draws(streams(seed)) == first_draws(streams(seed))


@quick
@given(st.sets(seeds, min_size=2, max_size=2))
def test_another_seed_gives_other_streams(pair: set[int]) -> None:
    """Two seeds share neither the initial Q-table nor the exploration draws."""
    one, other = (streams(seed) for seed in pair)
    assert one.exploration != other.exploration
    assert one.table.random() != other.table.random()


def test_seed_zero_is_a_seed_like_any_other() -> None:
    """Seeds 0 to 999 give a thousand different Q-tables, exploration keys and environment seeds."""
    found = zip(*(first_draws(streams(seed)) for seed in range(1000)), strict=True)
    assert [len(set(values)) for values in found] == [1000, 1000, 1000]


@quick
@given(seeds)
def test_keys_lie_in_their_ranges(seed: int) -> None:
    """An exploration key fits into 64 bits, and the environment's seed is below 2^30."""
    found = streams(seed)
    assert 0 <= found.exploration < WORD
    assert 0 <= found.environment < 2**30


def test_training_validation_test_and_play_never_share_a_start() -> None:
    """The ranges of validation, test and play starts do not overlap, and lie above training's seeds."""
    ranges = (source.validation(10**6), source.test(10**6), source.play(10**6), source.play(10**6, 10**6))
    assert {len(seeds) for seeds in ranges} == {10**6}
    assert min(map(min, ranges)) >= 2**30
    assert all(max(lower) < min(higher) for lower, higher in pairwise(ranges))


def test_fewer_starts_are_the_first_of_more() -> None:
    """The starts of few episodes are the first ones of many."""
    assert list(source.validation(3)) == list(source.validation(5))[:3]
    assert list(source.test(3)) == list(source.test(5))[:3]
    assert list(source.play(3)) == list(source.play(5))[:3]


def test_play_starts_can_be_skipped() -> None:
    """Skipping two play starts gives the third one first."""
    assert list(source.play(3, first=2)) == list(source.play(5))[2:]


def test_every_interval_uses_the_same_draws() -> None:
    """The generator of a score's interval is a new one on each call, with the same draws."""
    assert source.bootstrap().random(5).tolist() == source.bootstrap().random(5).tolist()


def test_numpys_global_generator_is_left_alone() -> None:
    """Neither deriving streams nor drawing from them changes numpy's global state."""
    before = np.random.get_state()
    uniforms(streams(3).exploration, 0, 100)
    streams(3).table.random(100)
    after = np.random.get_state()
    assert before[0] == after[0]
    assert np.array_equal(before[1], after[1])
    assert before[2:] == after[2:]


def test_uniforms_are_splitmix64() -> None:
    """The draws are the published outputs for state 1234567, as fractions of 2^53."""
    published = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    # The published generator advances its state before it mixes; draw 0 here mixes the key itself.
    found = uniforms((1234567 + GAMMA) % WORD, 0, 5)
    assert found.tolist() == [(z >> 11) / 2**53 for z in published]


@quick
@given(keys, st.integers(0, 2**62), st.integers(0, 20))
def test_draw_k_is_the_mixed_kth_state(key: int, first: int, count: int) -> None:
    """Any part of any stream equals the result of Python's integer arithmetic, bit for bit."""
    expected = [(mixed((key + k * GAMMA) % WORD) >> 11) / 2**53 for k in range(first, first + count)]
    assert uniforms(key, first, count).tolist() == expected


@quick
@given(keys, st.integers(0, 2**40), st.integers(0, 5000))
def test_uniforms_lie_in_the_unit_interval(key: int, first: int, count: int) -> None:
    """The requested number of draws is returned, each at least 0 and below 1."""
    found = uniforms(key, first, count)
    assert found.shape == (count,)
    assert ((found >= 0.0) & (found < 1.0)).all()


def test_the_largest_draw_is_below_one() -> None:
    """The highest 64-bit word becomes 1 - 2^-53: the key below mixes to it."""
    z = WORD - 1
    z ^= (z >> 31) ^ (z >> 62)
    z = z * pow(0x94D049BB133111EB, -1, WORD) % WORD
    z ^= (z >> 27) ^ (z >> 54)
    z = z * pow(0xBF58476D1CE4E5B9, -1, WORD) % WORD
    z ^= (z >> 30) ^ (z >> 60)
    assert mixed(z) == WORD - 1
    assert uniforms(z, 0, 1).tolist() == [1.0 - 2.0**-53]


@quick
@given(keys, st.lists(st.integers(0, 300), max_size=6))
def test_a_stream_can_be_cut_anywhere(key: int, cuts: list[int]) -> None:
    """A stream drawn in any pieces is the same stream."""
    bounds = [0, *sorted(cuts), 300]
    pieces = [uniforms(key, first, last - first) for first, last in pairwise(bounds)]
    assert np.concatenate(pieces).tobytes() == uniforms(key, 0, 300).tobytes()


def test_uniforms_have_the_moments_of_the_uniform_distribution() -> None:
    """A million draws of one key have mean 1/2, variance 1/12, uncorrelated neighbours and even bins."""
    found = uniforms(20240229, 0, 10**6)
    assert abs(found.mean() - 1 / 2) < 5 * (1 / 12 / 10**6) ** 0.5
    assert abs(found.var() - 1 / 12) < 5 * (1 / 180 / 10**6) ** 0.5
    assert abs(np.corrcoef(found[:-1], found[1:])[0, 1]) < 5 / 10**3
    filled = np.histogram(found, bins=100, range=(0.0, 1.0))[0]
    assert np.abs(filled - 10**4).max() < 5 * 10**2
