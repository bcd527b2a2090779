"""Compilation of plain functions into one numba function, cached on disk; README.md explains the design."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from types import CellType, FunctionType, ModuleType
from typing import Any

from qsweep.learning.compiler.digest import VERSIONED, Names, cells, digest, global_names, replaced_globals
from qsweep.learning.compiler.intrinsics import Intrinsic, fma, fused
from qsweep.learning.compiler.notice import compile_notice


def specialised(function: Any, names: Mapping[str, Any]) -> Any:
    """Return a copy of a plain function whose global `names` have other values."""
    return _copied(function, {**function.__globals__, **names}, function.__closure__)


def _copied(function: Any, known: dict[str, Any], closure: tuple[CellType, ...] | None) -> Any:
    made = FunctionType(function.__code__, known, function.__name__, function.__defaults__, closure)
    made.__module__, made.__doc__ = function.__module__, function.__doc__
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _compilable_function(function: Any, names: Names) -> Any:
    """Return a copy of a plain function that refers to functions that numba can compile."""
    known = {name: _compilable(part, names) for name, part in replaced_globals(function, names).items()}
    known = {name: _fresh_module(part, function) for name, part in known.items()}
    closure = tuple(CellType(_compilable(part, names)) for part in cells(function).values())
    return _copied(function, {**function.__globals__, **known}, closure or None)


def compiled(function: Any, signature: Any, names: Mapping[str, Any] | None = None, what: str = "") -> Any:
    """Compile a plain function, and all plain functions that it calls, into one numba function.

    names: global name -> the value that replaces it, in `function` and in all functions that it calls; a
    name of another module than the function's own is written with its module before it. what: what a user is
    told is being compiled.

    No compiled function captures another or calls one that is cached by itself, so that the next process
    finds the machine code on disk. An edit of any function in it, or of the constants and classes that they
    use, changes the name under which it is cached, because numba checks only the caller's own file.
    """
    full = {name if "." in name else f"{function.__module__}.{name}": x for name, x in (names or {}).items()}
    with compile_notice(what):
        return _compile(function, signature, tuple(sorted(full.items())))


@cache
def _compile(function: Any, signature: Any, names: Names) -> Any:
    from numba import njit

    from qsweep.learning.compiler.kernel_cache import KernelCache

    made = _compilable_function(function, names)
    # _nrt=False: no reference counting, which took 30 times as long as all else; so no arrays can be created.
    name = f"{function.__name__}_{digest(function, names)}"
    made.__qualname__ = made.__name__ = name  # numba names the cache file after it
    kernel = njit(nogil=True, no_cfunc_wrapper=True, _nrt=False)(made)
    kernel._cache = KernelCache(made)
    with kernel._cache.alone():
        kernel.compile(signature)
    kernel.disable_compile()
    return kernel


@cache
def _relevant(function: Any, names: Names) -> Names:
    """Return the replaced names that occur in a function or in the functions that it calls."""
    found = {
        f"{function.__module__}.{name}" for name in global_names(function.__code__, function.__globals__)
    }
    for part in (*cells(function).values(), *replaced_globals(function, names).values()):
        if isinstance(part, FunctionType):
            found |= {name for name, _ in _relevant(part, names)}
    return tuple(pair for pair in names if pair[0] in found)


def _compilable(part: Any, names: Names) -> Any:
    if part is fma:
        return fused()
    if isinstance(part, FunctionType):
        return _inlined(part, _relevant(part, names))
    if isinstance(part, Intrinsic):
        return part.make(part.packing)
    return _fresh(part) if _is_cached(part, ()) else part


def _is_cached(part: Any, callers: tuple[Any, ...]) -> bool:
    """Return whether a numba function, or one that it calls, is cached by itself, unaware of other files."""
    if not hasattr(part, "py_func") or part in callers:
        return False
    own = getattr(part, "_cache", None)
    if own is not None and own.cache_path is not None:
        return True
    return any(_is_cached(inner, (*callers, part)) for inner in _numba_functions(part.py_func))


def _numba_functions(function: Any) -> Iterator[Any]:
    """Yield the numba functions that a plain function may call: by name, as attributes, from its closure."""
    for part in (*cells(function).values(), *replaced_globals(function, ()).values()):
        if isinstance(part, ModuleType):
            used = global_names(function.__code__, vars(part))
            yield from (found for name in used if hasattr(found := vars(part)[name], "py_func"))
        elif hasattr(part, "py_func"):
            yield part


@cache
def _fresh(part: Any) -> Any:
    """Return a numba function like another one without its cache, which knows only the function's file."""
    function = part.py_func
    named = replaced_globals(function, ())
    known = {name: _fresh_module(value, function) for name, value in named.items()}
    inner = {
        name: _fresh(value)
        for name, value in known.items()
        if value is not part and _is_cached(value, (part,))
    }
    captured = (_fresh(value) if _is_cached(value, (part,)) else value for value in cells(function).values())
    closure = tuple(map(CellType, captured)) or None
    copied = _copied(function, {**function.__globals__, **known, **inner}, closure)
    made = type(part)(copied, part.locals, part.targetoptions, part._compiler.pipeline_class)
    copied.__globals__.update({name: made for name, value in known.items() if value is part})
    return made


def _fresh_module(module: Any, function: Any) -> Any:
    """Return a module with fresh numba functions in place of the cached ones that a function uses of it."""
    if not isinstance(module, ModuleType) or module.__name__.partition(".")[0] in VERSIONED:
        return module
    used = {name: vars(module)[name] for name in global_names(function.__code__, vars(module))}
    cached = {name: _fresh(part) for name, part in used.items() if _is_cached(part, ())}
    if not cached:
        return module
    made = ModuleType(module.__name__)
    made.__dict__.update({**vars(module), **cached})
    return made


@cache
def _inlined(function: Any, names: Names) -> Any:
    from qsweep.learning.compiler.inlining import inlined

    return inlined(_compilable_function(function, names))
