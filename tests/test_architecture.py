from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import qsweep

SOURCE = Path(qsweep.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

ORDER = (
    *("problems", "config", "checking", "durable", "interrupts", "liveness", "leaving", "garbage", "arrow"),
    *("reading", "failures"),
    *("discretizer", "schedules", "seeds", "agents", "learning"),
    *("packing", "unpacking", "compile_notice", "compiling", "dynamics"),
    *("textbook", "wrappers", "environments", "grids", "twins", "applicability", "resolution"),
    *("training", "curves", "evaluation", "optimum", "checkpoints", "episodes"),
    *("policy_page", "policy", "tracking", "names", "model", "model_code", "registry", "pulling"),
    *("pictures", "report", "playing"),
    *("unfinished", "recording", "progress", "jobs", "stopwatch", "runner", "wanted", "batches"),
    *("reproduction", "filming"),
    *(
        "overrides",
        "composition",
        "search",
        "relaunching",
        "parents",
        "launching",
        "winners",
        "rehearsing",
        "sweeps",
        "clusters",
        "multiruns",
        "launch",
        "verification",
        "serving",
    ),
    *("doctor", "gc", "cli", "__init__"),
)
"""Each module or package of qsweep imports only from its left; `__init__` is the public face."""

PURE = ("discretizer", "schedules", "seeds")

HOMES = {
    "PIL": {"pictures"},
    "av": {"pictures"},
    "gymnasium": {"environments", "optimum", "textbook", "wrappers"},
    "matplotlib": {"report", "pictures"},
    "mlflow": {"doctor", "tracking", "registry", "report"},
    "numba": {
        "checkpoints",
        "compile_notice",
        "compiling",
        "dynamics",
        "training",
        "evaluation",
        "optimum",
        "packing",
        "unpacking",
    },
    "optuna": {"search"},
    "pygame": {"pictures"},
}
"""Slow package -> who may import it."""

HEAVY = ("mlflow", "numba", "gymnasium", "matplotlib", "pandas", "hydra", "pyarrow", "pydantic", "numpy")


def place(file: Path) -> str:
    """The module, or the package right below qsweep, that a file belongs to."""
    return file.relative_to(SOURCE).with_suffix("").parts[0]


def imported(file: Path) -> Iterator[str]:
    """Dotted names of all that a file imports, anywhere in it, for type checking too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own(file: Path) -> set[str]:
    """Which other parts of qsweep a file imports from."""
    parts = (name.split(".") for name in imported(file))
    return {path[1] for path in parts if path[0] == "qsweep"} - {place(file)}


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(ran.stdout.split())


def test_every_module_has_its_place() -> None:
    """The order names all modules, each once."""
    assert {place(file) for file in FILES} <= set(ORDER)
    assert len(set(ORDER)) == len(ORDER)


def test_imports_go_one_way() -> None:
    """No module imports from its right, not even inside a function or for its types alone."""
    rank = {name: number for number, name in enumerate(ORDER)}
    backwards = {
        (str(file.relative_to(SOURCE)), name)
        for file in FILES
        for name in own(file)
        if rank[name] > rank[place(file)]
    }
    assert backwards == set()


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_take_plain_numbers(name: str) -> None:
    """Discretizer, schedules, seeds and rules import nothing of qsweep, no config above all."""
    assert own(SOURCE / f"{name}.py") == set()


@pytest.mark.parametrize("package", sorted(HOMES))
def test_slow_packages_are_imported_at_home_only(package: str) -> None:
    """Who does not need a slow package does not import it."""
    users = {place(file) for file in FILES for name in imported(file) if name.split(".")[0] == package}
    assert users <= HOMES[package]


def test_training_knows_no_tracker() -> None:
    """Loading both engines loads neither a tracker nor MLflow."""
    engines = "import qsweep.training.compiled_engine, qsweep.training.gymnasium_engine"
    loaded = loaded_by(engines)
    assert "qsweep.training.compiled_engine" in loaded
    assert {name for name in loaded if name.startswith(("mlflow", "qsweep.tracking"))} == set()


@pytest.mark.parametrize("module", ["qsweep", "qsweep.cli"])
def test_the_command_line_loads_nothing_heavy(module: str) -> None:
    """`qsweep --help` answers at once, for it loads no slow package."""
    assert loaded_by(f"import {module}") & set(HEAVY) == set()
