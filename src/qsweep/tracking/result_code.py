"""The code that decides a run's result, as a hash: qsweep's, the environment's, and what they import.

Modules are followed from one to the next by their import statements, so that no list of them can be
incomplete. Of installed packages only the modules that define the environment count, and their versions.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from importlib import metadata
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import resolve_name
from pathlib import Path

from qsweep.environments.resolved import Resolved

ROOTS = ("qsweep.learning.training", "qsweep.policies.evaluation.evaluator")
"""The modules that train and score a run; they and all that they import decide its result."""
STATEMENT = re.compile(
    r"^[ \t]*(?:from[ \t]+([.\w]+)[ \t]+import[ \t]+(\([^)]*\)|[^\n#;]+)|import[ \t]+([^\n#;]+))",
    re.MULTILINE,
)
OWN = re.compile(r"^[ \t]*(?:from|import) (qsweep[.\w]*)(?: import (\([^)]*\)|[^\n#]+))?", re.MULTILINE)
FOR_TYPES = re.compile(r"^if TYPE_CHECKING:.*\n(?:[ \t]+.*\n|\n)+", re.MULTILINE)
COMPUTED = re.compile(r"import_module\(f[\"']([\w.]+)\.\w*\{")
"""A module whose name is computed: it may be any of a package."""
PACKAGE = Path(__file__).parents[2]
"""The folder that holds qsweep."""
STANDARD = tuple(str(Path(sysconfig.get_path(name))) for name in ("stdlib", "platstdlib"))
INSTALLED = re.compile(r"[/\\](?:site|dist)-packages[/\\]")


def code_of(run: Resolved) -> str:
    """Return a hash, of twelve hex digits, of the code that determines a run's result."""
    return _code((*run.description.modules, *(run.twin.modules if run.twin else ())))


@lru_cache(maxsize=64)
def _code(modules: tuple[str, ...]) -> str:
    texts = [own_code(), *(_foreign(name) for name in sorted({*modules} - own_modules().keys()))]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


@cache
def own_code() -> str:
    """Return a hash of qsweep's own modules that determine results."""
    return _hash_of(own_modules().items())


@cache
def own_modules() -> dict[str, Path]:
    """Return name -> file of the modules of qsweep that determine results."""
    found: dict[str, Path] = {}
    rest = [*ROOTS]
    while rest:
        name = rest.pop()
        file = None if name in found else _own_file(name)
        if file is None:
            continue
        found[name] = file
        text = _text(file)
        text = FOR_TYPES.sub("", text) if "TYPE_CHECKING" in text else text
        for origin, names in OWN.findall(text):
            words = re.findall(r"\w+", names) if _is_own_package(origin) else []
            inner = [f"{origin}.{word}" for word in words if _own_file(f"{origin}.{word}")]
            rest += inner if inner and len(inner) == len(words) else [origin, *inner]
        for group in COMPUTED.findall(text) if "import_module" in text else ():
            rest += (f"{group}.{name}" for name in _modules_in(group))
    return found


@cache
def _own_file(name: str) -> Path | None:
    path = f"{PACKAGE}/{name.replace('.', '/')}"
    return next((Path(file) for file in (f"{path}.py", f"{path}/__init__.py") if os.path.isfile(file)), None)


def _is_own_package(name: str) -> bool:
    file = _own_file(name)
    return file is not None and file.name == "__init__.py"


def _modules_in(package: str) -> Iterator[str]:
    files = os.listdir(f"{PACKAGE}/{package.replace('.', '/')}")
    yield from (file.removesuffix(".py") for file in files if file.endswith(".py") and file != "__init__.py")


def imported(name: str, file: Path, text: str) -> Iterator[tuple[str, str]]:
    """Yield the modules that the text of a module imports, with a name imported from each if there is one.

    Of `from a import b` these are ("a", "a.b"), where a.b may be a module or not; of `import a.b` ("a.b",
    "a.b").
    """
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for origin, names, modules in STATEMENT.findall(text):
        lines = re.sub(r"#[^\n]*", "", names or modules).strip("() \t").split(",")
        words = (word.split(" as ")[0].strip() for word in lines)
        if not origin:
            yield from ((word, word) for word in words)
        elif base := _absolute(origin, package):
            yield from ((base, f"{base}.{word}") for word in words)


