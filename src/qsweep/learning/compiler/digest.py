"""A digest of all that is compiled into a function: its code, what it calls, and the constants that it reads.

Code counts as it is in memory, where it is compiled, and as it is on disk. A constant counts by its value,
however it is reached: a global name, an attribute of a module, a closure or a default argument.
"""

from __future__ import annotations

import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import cache
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

from qsweep.learning.compiler.intrinsics import Intrinsic

Names = tuple[tuple[str, Any], ...]
"""Global name, with its module -> the value that replaces it; sorted."""
VERSIONED = {*sys.stdlib_module_names, "numpy", "numba", "llvmlite"}
"""Packages whose versions are in the name of the cache folder."""
INNER = ("py_func", "_pyfunc", "_defn", "_dispatcher")
"""Attributes in which numba's objects keep the plain function that they compile."""


def digest(function: Any, names: Names) -> str:
    """Return 12 hex digits of all source code and constants that are compiled into a function."""
    found = _Parts(names)
    found.add(function)
    return hashlib.sha256("\n".join(found.texts).encode(errors="surrogatepass")).hexdigest()[:12]


def replaced_globals(function: Any, names: Names) -> dict[str, Any]:
    """Return the global names that a function uses, with their values after the replacement."""
    given, module = dict(names), function.__module__
    used = global_names(function.__code__, function.__globals__)
    return {name: given.get(f"{module}.{name}", function.__globals__[name]) for name in used}


def global_names(code: CodeType, known: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of a mapping that code uses, as global names or as attributes."""
    yield from (name for name in _all_names(code) if name in known)


def cells(function: Any) -> dict[str, Any]:
    """Return the variables that a function captures from the functions around it."""
    captured = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in captured}


def _all_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for inner in code.co_consts:  # a nested function
        if isinstance(inner, CodeType):
            yield from _all_names(inner)


class _Parts:
    """The texts of everything that is reached from a function, in the order in which it is reached."""

    def __init__(self, names: Names) -> None:
        self.texts: list[str] = []
        self._names = names
        self._known: dict[int, Any] = {}  # keeps the parts, so that no number is used twice

    def add(self, part: Any) -> None:
        """Add a part and all that it consists of."""
        if isinstance(part, bool | int | float | complex | str | bytes | np.generic | None):
            self.texts.append(f"{type(part).__name__} {part!r}")
        elif id(part) in self._known:
            self.texts.append(f"part {list(self._known).index(id(part))}")
        else:
            self._known[id(part)] = part
            self._add_new(part)

    def _add_new(self, part: Any) -> None:
        inner = next((found for name in INNER if (found := getattr(part, name, None)) is not None), None)
        if isinstance(part, FunctionType):
            self._add_function(part)
        elif isinstance(part, Intrinsic):
            self.texts += [repr(part.packing), _source(type(part.packing)), _source(Intrinsic)]
        elif isinstance(part, ModuleType):
            self.texts.append(part.__name__)  # what is used of it is added with the function that uses it
        elif isinstance(part, type):
            self._add_class(part)
        elif inner is not None:
            self.texts.append(repr(sorted(map(str, getattr(part, "targetoptions", {}).items()))))
            self.add(inner)
        else:
            self._add_constant(part)

    def _add_constant(self, part: Any) -> None:
        if isinstance(part, np.ndarray):
            self.texts.append(f"{part.dtype} {part.shape} {hashlib.sha256(part.tobytes()).hexdigest()}")
        elif isinstance(part, set | frozenset):
            self.texts.append(f"{sorted(map(repr, part))}")
        elif isinstance(part, tuple | list | Mapping):
            self.texts.append(f"{type(part).__qualname__} of {len(part)}")
            pairs = part.items() if isinstance(part, Mapping) else enumerate(part)
            for key, each in pairs:
                self.texts.append(repr(key))
                self.add(each)
        elif isinstance(part, BuiltinFunctionType):
            self.texts.append(f"{part.__module__}.{part.__qualname__}")
        else:
            self.texts.append(repr(part))

    def _add_function(self, function: Any) -> None:
        self.texts += [f"{function.__module__}.{function.__qualname__}", _source(function)]
        if _is_versioned(function.__module__):
            return
        used = {*_all_names(function.__code__)}
        self._add_code(function.__code__)
        self.add(function.__defaults__ or ())
        self.add(function.__kwdefaults__ or {})
        for name, value in sorted({**cells(function), **replaced_globals(function, self._names)}.items()):
            self.texts.append(name)
            self.add(value)
            if isinstance(value, ModuleType):
                self._add_attributes(value, used, {value.__name__})

    def _add_attributes(self, module: ModuleType, used: set[str], path: set[str]) -> None:
        """Add what a function uses of a module, by its names; also of a module in it."""
        if _is_versioned(module.__name__):
            return
        for name in sorted(used & vars(module).keys()):
            value = vars(module)[name]
            self.texts.append(f"{module.__name__}.{name}")
            self.add(value)
            if isinstance(value, ModuleType) and value.__name__ not in path:
                self._add_attributes(value, used, path | {value.__name__})

    def _add_code(self, code: CodeType) -> None:
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        counts = (code.co_argcount, code.co_kwonlyargcount, code.co_posonlyargcount, code.co_flags)
        self.texts.append(repr((code.co_code, getattr(code, "co_exceptiontable", b""), names, counts)))
        for constant in code.co_consts:
            if isinstance(constant, CodeType):
                self._add_code(constant)
            else:
                self.add(constant)

    def _add_class(self, part: type) -> None:
        self.texts.append(_source(part))
        if _is_versioned(part.__module__):
            return
        self.texts.append(repr(getattr(part, "_fields", ())))
        members = part.__members__ if issubclass(part, Enum) else vars(part)
        for name, value in sorted(members.items()):
            plain = value.value if isinstance(value, Enum) else value
            if isinstance(plain, FunctionType | bool | int | float | str | tuple | np.ndarray):
                self.texts.append(name)
                self.add(plain)


def _is_versioned(module: str | None) -> bool:
    return (module or "").partition(".")[0] in VERSIONED


def _source(part: Any) -> str:
    """Return the text of the module that defines a function or class; nothing without one."""
    module = inspect.getmodule(part)
    if isinstance(module, ModuleType) and _is_versioned(module.__name__):
        return module.__name__
    try:
        return _text(module) if isinstance(module, ModuleType) else inspect.getsource(part)
    except (OSError, TypeError):  # typed in, or made from text: its code alone counts
        return ""


@cache
def _text(module: ModuleType) -> str:
    return inspect.getsource(module)
