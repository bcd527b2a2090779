"""Plain functions as one numba function, cached on disk; the interpreter runs the same lines."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from qsweep.compile_notice import announced


def specialised(function: Any, names: Mapping[str, Any]) -> Any:
    """The plain function in which the global `names` stand for something else."""
    made = FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)
    made.__module__, made.__doc__ = function.__module__, function.__doc__
    return made


def compiled(function: Any, signature: Any, names: Mapping[str, Any] | None = None) -> Any:
    """A plain function, and all plain functions that it calls, as one numba function.

    names: what global names of `function` stand for instead of what its module says. Nothing compiled
    is captured or called across cached functions, so a second process finds the machine code on disk;
    an edit in the file of any function of them, or in what they import, is noticed (numba watches only
    the caller's own file).
    """
    return _made(function, signature, tuple(sorted((names or {}).items())))


@cache
def _made(function: Any, signature: Any, names: tuple[tuple[str, Any], ...]) -> Any:
    from numba import njit

    parts = dict(names)
    digest = _digest(function, parts)
    made = specialised(function, _callable({**_globals(function), **parts}))
    # _nrt=False: no reference counts, which took thirty times as long as all else; so no arrays are made.
    made.__qualname__ = made.__name__ = f"{function.__name__}_{digest}"  # numba's name for the cache file
    with announced():
        return njit(signature, cache=True, nogil=True, _nrt=False)(made)


def _globals(function: Any) -> dict[str, Any]:
    """The global names that a function uses, with what they stand for."""
    return {name: function.__globals__[name] for name in _used(function.__code__, function.__globals__)}


def _used(code: CodeType, known: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in code.co_names if name in known)
    for inner in code.co_consts:  # a function within a function
        if isinstance(inner, CodeType):
            yield from _used(inner, known)


def _callable(names: Mapping[str, Any]) -> dict[str, Any]:
    """The names, with numba functions in place of plain ones."""
    return {name: _inner(part) if isinstance(part, FunctionType) else part for name, part in names.items()}


@cache
def _inner(function: Any) -> Any:
    from numba import njit

    return njit(specialised(function, _callable(_globals(function))), forceinline=True, _nrt=False)


def _digest(function: Any, names: Mapping[str, Any]) -> str:
    """Twelve hex digits of all that is compiled in."""
    found: dict[str, str] = {}
    _collect(function, names, found)
    text = "".join(f"{key}: {found[key]}" for key in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _collect(function: Any, names: Mapping[str, Any], found: dict[str, str]) -> None:
    """By name: the file of every function and class that is compiled in, and every constant."""
    key = f"{function.__module__}.{function.__qualname__}"
    if key in found:
        return
    found[key] = _source(function)
    for name, part in {**_globals(function), **names}.items():
        if isinstance(part, FunctionType):
            _collect(part, {}, found)
        elif hasattr(part, "py_func"):  # made by numba already
            _collect(part.py_func, {}, found)
        elif isinstance(part, type):
            found[f"{key} {name}"] = _source(part)
        elif not isinstance(part, ModuleType):
            found[f"{key} {name}"] = repr(part.tolist() if hasattr(part, "tolist") else part)


def _source(part: Any) -> str:
    module = inspect.getmodule(part)
    return _text(module) if isinstance(module, ModuleType) else inspect.getsource(part)


@cache
def _text(module: ModuleType) -> str:
    return inspect.getsource(module)
