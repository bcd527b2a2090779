"""Compilation of plain functions into one numba function, cached on disk; README.md explains the design."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from types import CodeType, FunctionType, ModuleType
from typing import Any

from qsweep.learning.compiler.intrinsics import Intrinsic, for_each, unrolled_for_each
from qsweep.learning.compiler.notice import compile_notice


def specialised(function: Any, names: Mapping[str, Any]) -> Any:
    """Return a copy of a plain function whose global `names` have other values."""
    made = FunctionType(function.__code__, {**function.__globals__, **names}, function.__name__)
    made.__module__, made.__doc__ = function.__module__, function.__doc__
    return made


def compiled(function: Any, signature: Any, names: Mapping[str, Any] | None = None) -> Any:
    """Compile a plain function, and all plain functions that it calls, into one numba function.

    names: global name -> the value that replaces it, in `function` and in all functions that it calls; a
    name of another module than the function's own is written with its module before it.

    No compiled function captures another or calls one that is cached by itself, so that the next process
    finds the machine code on disk. An edit of any function in it, or of the constants and classes that they
    use, changes the name under which it is cached, because numba checks only the caller's own file.
    """
    full = {name if "." in name else f"{function.__module__}.{name}": x for name, x in (names or {}).items()}
    return _compile(function, signature, tuple(sorted(full.items())))


Names = tuple[tuple[str, Any], ...]


@cache
def _compile(function: Any, signature: Any, names: Names) -> Any:
    from numba import njit

    from qsweep.learning.compiler.kernel_cache import KernelCache

    made = specialised(function, _compilable_globals(function, names))
    # _nrt=False: no reference counting, which took 30 times as long as all else; so no arrays can be created.
    name = f"{function.__name__}_{_digest(function, names)}"
    made.__qualname__ = made.__name__ = name  # numba names the cache file after it
    kernel = njit(nogil=True, no_cfunc_wrapper=True, _nrt=False)(made)
    kernel._cache = KernelCache(made)
    with compile_notice():
        kernel.compile(signature)
    kernel.disable_compile()
    return kernel


def _replaced_globals(function: Any, names: Names) -> dict[str, Any]:
    """Return the global names that a function uses, with their values after the replacement."""
    given, module = dict(names), function.__module__
    used = _global_names(function.__code__, function.__globals__)
    return {name: given.get(f"{module}.{name}", function.__globals__[name]) for name in used}


def _global_names(code: CodeType, known: Mapping[str, Any]) -> Iterator[str]:
    yield from (name for name in code.co_names if name in known)
    for inner in code.co_consts:  # a nested function
        if isinstance(inner, CodeType):
            yield from _global_names(inner, known)


@cache
def _relevant(function: Any, names: Names) -> Names:
    """Return the replaced names that occur in a function or in the functions that it calls."""
    found = {
        f"{function.__module__}.{name}" for name in _global_names(function.__code__, function.__globals__)
    }
    for part in _replaced_globals(function, names).values():
        if isinstance(part, FunctionType):
            found |= {name for name, _ in _relevant(part, names)}
    return tuple(pair for pair in names if pair[0] in found)


def _compilable_globals(function: Any, names: Names) -> dict[str, Any]:
    """Return a function's global names, with functions that numba can compile in place of plain ones."""
    return {name: _compilable(part, names) for name, part in _replaced_globals(function, names).items()}


def _compilable(part: Any, names: Names) -> Any:
    if part is for_each:
        return unrolled_for_each()
    if isinstance(part, FunctionType):
        return _inlined(part, _relevant(part, names))
    return part.make(part.packing) if isinstance(part, Intrinsic) else part


@cache
def _inlined(function: Any, names: Names) -> Any:
    from qsweep.learning.compiler.inlining import inlined

    return inlined(specialised(function, _compilable_globals(function, names)))


def _digest(function: Any, names: Names) -> str:
    """Return 12 hex digits of all source code and constants that are compiled into a function."""
    found: dict[str, str] = {}
    _collect(function, names, found)
    text = "".join(f"{key}: {found[key]}" for key in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _collect(function: Any, names: Names, found: dict[str, str]) -> None:
    """Add, by name, the source file of every function and class that is compiled in, and every constant."""
    key = f"{function.__module__}.{function.__qualname__}"
    if key in found:
        return
    found[key] = _source(function)
    for name, part in _replaced_globals(function, names).items():
        if isinstance(part, FunctionType):
            _collect(part, names, found)
        elif hasattr(part, "py_func"):  # a numba function already
            _collect(part.py_func, (), found)
        elif isinstance(part, type):
            found[f"{key} {name}"] = _source(part)
        elif isinstance(part, Intrinsic):
            found[f"{key} {name}"] = repr(part.packing) + _source(type(part.packing)) + _source(Intrinsic)
        elif not isinstance(part, ModuleType):
            found[f"{key} {name}"] = repr(part.tolist() if hasattr(part, "tolist") else part)


def _source(part: Any) -> str:
    module = inspect.getmodule(part)
    return _text(module) if isinstance(module, ModuleType) else inspect.getsource(part)


@cache
def _text(module: ModuleType) -> str:
    return inspect.getsource(module)
