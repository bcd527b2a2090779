from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from qsweep.cli import main
from qsweep.runs.sweep.clusters import cluster_problems

SERVER = "http://127.0.0.1:1"


def said(launcher: str, uri: str = SERVER) -> list[str]:
    return [str(problem) for problem in cluster_problems(launcher, uri)]


@pytest.mark.parametrize(("launcher", "module"), [("ray", "ray"), ("slurm", "submitit")])
def test_an_extra_that_is_not_installed(launcher: str, module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names what is missing and what to install."""
    monkeypatch.setitem(sys.modules, module, None)
    [line] = said(launcher)
    assert line.startswith(f"hydra/launcher: needs {module}, which is not installed; given '{launcher}'")
    assert line.endswith(f"(pip install {module})")


@pytest.mark.parametrize("launcher", ["ray", "slurm"])
@pytest.mark.parametrize("uri", ["local", "sqlite:////a/b.db", "postgresql://host/name"])
def test_a_store_that_other_machines_do_not_see(launcher: str, uri: str) -> None:
    """A cluster reports to a tracking server, or nowhere."""
    [line] = said(launcher, uri=uri)
    assert line.startswith("tracking.uri: must be none, or a tracking server that all machines can reach")
    assert (said(launcher), said(launcher, uri="none")) == ([], [])


def test_other_launchers_are_free() -> None:
    """Runs on this machine may be recorded anywhere."""
    assert said("joblib", uri="local") == said("basic", uri="local") == []


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All problems are reported at once, with exit code 2 and no files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    ran = CliRunner().invoke(main, ["train", "-m", "hydra/launcher=ray", "seed=0,1"])
    assert ran.exit_code == 2
    assert [line.split(":")[1] for line in ran.stderr.splitlines()] == [" hydra/launcher", " tracking.uri"]
    assert list(tmp_path.iterdir()) == []
