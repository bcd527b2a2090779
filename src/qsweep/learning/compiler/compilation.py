"""Plain functions as one numba function, cached on disk; the interpreter runs the same lines."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from qsweep.learning.compiler.intrinsics import Code, each, unrolled
from qsweep.learning.compiler.notice import announced


def specialised(function: Any, names: Mapping[str, Any]) -> Any:
    """The plain function in which the global `names` stand for something else."""
    made = FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)
    made.__module__, made.__doc__ = function.__module__, function.__doc__
    return made


def compiled(function: Any, signature: Any, names: Mapping[str, Any] | None = None) -> Any:
    """A plain function, and all plain functions that it calls, as one numba function.

    names: what global names stand for instead of what their module says, in `function` and all that it
    calls; those of other modules than its own with the module before them. Nothing compiled is captured or
    called across cached functions, so a second process finds the machine code on disk; an edit in the file
    of any function of them, or in what they import, is noticed (numba watches only the caller's own file).
    """
    full = {name if "." in name else f"{function.__module__}.{name}": x for name, x in (names or {}).items()}
    return _made(function, signature, tuple(sorted(full.items())))


Names = tuple[tuple[str, Any], ...]


@cache
def _made(function: Any, signature: Any, names: Names) -> Any:
    from numba import njit

    made = specialised(function, _machine_code(function, names))
    # _nrt=False: no reference counts, which took thirty times as long as all else; so no arrays are made.
    name = f"{function.__name__}_{_digest(function, names)}"
    made.__qualname__ = made.__name__ = name  # numba's name for the cache file
    with announced():
        return njit(signature, cache=True, nogil=True, no_cfunc_wrapper=True, _nrt=False)(made)


def _globals(function: Any, names: Names) -> dict[str, Any]:
    """The global names that a function uses, with what they stand for."""
    given, module = dict(names), function.__module__
    used = _used(function.__code__, function.__globals__)
    return {name: given.get(f"{module}.{name}", function.__globals__[name]) for name in used}


def _used(code: CodeType, known: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in code.co_names if name in known)
    for inner in code.co_consts:  # a function within a function
        if isinstance(inner, CodeType):
            yield from _used(inner, known)


@cache
def _reached(function: Any, names: Names) -> Names:
    """Those of some names that a function, or what it calls, has."""
    found = {f"{function.__module__}.{name}" for name in _used(function.__code__, function.__globals__)}
    for part in _globals(function, names).values():
        if isinstance(part, FunctionType):
            found |= {name for name, _ in _reached(part, names)}
    return tuple(pair for pair in names if pair[0] in found)


def _machine_code(function: Any, names: Names) -> dict[str, Any]:
    """The global names of a function, with what numba can compile in place of what is plain."""
    return {name: _part(part, names) for name, part in _globals(function, names).items()}


def _part(part: Any, names: Names) -> Any:
    if part is each:
        return unrolled()
    if isinstance(part, FunctionType):
        return _inner(part, _reached(part, names))
    return part.make(part.packing) if isinstance(part, Code) else part


@cache
def _inner(function: Any, names: Names) -> Any:
    from numba import njit

    made = specialised(function, _machine_code(function, names))
    # Only compiled code calls it: the wrappers for other callers took as long as all else.
    return njit(made, forceinline=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)


def _digest(function: Any, names: Names) -> str:
    """Twelve hex digits of all that is compiled in."""
    found: dict[str, str] = {}
    _collect(function, names, found)
    text = "".join(f"{key}: {found[key]}" for key in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _collect(function: Any, names: Names, found: dict[str, str]) -> None:
    """By name: the file of every function and class that is compiled in, and every constant."""
    key = f"{function.__module__}.{function.__qualname__}"
    if key in found:
        return
    found[key] = _source(function)
    for name, part in _globals(function, names).items():
        if isinstance(part, FunctionType):
            _collect(part, names, found)
        elif hasattr(part, "py_func"):  # made by numba already
            _collect(part.py_func, (), found)
        elif isinstance(part, type):
            found[f"{key} {name}"] = _source(part)
        elif isinstance(part, Code):
            found[f"{key} {name}"] = repr(part.packing) + _source(type(part.packing)) + _source(Code)
        elif not isinstance(part, ModuleType):
            found[f"{key} {name}"] = repr(part.tolist() if hasattr(part, "tolist") else part)


def _source(part: Any) -> str:
    module = inspect.getmodule(part)
    return _text(module) if isinstance(module, ModuleType) else inspect.getsource(part)


@cache
def _text(module: ModuleType) -> str:
    return inspect.getsource(module)
