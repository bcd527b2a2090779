"""Policies of the atlas by the ids of their environments."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from qsweep.commands.play import play
from qsweep.commands.pull import pull
from qsweep.errors import UsageError
from qsweep.policies.policy import RECORD, Policy
from qsweep.policies.registry import shipped

IDS = {
    "Taxi-v4": "taxi",
    "FrozenLake-v1": "frozen_lake",
    "CliffWalking-v1": "cliff_walking",
    "CliffWalkingSlippery-v1": "cliff_walking_slippery",
    "CartPole-v1": "cart_pole",
    "Blackjack-v1": "blackjack",
    "qsweep/WindyGridworld-v0": "windy_gridworld",
}
"""Id -> the environment of the atlas that is the id's as it is registered."""


@pytest.mark.parametrize("env_id", IDS)
def test_an_id_stands_for_the_environment_as_it_is_registered(env_id: str) -> None:
    """Of two lakes it is the small one, of two taxis the one in dry weather."""
    by_id, by_name = (shipped.shipped(f"atlas:{name}") for name in (env_id, IDS[env_id]))
    assert by_id.env == by_name.env
    assert (by_id.env_id, by_id.env.kwargs) == (env_id, {})
    assert by_id.origin == by_name.origin


def test_an_id_is_pulled_and_played(workdir: Path) -> None:
    """`pull` writes the policy of an id, `play` plays it; neither needs a store."""
    pulled = pull(None, "atlas:Taxi-v4")
    assert pulled.folder == workdir / "atlas_Taxi-v4"
    assert (pulled.folder / RECORD).is_file()
    assert Policy.load(pulled.folder).env == shipped.shipped("atlas:taxi").env
    assert pull(None, "atlas:qsweep/WindyGridworld-v0").folder.parent == workdir
    assert play("atlas:FrozenLake-v1", episodes=2).policy.env.kwargs == {}


@pytest.mark.parametrize("kept", [("taxi_rainy",), ("taxi_rainy", "taxi", "dry_taxi"), ("a", "b")])
def test_an_id_that_is_no_single_environment(
    kept: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With none, or several, as it is registered, the names are listed."""
    for name in kept:
        original = "taxi_rainy" if name in ("taxi_rainy", "a", "b") else "taxi"
        shutil.copy(shipped.FOLDER / f"{original}.zip", tmp_path / f"{name}.zip")
    monkeypatch.setattr(shipped, "FOLDER", tmp_path)
    with pytest.raises(UsageError, match=r"must be one policy's name.*'atlas:Taxi-v4'") as raised:
        shipped.shipped("atlas:Taxi-v4")
    assert all(f"atlas:{name}" in str(raised.value) for name in kept)


@pytest.mark.parametrize(
    ("name", "meant"), [("atlas:Taxi-v3", "atlas:Taxi-v4?"), ("atlas:txi", "atlas:taxi?"), ("atlas:", "")]
)
def test_a_name_that_is_none(name: str, meant: str) -> None:
    """An id of another version, or a slip, is told the nearest name."""
    with pytest.raises(UsageError, match="is no policy of the atlas") as raised:
        shipped.shipped(name)
    assert meant in str(raised.value)
