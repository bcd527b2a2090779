from __future__ import annotations

import pytest

from qsweep.environments.resolved import Resolved
from qsweep.learning import conduct as module
from qsweep.learning.conduct import STATEFUL, UNSEEDED, conduct
from qsweep.plan.resolution import resolve
from tests.support.misbehaving import ID

CARELESS = "tests.support.misbehaving:Careless-v0"


def careless(how: str) -> Resolved:
    """Return a run in an environment that is careless about seeds."""
    return resolve({"env": {"id": CARELESS, "kwargs": {"how": how}}})


@pytest.mark.parametrize(
    ("how", "found"), [("unseeded", UNSEEDED), ("constructed", UNSEEDED), ("stateful", STATEFUL), ("", None)]
)
def test_what_a_seed_does_not_control_is_found(how: str, found: str | None) -> None:
    """Two copies differ from one seed, or one copy the second time; a careful environment is not accused."""
    assert conduct(careless(how)) == ((f"{CARELESS}: {found}",) if found else ())


def test_an_environment_is_played_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runs of a process share what was found."""
    run, known = careless("stateful"), conduct(careless("stateful"))
    monkeypatch.setattr(module, "_play", None)
    assert conduct(run) == known


@pytest.mark.parametrize("preset", ["Blackjack-v1", "FrozenLake-v1", "Pendulum-v1"])
def test_gymnasiums_environments_are_careful(preset: str) -> None:
    """Nothing is said about them."""
    env = {"id": preset, **({"actions": 3} if preset == "Pendulum-v1" else {})}
    assert conduct(resolve({"env": env, "engine": "gymnasium", "buckets": 4})) == ()


@pytest.mark.parametrize("method", ["reset", "step"])
def test_an_environment_that_fails_is_not_accused(method: str) -> None:
    """Its run will say what is wrong."""
    env = {"id": ID, "kwargs": {"method": method, "how": "exit", "episode": 0, "at": 1}}
    assert conduct(resolve({"env": env})) == ()
