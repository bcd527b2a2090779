from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import qsweep

SOURCE = Path(qsweep.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))
FOLDERS = sorted({file.parent for file in FILES})

ORDER = (
    *("errors", "config", "system", "seeds", "environments", "learning", "plan", "tracking", "policies"),
    *("pictures", "report", "runs", "commands", "cli", "__main__", "__init__"),
)
"""Each wing or root module of qsweep imports only from its left; `__init__` is the public face."""

PURE = ("environments/grid.py", "learning/schedules.py", "seeds.py")

HOMES = {
    "PIL": {"pictures"},
    "av": {"pictures"},
    "gymnasium": {"environments", "policies/optimum"},
    "matplotlib": {"report", "pictures"},
    "mlflow": {"commands/doctor", "commands/server", "tracking", "policies/registry", "report"},
    "numba": {"environments", "learning", "policies/evaluation"},
    "optuna": {"runs/search"},
    "pygame": {"pictures"},
}
"""Slow package -> the folders that may import it."""

HEAVY = ("mlflow", "numba", "gymnasium", "matplotlib", "pandas", "hydra", "pyarrow", "pydantic", "numpy")


def parts(file: Path) -> tuple[str, ...]:
    """The names that lead to a module, from the root of qsweep: ("runs", "sweep", "executor")."""
    inside = file.relative_to(SOURCE).with_suffix("").parts
    return inside[:-1] if inside[-1] == "__init__" and len(inside) > 1 else inside


def wing(file: Path) -> str:
    """The wing, or the module at the root, that a file belongs to."""
    return parts(file)[0]


@cache
def imported(file: Path) -> tuple[str, ...]:
    """Dotted names of all that a file imports, anywhere in it, for type checking too."""
    names: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


MODULES = {".".join(("qsweep", *parts(file))).removesuffix(".__init__"): file for file in FILES}


def own(file: Path) -> set[str]:
    """Dotted names of the other modules of qsweep that a file imports or imports from."""
    found = {name if name in MODULES else name.rpartition(".")[0] for name in imported(file)}
    return {name for name in found if name in MODULES and MODULES[name] != file}


def wings_used(file: Path) -> set[str]:
    """Which other wings of qsweep a file imports from."""
    return {wing(MODULES[name]) for name in own(file)} - {wing(file)}


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    return set(ran.stdout.split())


def test_every_module_has_its_place() -> None:
    """The order names all wings, each once."""
    assert {wing(file) for file in FILES} == set(ORDER)
    assert len(set(ORDER)) == len(ORDER)


def test_imports_go_one_way() -> None:
    """No wing imports from its right, not even inside a function or for its types alone."""
    rank = {name: number for number, name in enumerate(ORDER)}
    backwards = {
        (str(file.relative_to(SOURCE)), name)
        for file in FILES
        for name in wings_used(file)
        if rank[name] > rank[wing(file)]
    }
    assert backwards == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Inside the wings, too, every module can be read after those that it imports."""
    TopologicalSorter({name: own(file) for name, file in MODULES.items()}).prepare()


def rooms(folder: Path) -> dict[str, set[str]]:
    """Modules and packages right inside a package -> those beside them that they import from."""
    depth = len(folder.relative_to(SOURCE).parts)
    used: dict[str, set[str]] = {}
    for file in FILES:
        if folder in file.parents and len(parts(file)) > depth:
            beside = {parts(MODULES[name]) for name in own(file) if folder in MODULES[name].parents}
            names = {path[depth] for path in beside if len(path) > depth}
            used.setdefault(parts(file)[depth], set()).update(names - {parts(file)[depth]})
    return used


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_no_packages_import_each_other_in_a_circle(folder: Path) -> None:
    """What lies side by side in a folder, modules and packages, can be put into an order."""
    TopologicalSorter(rooms(folder)).prepare()


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_take_plain_numbers(name: str) -> None:
    """The grid, schedules and seeds import no config, and nothing of qsweep but the types of arrays."""
    assert own(SOURCE / name) <= {"qsweep.system.arrays"}


@pytest.mark.parametrize("package", sorted(HOMES))
def test_slow_packages_are_imported_at_home_only(package: str) -> None:
    """Who does not need a slow package does not import it."""
    users = {
        file.relative_to(SOURCE) for file in FILES for name in imported(file) if name.split(".")[0] == package
    }
    assert {
        str(user) for user in users if not any(user.is_relative_to(home) for home in HOMES[package])
    } == set()


def test_training_knows_no_tracker() -> None:
    """Loading both engines loads neither a tracker nor MLflow."""
    engines = "import qsweep.learning.engines.compiled_engine, qsweep.learning.engines.gymnasium_engine"
    loaded = loaded_by(engines)
    assert "qsweep.learning.engines.compiled_engine" in loaded
    assert {name for name in loaded if name.startswith(("mlflow", "qsweep.tracking"))} == set()


@pytest.mark.parametrize("module", ["qsweep", "qsweep.cli"])
def test_the_command_line_loads_nothing_heavy(module: str) -> None:
    """`qsweep --help` answers at once, for it loads no slow package."""
    assert loaded_by(f"import {module}") & set(HEAVY) == set()
