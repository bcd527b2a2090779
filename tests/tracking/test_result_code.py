from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path

import pytest

from qsweep.environments import description
from qsweep.plan.resolution import resolve
from qsweep.tracking import result_code
from qsweep.tracking.result_code import code_of, imported, own_modules

FILES = {
    "pond.py": """
import gymnasium
from gymnasium import spaces
from pond_parts import EDGE
import pond_shape.sides as sides


class Pond(gymnasium.Env):
    observation_space, action_space = spaces.Discrete(3), spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        from pond_late import LATE
        return 0, {}

    def step(self, action):
        return 0, EDGE + sides.LEFT, False, False, {}


gymnasium.register("Pond-v0", entry_point=Pond, max_episode_steps=9)
""",
    "pond_parts.py": "from pond_numbers import (  # two files away\n    one as EDGE,\n)\n",
    "pond_numbers.py": "one = 1.0\n",
    "pond_shape/__init__.py": "",
    "pond_shape/sides.py": "from . import inner\nfrom .inner import LEFT\n",
    "pond_shape/inner.py": "LEFT = 1.0\n",
    "pond_late.py": "from pond_scales.parts.weights import LATE\n",
    "pond_scales/__init__.py": "",
    "pond_scales/parts/weights.py": "LATE = 1\n",  # in a folder without __init__.py
    "pond_wrapper.py": "import pond_late\n\n\ndef wrap(env):\n    return env\n",
    "unrelated.py": "X = 1\n",
}


@pytest.fixture
def pond(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Write an environment of several modules into the current folder."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    """Forget what this process knows of the pond, as another process would not know it."""
    for name in [name for name in sys.modules if name.startswith("pond")]:
        del sys.modules[name]
    cached = (result_code._code, result_code._bytes, result_code._spec_of, result_code._is_project)
    for each in (*cached, description._describe):
        each.cache_clear()


def code(**more: object) -> str:
    """Return the code of a run on the pond, as a new process finds it."""
    forget()
    return code_of(resolve({"env": {"id": "pond:Pond-v0", **more}}))


@pytest.mark.parametrize(
    "name", [name for name in FILES if name.startswith("pond") and "wrapper" not in name]
)
def test_an_edit_of_the_environment_or_its_helpers_is_noticed(name: str, pond: Path) -> None:
    """However far away the module is, and also if it is imported later on; and the edit can be taken back."""
    before, text = code(), (pond / name).read_text()
    (pond / name).write_text(text + "\n# another line\n")
    assert code() != before
    (pond / name).write_text(text)
    assert code() == before


def test_an_edit_of_a_wrapper_is_noticed(pond: Path) -> None:
    """The module that the config names, though the environment's classes do not show it."""
    plain, before = code(), code(wrapper="pond_wrapper:wrap")
    (pond / "pond_wrapper.py").write_text(FILES["pond_wrapper.py"] + "# more\n")
    assert code(wrapper="pond_wrapper:wrap") not in (plain, before)
    assert code() == plain


def test_other_edits_do_not_matter(pond: Path) -> None:
    """A module that nothing imports does not change the code."""
    before = code()
    (pond / "unrelated.py").write_text("X = 2\n")
    assert code() == before


def test_the_version_of_the_environments_distribution_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version of Gymnasium makes other results of its environments."""

    def found(version: Mapping[str, str]) -> str:
        for each in (result_code._code, result_code._version):
            each.cache_clear()
        monkeypatch.setattr(metadata, "version", lambda name: version.get(name, "1"))
        return code_of(resolve({}))

    assert found({"gymnasium": "1.2"}) != found({"gymnasium": "1.3"})
    assert found({"numpy": "1.2"}) == found({"numpy": "1.3"})
    monkeypatch.undo()
    for each in (result_code._code, result_code._version):
        each.cache_clear()


def test_the_modules_that_decide_a_result() -> None:
    """They are found by their imports: engines, algorithms and compiler, but neither reports nor commands."""
    found = own_modules()
    needed = (
        "learning.compiler.packing",
        "learning.compiler.intrinsics",
        "learning.engines.loop",
        "config",
        "seeds",
    )
    named = ("learning.engines.gymnasium_engine", "learning.algorithms.dyna_q", "environments.twins.acrobot")
    assert {f"qsweep.{name}" for name in (*needed, *named)} <= found.keys()
    wings = {name.split(".")[1] for name in found if "." in name}
    assert wings.isdisjoint({"report", "pictures", "runs", "commands", "cli", "plan"})
    assert "qsweep.tracking.store" not in found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import a.b", [("a.b", "a.b")]),
        ("import a as b, c", [("a", "a"), ("c", "c")]),
        ("    from a import b", [("a", "a.b")]),
        ("from a import (\n    b,  # so\n    c as d,\n)", [("a", "a.b"), ("a", "a.c")]),
        ("from . import b", [("p", "p.b")]),
        ("from .q import b", [("p.q", "p.q.b")]),
        ("from ..q import b", []),
        ("x = 'import a'", []),
    ],
)
def test_import_statements(text: str, found: list[tuple[str, str]]) -> None:
    """The modules of a statement are found without running it."""
    names = [pair for pair in imported("p.module", Path("p/module.py"), text) if pair[1].split(".")[-1]]
    assert names == found
