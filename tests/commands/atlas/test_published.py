"""The atlas in docs/atlas: the commands of its pages, and the policies that come with qsweep."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from qsweep.commands.atlas.protocol import protocol
from qsweep.commands.play import play
from qsweep.plan import overrides
from qsweep.plan.command_line import read
from qsweep.plan.composition import load_config
from qsweep.policies.registry.shipped import shipped, shipped_names
from qsweep.runs.search.planning import search_plan

FOLDER = Path(__file__).parents[3] / "docs" / "atlas"
NAMES = sorted(name for name in protocol().environments if (FOLDER / f"{name}.md").exists())


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text()


def test_every_page_has_a_policy() -> None:
    """Every environment in the table has its page, and its best policy is shipped."""
    rows = re.findall(r"^\| \[(\w+)\]\(\1\.md\)", (FOLDER / "README.md").read_text(), re.MULTILINE)
    assert sorted(rows) == NAMES
    assert shipped_names() == [f"atlas:{name}" for name in NAMES]
    assert all(shipped(name).q_table.size for name in shipped_names())


@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_page(name: str) -> None:
    """Its search and its reported runs are accepted as they stand there."""
    [block] = re.findall(r"```bash\n(.*?)```", page(name), re.DOTALL)
    search, reported = ([*map(overrides.normalized, shlex.split(line)[3:])] for line in block.splitlines())
    line = read(search, True)
    assert search_plan(line.lines, line.sweeper).settings.trials == protocol().budgets["small"].trials
    config = load_config([word for word in reported if not word.startswith("seed=")])
    assert config.steps == protocol().budgets["small"].steps


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_policy_reaches_what_its_page_says(name: str) -> None:
    """Played from other starts, the best policy has the mean return on its page."""
    [told] = re.findall(r"^The best policy, (-?[\d.,]+), was learned by", page(name), re.MULTILINE)
    returns = np.asarray(play(f"atlas:{name}", episodes=500).rollouts.returns)
    expected, error = float(told.replace(",", "")), returns.std() / np.sqrt(len(returns))
    assert abs(returns.mean() - expected) <= 5 * error + 1e-3 * abs(expected)
