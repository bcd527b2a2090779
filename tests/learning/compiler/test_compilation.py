from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qsweep
from qsweep.environments.twins.pcg64 import uniform
from qsweep.learning.agent.exploration import sample_action
from qsweep.learning.algorithms.n_step_sarsa import n_step_return
from qsweep.learning.compiler.compilation import compiled, specialised

SCALE = 3.0


def triple(x: float) -> float:
    """A plain function that uses a constant of its module."""
    return SCALE * x


def third(x: float) -> float:
    """A plain function that replaces `triple`."""
    return x / SCALE


def twice(x: float) -> float:
    """A plain function that calls another."""
    return triple(x) + triple(x)


def test_compiled_and_plain_code_agree() -> None:
    """A compiled function with the functions that it calls gives the interpreter's result."""
    from numba import float64

    found = compiled(twice, float64(float64))
    assert [found(x) for x in (0.1, -2.0)] == [twice(x) for x in (0.1, -2.0)] == [0.1 * 3.0 * 2, -12.0]


def test_a_global_name_can_be_replaced() -> None:
    """A replaced global name has its new value in both forms; the original function is unchanged."""
    from numba import float64

    names = {"triple": third}
    assert specialised(twice, names)(6.0) == compiled(twice, float64(float64), names)(6.0) == 4.0
    assert compiled(triple, float64(float64), {"SCALE": 5.0})(2.0) == specialised(triple, {"SCALE": 5.0})(2.0)
    assert (twice(6.0), twice.__globals__["SCALE"]) == (36.0, 3.0)
    assert (specialised(twice, names).__name__, specialised(twice, names).__doc__) == ("twice", twice.__doc__)


def test_names_are_replaced_in_called_functions() -> None:
    """A name is replaced in all called functions of its module, which is the function's own by default."""
    from numba import float64

    signature = float64(float64)
    assert compiled(twice, signature, {"SCALE": 5.0})(1.0) == 10.0
    assert compiled(twice, signature, {f"{__name__}.SCALE": 5.0})(1.0) == 10.0
    assert compiled(twice, signature, {"elsewhere.SCALE": 5.0})(1.0) == 6.0


def test_it_is_compiled_once() -> None:
    """The same request returns the same function; other replacements return another one."""
    from numba import float64

    signature = float64(float64)
    assert compiled(twice, signature) is compiled(twice, float64(float64))
    assert compiled(twice, signature, {"triple": third}) is not compiled(twice, signature)


def test_it_takes_one_signature_only() -> None:
    """Arguments of other types are refused instead of compiling for them."""
    from numba import float64

    with pytest.raises(TypeError, match="No matching definition"):
        compiled(twice, float64(float64))("1")


def test_numpys_random_numbers() -> None:
    """A stream gives the numbers of numpy's generator with the same seed, compiled or not."""
    from numba import float64, uint64

    from qsweep.environments.twins.pcg64 import stream

    draws = compiled(uniform, float64(uint64[::1]))
    for seed in (0, 1, 2**31, 123_456_789_012_345):
        one, other = stream(seed), stream(seed)
        expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed))).random(2000)
        assert [draws(one) for _ in range(2000)] == expected.tolist()
        with np.errstate(over="ignore"):
            assert [uniform(other) for _ in range(2000)] == expected.tolist()
        assert one.tolist() == other.tolist()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=9), st.data())
def test_a_return_is_the_same_compiled(rewards: list[float], data: st.DataObject) -> None:
    """The n-step return is the same bit for bit, wherever in the ring buffer it begins."""
    from numba import float64, int64

    found = compiled(n_step_return, float64(float64[::1], int64, int64, float64, float64))
    first, count = (data.draw(st.integers(0, len(rewards) - end)) for end in (1, 0))
    gamma, q_next = data.draw(st.floats(0, 1)), data.draw(st.floats(-1e3, 1e3))
    arguments = (np.array(rewards), first, count, gamma, q_next)
    assert found(*arguments) == n_step_return(*arguments)


def test_choosing_is_the_same_compiled() -> None:
    """A number selects the same action of a policy, compiled or not."""
    from numba import float64, int64

    found = compiled(sample_action, int64(float64[::1], int64, float64))
    generator = np.random.default_rng(0)
    for _ in range(200):
        policy, u = generator.dirichlet([0.5] * 4), generator.random()
        assert found(policy, 4, u) == sample_action(policy, 4, u)


TRAIN = """
from qsweep.tracking.checkpoints import sha256
from qsweep.plan.resolution import resolve
from qsweep.learning.training import train

values = {"episodes": 20, "buckets": 5, "env": {"id": "MountainCar-v0"}, "engine": "compiled"}
*_, last = train(resolve(values))
print(sha256(last.q_table))
"""

