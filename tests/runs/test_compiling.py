from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from qsweep import load_config
from qsweep.environments.resolved import Resolved
from qsweep.learning.compiler.notice import BEGIN, END
from qsweep.runs import compiling
from tests.support.commands import QSWEEP


def kernels(cache: Path) -> list[str]:
    """The names of the loops in a cache folder."""
    return sorted(file.name.split("_")[0] for file in cache.glob("qsweep/kernels/*/*.nbc"))


@pytest.mark.slow
@pytest.mark.integration
def test_the_first_run_compiles_each_loop_once(tmp_path: Path) -> None:
    """It trains, evaluates and stores with what its processes compiled, and says so in one line."""
    settings = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
    settings.pop("NUMBA_CACHE_DIR", None)
    run = [QSWEEP, "train", "env=cart_pole", "episodes=50", "--quiet"]
    said = []
    for seed in (0, 1):
        ran = subprocess.run(
            [*run, f"seed={seed}"], cwd=tmp_path, env=settings, check=True, capture_output=True, text=True
        )
        said.append(ran.stderr)
    assert said == [f"{BEGIN}q_learning for CartPole-v1{END}\n", ""]
    compiled = kernels(tmp_path / "cache")
    assert {"greedy", "loop.train"} <= set(compiled)
    assert len(compiled) == len(set(compiled))


@pytest.mark.parametrize(
    ("variants", "seeds", "together"),
    [(1, 1, [1]), (1, 3, [1]), (1, 16, [4]), (2, 10, [4]), (4, 5, [3]), (4, 10, [5]), (1, 33, [4, 1])],
)
def test_seeds_as_a_sweep_trains_them(
    monkeypatch: pytest.MonkeyPatch, variants: int, seeds: int, together: list[int]
) -> None:
    """The loop of several seeds is compiled if any will train interleaved, and that of one if one is left."""
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    runs = [
        Resolved.of(load_config([f"buckets={2 + variant}", f"seed={seed}"]))
        for variant in range(variants)
        for seed in range(seeds)
    ]
    groups = compiling._groups(runs)
    assert [len(group) for group in groups] == together
    assert all(group[0].config.buckets == 2 for group in groups)


def test_where_something_is_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process is started beside a later run, or where numba keeps its files elsewhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    assert compiling._is_first()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not compiling._is_first()
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    (tmp_path / "qsweep" / "kernels" / "a").mkdir(parents=True)
    assert compiling._is_first()
    (tmp_path / "qsweep" / "kernels" / "a" / "loop.nbi").touch()
    assert not compiling._is_first()
