from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from qsweep.tracking.provenance import PACKAGES

pytestmark = pytest.mark.slow

CODE = "import json; from qsweep.tracking.provenance import provenance; print(json.dumps(dict(provenance())))"


def provenance_in(folder: Path, **settings: str) -> dict[str, str]:
    """Return the tags of a process that runs in `folder`; they are determined once per process."""
    ran = subprocess.run(
        [sys.executable, "-c", CODE],
        cwd=folder,
        env={**os.environ, **settings},
        capture_output=True,
        check=True,
    )
    tags: dict[str, str] = json.loads(ran.stdout)
    assert ran.stderr == b""
    return tags


def git(folder: Path, *arguments: str) -> str:
    """Run git with a fixed author and return its output."""
    somebody = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    ran = subprocess.run(["git", *somebody, *arguments], cwd=folder, capture_output=True, check=True)
    return ran.stdout.decode().strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Create a repository with one commit of one file."""
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file").write_text("one")
    git(tmp_path, "add", "file")
    git(tmp_path, "commit", "--quiet", "--message", "First")
    return tmp_path


def of_git(tags: dict[str, str]) -> dict[str, str]:
    return {key: value for key, value in tags.items() if key.startswith("qsweep.git")}


def test_a_clean_repository(repository: Path) -> None:
    """The tag is the checked-out commit; untracked files, such as runs, do not make it dirty."""
    (repository / "mlruns").mkdir()
    (repository / "mlruns" / "mlflow.db").touch()
    commit = git(repository, "rev-parse", "HEAD")
    assert of_git(provenance_in(repository)) == {"qsweep.git_commit": commit, "qsweep.git_dirty": "false"}


def test_a_folder_of_a_repository(repository: Path) -> None:
    """The commit is the same in every folder of the repository, and a change anywhere counts."""
    (repository / "deeper").mkdir()
    (repository / "file").write_text("two")
    commit = git(repository, "rev-parse", "HEAD")
    tags = provenance_in(repository / "deeper")
    assert of_git(tags) == {"qsweep.git_commit": commit, "qsweep.git_dirty": "true"}


def test_a_staged_change(repository: Path) -> None:
    """A staged change makes the commit dirty; once committed, there is another commit."""
    (repository / "file").write_text("two")
    git(repository, "add", "file")
    before = provenance_in(repository)
    assert before["qsweep.git_dirty"] == "true"
    git(repository, "commit", "--quiet", "--message", "Second")
    after = provenance_in(repository)
    assert after["qsweep.git_dirty"] == "false"
    assert after["qsweep.git_commit"] != before["qsweep.git_commit"]


def test_outside_a_repository(tmp_path: Path) -> None:
    """Without a repository, or without a commit, there are no git tags."""
    outside = {"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    assert of_git(provenance_in(tmp_path, **outside)) == {}
    git(tmp_path, "init", "--quiet")
    assert of_git(provenance_in(tmp_path, **outside)) == {}


def test_without_git(repository: Path) -> None:
    """Without git there are no git tags."""
    (repository / "bin").mkdir()
    assert of_git(provenance_in(repository, PATH=str(repository / "bin"))) == {}


def test_versions_are_those_installed(repository: Path) -> None:
    """The versions of qsweep, Python and the result-relevant packages are the installed ones."""
    tags = provenance_in(repository)
    assert tags["qsweep.version"] == version("qsweep")
    assert json.loads(tags["qsweep.packages"]) == {name: version(name) for name in PACKAGES}
    assert {"gymnasium", "numpy", "numba", "hydra-core", "mlflow"} <= set(PACKAGES)
    assert tags["qsweep.python"] == platform.python_version()
    assert tags["qsweep.platform"] == platform.platform()