BEGIN = """
import os
from numba.core import event

class Begun(event.Listener):
    def on_start(self, began):
        print(began.data["dispatcher"].py_func.__name__, flush=True)
        os._exit(0)

    def on_end(self, ended):
        pass

event.register("numba:compile", Begun())
"""
"""Ends a process that begins to compile, which would take it ten seconds, with the name of the function."""

EDITS = {
    "the rule": ("learning/algorithms/q_learning.py", "return r + gamma", "return r + 0.5 * gamma"),
    "the step size": (
        "learning/agent/values.py",
        "alpha: float = agent.rates",
        "alpha: float = 0.5 * agent.rates",
    ),
    "the choice": ("learning/agent/exploration.py", "if u < epsilon:", "if u < 0.5 * epsilon:"),
    "the grid": ("environments/grid.py", "bucket = int(x)", "bucket = int(x / 2)"),
    "the twin": ("environments/twins/mountain_car.py", "0.0025", "0.0021"),
}


@dataclass(frozen=True)
class Process:
    """The output of a process, and the sorted names of the functions that it compiled and loaded."""

    printed: str
    compiled: list[str]
    loaded: list[str]


def process(code: str, cache: Path, *folders: Path) -> Process:
    """Run code that imports from some folders, with its own cache of compiled code."""
    path = os.pathsep.join(map(str, folders))
    settings = {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": path, "NUMBA_DEBUG_CACHE": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | settings, capture_output=True, check=True, text=True
    )
    lines = re.findall(r"^\[cache\] data (saved|loaded).*\.(\w+)_[0-9a-f]{12}-\w+", ran.stdout, re.MULTILINE)
    saved, loaded = (sorted(name for what, name in lines if what == kind) for kind in ("saved", "loaded"))
    printed = [line for line in ran.stdout.splitlines() if not line.startswith("[cache]")]
    return Process("\n".join(printed), saved, loaded)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Process]:
    """Run processes one after the other, with one cache, on one copy of the source that is edited."""
    source, cache = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("cache")
    package = source / "qsweep"
    shutil.copytree(Path(qsweep.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    reports = {name: process(TRAIN, cache, source) for name in ("first", "second")}
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    shutil.copytree(package, elsewhere / "qsweep", copy_function=shutil.copyfile)  # with times of its own
    reports["another checkout"] = process(TRAIN, cache, elsewhere)
    unwritable = tmp_path_factory.mktemp("no") / "folder"
    unwritable.write_text("a file")
    reports["unwritable"] = process(TRAIN, unwritable, elsewhere)
    for name, (file, old, new) in EDITS.items():
        text = (package / file).read_text()
        assert text.count(old) == 1
        (package / file).write_text(text.replace(old, new))
        reports[name] = process(BEGIN + TRAIN, cache, source)
    reports["all edits"] = process(TRAIN, cache, source)
    return reports


ALL = ["train_lanes"]


@pytest.mark.slow
def test_the_first_process_compiles(processes: Mapping[str, Process]) -> None:
    """With an empty cache, the loop with algorithm and twin is compiled as one function."""
    assert (processes["first"].compiled, processes["first"].loaded) == (ALL, [])


@pytest.mark.slow
def test_a_second_process_compiles_nothing(processes: Mapping[str, Process]) -> None:
    """The second process loads the compiled code from disk and trains the same Q-table."""
    assert (processes["second"].compiled, processes["second"].loaded) == ([], ALL)
    assert processes["second"].printed == processes["first"].printed


@pytest.mark.slow
def test_another_checkout_compiles_nothing(processes: Mapping[str, Process]) -> None:
    """The same source in another folder loads what the first has compiled."""
    assert (processes["another checkout"].compiled, processes["another checkout"].loaded) == ([], ALL)
    assert processes["another checkout"].printed == processes["first"].printed


@pytest.mark.slow
def test_without_a_cache_folder_code_is_kept_beside_the_source(processes: Mapping[str, Process]) -> None:
    """Where the user's cache folder cannot be written, the loop is compiled and saved elsewhere."""
    assert (processes["unwritable"].compiled, processes["unwritable"].loaded) == (ALL, [])
    assert processes["unwritable"].printed == processes["first"].printed


@pytest.mark.slow
def test_edits_give_another_table(processes: Mapping[str, Process]) -> None:
    """Edits in the files of algorithm, agent, grid and twin compile the loop again, to another Q-table."""
    assert (processes["all edits"].compiled, processes["all edits"].loaded) == (ALL, [])
    assert processes["all edits"].printed != processes["first"].printed


@pytest.mark.slow
@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_compiles_the_loop_again(edit: str, processes: Mapping[str, Process]) -> None:
    """After an edit of any function in it, the loop is compiled first, under a name of its own."""
    names = [processes[name].printed for name in EDITS]
    assert processes[edit].printed.startswith("train_lanes_")
    assert (names.count(processes[edit].printed), processes[edit].loaded) == (1, [])


CALLER = """
from parts import FACTOR, Pair, inner
import extra

def outer(x):
    p = Pair(x, 10.0 * x)
    return FACTOR * inner(p.one) + (lambda y: y + SHIFT)(0.0) if x > 0 else extra.NOTHING

from settings import SHIFT
"""
PARTS = """
from typing import NamedTuple
from numba import njit
from further import STEEPNESS

FACTOR = 2.0

class Pair(NamedTuple):
    one: float
    two: float

@njit
def steep(x):
    return x * STEEPNESS

def inner(x):
    return steep(x) + LIFT

LIFT = 0.0
"""
FILES = {
    "caller.py": CALLER,
    "parts.py": PARTS,
    "settings.py": "SHIFT = 100.0",
    "further.py": "STEEPNESS = 1.0",
    "extra.py": "NOTHING = 0.0",
}
CALL = """
from numba import float64
import caller
from qsweep.learning.compiler.compilation import compiled
print(compiled(caller.outer, float64(float64))(1.0))
"""
CHANGES: list[tuple[str, str, str, float]] = [
    ("caller.py", "FACTOR *", "0.5 * FACTOR *", 101.0),
    ("caller.py", "0.5 * FACTOR *", "FACTOR *", 102.0),  # and back
    ("settings.py", "100.0", "200.0", 202.0),  # a constant from another file, in a nested function
    ("further.py", "1.0", "3.0", 206.0),  # a constant of a function that is a numba function already
    ("parts.py", "LIFT = 0.0", "LIFT = 5.0", 216.0),
    ("parts.py", "    one: float\n    two: float", "    two: float\n    one: float", 270.0),
]


@pytest.mark.slow
def test_edits_of_constants_and_classes_are_noticed(tmp_path: Path) -> None:
    """An edit of a constant or class that a function imports from another file is noticed."""
    source, cache = tmp_path / "source", tmp_path / "cache"
    source.mkdir()
    for name, text in FILES.items():
        (source / name).write_text(text)
    folders = (source, Path(qsweep.__file__).parents[1])
    assert process(CALL, cache, *folders) == Process("102.0", ["outer"], [])
    assert process(CALL, cache, *folders) == Process("102.0", [], ["outer"])
    for file, old, new, expected in CHANGES:
        text = (source / file).read_text()
        assert old in text
        (source / file).write_text(text.replace(old, new))
        assert float(process(CALL, cache, *folders).printed) == expected, (file, new)


def test_any_value_may_be_part_of_the_digest() -> None:
    """Numpy numbers can replace global names."""
    from numba import float64

    odd: dict[str, Any] = {"SCALE": np.float64(2.0), "triple": third}
    assert compiled(twice, float64(float64), odd)(6.0) == 6.0  # replaced in the called function, too
    assert compiled(triple, float64(float64), {"SCALE": np.float64(2.0)})(6.0) == 12.0


SAYING = """
def step(x):
    if x > 3.0:
        print("position", x)
    return x + 1.0

def walk(x):
    return step(x)
"""
SAY = """
from numba import float64
import walking
from qsweep.learning.compiler.compilation import compiled
print(compiled(walking.walk, float64(float64))(4.0))
"""


@pytest.mark.integration
def test_a_function_may_print(tmp_path: Path) -> None:
    """A twin that prints while it is debugged does so, in the process that compiles it and in the next."""
    (tmp_path / "walking.py").write_text(SAYING)
    source = Path(qsweep.__file__).parents[1]
    ran = [process(SAY, tmp_path / "cache", tmp_path, source) for _ in range(2)]
    assert [each.printed.splitlines() for each in ran] == [["position 4.0", "5.0"]] * 2
    assert [each.compiled for each in ran] == [["walk"], []]


LOSING = """
import os, shutil
from numba import float64
import walking
from qsweep.learning.compiler import kernel_cache
from qsweep.learning.compiler.compilation import compiled
folder = kernel_cache._folder()
old = folder / "of last month"
old.touch()
os.utime(old, (0, 0))
print(compiled(walking.step, float64(float64))(1.0), old.exists())
shutil.rmtree(folder)
folder.touch()
print(compiled(walking.walk, float64(float64))(1.0), folder.is_file())
"""


@pytest.mark.integration
def test_code_that_cannot_be_saved_runs(tmp_path: Path) -> None:
    """Where the folder is lost on the way, code is compiled and used all the same; old files are deleted."""
    (tmp_path / "walking.py").write_text(SAYING)
    ran = process(LOSING, tmp_path / "cache", tmp_path, Path(qsweep.__file__).parents[1])
    assert ran.printed.splitlines() == ["2.0 False", "2.0 True"]
    assert ran.compiled == ["step"]
