"""Tests of the package's long description, and of the locked versions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hatch_build import long_description

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
LOCKED = re.compile(r"^([a-z0-9-]+)(?:\[.+\])?==(\S+)(?: ; (python_full_version \S+ \S+))?", re.MULTILINE)
TARGETS = re.compile(r"\]\(([^)]+)\)")


def test_links_and_pictures_become_absolute() -> None:
    """Pictures lead to their files, links to pages of the repository; other links stay."""
    text = "![A curve](docs/a.png)\n[page](docs/a.md#part), [MLflow](https://mlflow.org)\n"
    assert long_description(text, "https://example.org/qsweep") == (
        "![A curve](https://example.org/qsweep/raw/main/docs/a.png)\n"
        "[page](https://example.org/qsweep/blob/main/docs/a.md#part), [MLflow](https://mlflow.org)\n"
    )
    assert long_description(text, "") == "page, [MLflow](https://mlflow.org)\n"


@pytest.mark.parametrize("repository", ["", "https://example.org/qsweep"])
def test_no_link_of_the_readme_stays_relative(repository: str) -> None:
    """A package index shows the text without the repository's files."""
    readme = README.read_text("utf-8")
    assert any(not target.startswith("http") for target in TARGETS.findall(readme))
    made = long_description(readme, repository)
    assert all(target.startswith("https://") for target in TARGETS.findall(made))
    assert len(made) > 0.8 * len(readme)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-server.lock"])
def test_what_runs_is_what_tests_ran(name: str) -> None:
    """Each version that users get is locked for the tests, too, on the same Pythons; no index is named."""
    tested = set(LOCKED.findall((ROOT / "requirements-dev.lock").read_text()))
    text = (ROOT / name).read_text()
    versions = set(LOCKED.findall(text))
    assert len(versions) > 100
    assert versions <= tested
    assert "://" not in text
