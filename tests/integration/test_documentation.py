"""The commands and snippets in README and docs, run, and what the lessons say that they print."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from qsweep.commands.atlas.protocol import protocol
from tests.support.examples import LESSONS, outputs, run_example, words

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *sorted(page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md"))]
ATLAS = [f"docs/atlas/{name}.md" for name in protocol().environments]
"""Pages whose commands train for a minute each; tests/commands/atlas/test_published.py composes them."""
ELSEWHERE = ("make ", "qsweep ui", "pip install ")
"""Commands that other tests run: make by CI itself, the UI in a browser; and one that needs a network."""

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a language in a page."""
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def commands(page: str) -> list[str]:
    """The shell commands of a page, without those that other tests run."""
    lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
    return [line for line in lines if line.strip() and not line.startswith(ELSEWHERE)]


def write_files(page: str, folder: Path) -> None:
    """Write the blocks of a page that name a file, ```python my_module.py, into a folder."""
    for name, text in re.findall(r"```\w+ (\S+)\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.mark.parametrize("page", sorted({*PAGES} - {*LESSONS} - {*ATLAS}))
def test_every_command_of_a_page_succeeds(page: str, tmp_path: Path) -> None:
    """The commands of a page, typed one after the other beside the files it shows, all succeed.

    Only the README's multiruns start workers and draw reports: workers import everything again for some short
    runs, and a report takes longer than those.
    """
    write_files(page, tmp_path)
    for command in commands(page):
        run_example(command, tmp_path, short=page != "README.md")


@pytest.mark.parametrize("page", LESSONS)
def test_every_output_of_a_lesson_is_what_its_commands_print(page: str, tmp_path: Path) -> None:
    """A lesson's commands and lines of Python succeed, and print the text that the page shows after them."""
    for block, printed in outputs((ROOT / page).read_text(), tmp_path):
        for line in block[2].splitlines():
            assert words(line) in words(printed), f"{line}\nis not in\n{printed}"


def test_the_notebook_lines_give_a_learning_curve(tmp_path: Path) -> None:
    """The README's Python block runs as it stands and ends in a curve that rises."""
    [code] = blocks("README.md", "python")
    check = "assert len(returns) == 5000 and returns[-500:].mean() > returns[:500].mean()"
    settings = {**os.environ, "MPLBACKEND": "Agg"}
    subprocess.run([sys.executable, "-c", f"{code}\n{check}"], cwd=tmp_path, env=settings, check=True)


def test_the_history_is_read_without_qsweep(tmp_path: Path) -> None:
    """The Python block of docs/records.md reads the last Q-table of a real history."""
    import numpy as np

    from qsweep.tracking.checkpoints import FILE_NAME, History

    tables = np.random.default_rng(0).normal(size=(5, 4, 4, 3))
    with History(tmp_path / FILE_NAME, (4, 4, 3), {}) as history:
        for number, table in enumerate(tables, start=1):
            history.add(number, table)
    [code] = blocks("docs/records.md", "python")
    check = "np.save('read.npy', q_table)"
    subprocess.run([sys.executable, "-c", f"{code}\n{check}"], cwd=tmp_path, check=True)
    assert (np.load(tmp_path / "read.npy") == tables[-1]).all()


def test_links_lead_somewhere() -> None:
    """Every relative link of a page names a file that is there."""
    for page in PAGES:
        for link in re.findall(r"\]\((?!https?:)([^)#]+)\)", (ROOT / page).read_text()):
            assert ((ROOT / page).parent / link).exists(), f"{page}: {link}"