def _absolute(origin: str, package: str) -> str:
    """Return the full name of a module that an import names; empty if it leaves the package."""
    if not origin.startswith("."):
        return origin
    try:
        return resolve_name(origin, package).rstrip(".")
    except ImportError:
        return ""


def _foreign(name: str) -> str:
    """Return a hash of a foreign module, with its version or with all of the project that it imports."""
    file = _file_of(name)
    if file is None or _is_standard(file):
        return name
    if INSTALLED.search(str(file)):
        return f"{_version(name.partition('.')[0])} {_hash_of([(name, file)])}"
    found: dict[str, Path] = {}
    rest = [name]
    while rest:
        each = rest.pop()
        source = None if each in found else _project_file(each)
        if source is not None:
            found[each] = source
            for origin, inner in imported(each, source, _text(source)):
                if _is_project(origin.partition(".")[0]):
                    rest += [inner, *_with_parents(origin)]
    return _hash_of(found.items())


def _with_parents(name: str) -> Iterator[str]:
    while name:
        yield name
        name = name.rpartition(".")[0]


@lru_cache(maxsize=4096)
def _is_project(package: str) -> bool:
    """Return whether a package is neither installed, nor Python's or qsweep's own."""
    if package in sys.stdlib_module_names or package == "qsweep":
        return False
    places = [str(place) for place in (_file_of(package), *_path_of(package)) if place]
    return bool(places) and not INSTALLED.search(f"{places[0]}/") and not _is_standard(Path(places[0]))


def _is_standard(file: Path) -> bool:
    return str(file).startswith(STANDARD) and not INSTALLED.search(str(file))


def _project_file(name: str) -> Path | None:
    file = _file_of(name)
    return None if file is None or INSTALLED.search(str(file)) else file


def _file_of(name: str) -> Path | None:
    """Return the source of a module that is loaded, or could be; None without one."""
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None) if loaded else getattr(_spec_of(name), "origin", None)
    return Path(origin) if origin and origin.endswith(".py") else None


def _path_of(name: str) -> list[str]:
    """Return the folders of a package; none for another module."""
    loaded = sys.modules.get(name)
    holder, attribute = (loaded, "__path__") if loaded else (_spec_of(name), "submodule_search_locations")
    return [*(getattr(holder, attribute, None) or ())]


@lru_cache(maxsize=4096)
def _spec_of(name: str) -> object:
    """Find a module that is not loaded, without importing anything."""
    parent = name.rpartition(".")[0]
    path = _path_of(parent) if parent else None
    if parent and not path:
        return None
    try:
        return PathFinder.find_spec(name, path)
    except KeyError:  # Python 3.14 looks a namespace package's parent up in the loaded modules
        spec = ModuleSpec(name, None, is_package=True)
        places = (Path(folder, name.rpartition(".")[2]) for folder in path or ())
        spec.submodule_search_locations = [str(place) for place in places if place.is_dir()]
        return spec
    except (ImportError, ValueError, AttributeError):
        return None


def _hash_of(files: Iterable[tuple[str, Path]]) -> str:
    digest = hashlib.sha256()
    for name, file in sorted(files):
        digest.update(f"{name}\n".encode() + _bytes(file))
    return digest.hexdigest()


def _text(file: Path) -> str:
    return _bytes(file).decode(errors="replace")


@cache
def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


@cache
def _version(package: str) -> str:
    """Return the distribution that an installed top-level package comes from, with its version."""
    try:
        return f"{package} {metadata.version(package)}"
    except metadata.PackageNotFoundError:
        names = metadata.packages_distributions().get(package, ())
        return " ".join(f"{name} {metadata.version(name)}" for name in sorted({*names})) or package
