from __future__ import annotations

from typing import Any

import pytest
import yaml

from qsweep.errors import UsageError
from qsweep.plan.conf import conf_folder
from qsweep.runs.search.settings import settings

GIVEN: dict[str, Any] = {
    "trials": 10,
    "seeds": "range(5)",
    "sampler": "tpe",
    "pruner": "median",
    "parallel": 4,
    "seed": 0,
    "study": None,
}


@pytest.mark.parametrize(
    ("typed", "seeds"),
    [
        ("range(3)", (0, 1, 2)),
        ("range(5,8)", (5, 6, 7)),
        ("0,2,4", (0, 2, 4)),
        ("[7]", (7,)),
        ([1, 2], (1, 2)),
    ],
)
def test_seeds(typed: Any, seeds: tuple[int, ...]) -> None:
    """Seeds are written as Hydra's ranges or lists, on the command line or in a preset."""
    assert settings({**GIVEN, "seeds": typed}).seeds == seeds


WRONG: list[tuple[str, Any]] = [
    ("trials", 0),
    ("trials", 1.5),
    ("trials", True),
    ("trials", None),
    ("seeds", 5),
    ("seeds", "5"),
    ("seeds", "range(0)"),
    ("seeds", "range(1e9)"),
    ("seeds", "range(1000000000)"),
    ("seeds", "1,1"),
    ("seeds", "-1,2"),
    ("seeds", "interval(0,1)"),
    ("seeds", "a,b"),
    ("seeds", None),
    ("sampler", "tpee"),
    ("pruner", "hyperband"),
    ("parallel", 0),
    ("seed", -1),
    ("study", ""),
    ("study", 3),
    ("study", "../elsewhere"),
    ("study", ".hidden"),
    ("study", "a/b"),
    ("study", "a\nb"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_invalid_settings(name: str, value: Any) -> None:
    """An invalid setting is refused; the message has its name and the value given."""
    with pytest.raises(UsageError) as refused:
        settings({**GIVEN, name: value})
    [problem] = refused.value.problems
    assert (problem.key, problem.given) == (f"hydra.sweeper.{name}", value)


def test_all_problems_at_once() -> None:
    """Every invalid setting is named."""
    with pytest.raises(UsageError) as refused:
        settings({**GIVEN, "trials": 0, "seeds": 5, "sampler": "x", "parallel": -1})
    assert len(refused.value.problems) == 4


def test_the_shipped_settings_are_valid() -> None:
    """By default a search has 100 trials of 5 seeds, as many at once as there are cores, without pruning."""
    shipped = yaml.safe_load((conf_folder() / "hydra/sweeper/qsweep_optuna.yaml").read_text())
    found = settings(shipped)
    assert (found.trials, found.seeds, found.pruner) == (100, (0, 1, 2, 3, 4), "none")
    assert found.parallel >= 1
