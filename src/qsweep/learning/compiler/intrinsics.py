"""Access to packed records and to local arrays in compiled code.

The functions at the top are the names that plain code uses; `compiled` replaces them by numba intrinsics.
README.md explains the design.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from qsweep.learning.compiler.lane_code import Code, arrays_type, with_columns
from qsweep.learning.compiler.packing import Packing, Words


def unpack(words: Words) -> Any:
    """Return the record in the first row of `words`; its arrays are views of that memory."""
    raise NotImplementedError


def local_arrays(words: Words) -> Any:
    """Return memory that lives as long as the call, not filled: an array [elements, lanes] per local array.

    No other pointer can refer to it: the processor can keep the arrays of a single lane in its registers, and
    loops over many lanes can be vectorised.
    """
    raise NotImplementedError


def enter(words: Words, arrays: Any, row: int, lane: int) -> None:
    """Put the record of a row into a lane: copy its local arrays."""
    raise NotImplementedError


def leave(words: Words, arrays: Any, lane: int) -> None:
    """Write the local arrays of a lane back to the row of its record."""
    raise NotImplementedError


def copy_lane(words: Words, arrays: Any, source: int, target: int) -> None:
    """Put the record of a lane into another one, with all that it holds now."""
    raise NotImplementedError


def record_in(words: Words, arrays: Any, lane: int) -> Any:
    """Return the record in a lane, on local arrays; shared arrays and numbers are those of the first row."""
    raise NotImplementedError


def fma(a: float, b: float, c: float) -> float:
    """Return a * b + c, rounded once."""
    raise NotImplementedError


@dataclass(frozen=True)
class Intrinsic:
    """The numba intrinsic that replaces a function on packed records; make(packing) creates it."""

    make: Callable[[Packing], Any]
    packing: Packing


def intrinsics_for(packing: Packing) -> dict[str, Intrinsic]:
    """Return the replacements of the functions above, apart from `fma`, for records of a packing."""
    makers = {
        "unpack": _unpack,
        "local_arrays": _local_arrays,
        "enter": _enter,
        "leave": _leave,
        "copy_lane": _copy_lane,
        "record_in": _record_in,
    }
    return {name: Intrinsic(make, packing) for name, make in makers.items()}


def _generator(packing: Packing, emit: Callable[..., Any]) -> Callable[..., Any]:
    """Return what numba calls to generate code. emit: (code, builder, arguments) -> the value, or None."""

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = emit(Code(packing, context, builder, signature.args[0]), builder, *args)
        return context.get_dummy_value() if made is None else made

    return generate


@cache
def _unpack(packing: Packing) -> Any:
    from numba.extending import intrinsic

    def emit(code: Code, _: Any, words: Any) -> Any:
        return code.record(code.rows(words), {})

    return intrinsic(lambda _, words: (packing.record(words), _generator(packing, emit)))


@cache
def _local_arrays(packing: Packing) -> Any:
    from numba.extending import intrinsic

    kinds = arrays_type(packing)

    def emit(code: Code, builder: Any, _: Any) -> Any:
        if packing.lanes > 1:  # which LLVM believes to be slow; llvmlite's own `add` knows no such attribute
            set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return code.local_arrays()

    return intrinsic(lambda _, words: (kinds(words), _generator(packing, emit)))


@cache
def _enter(packing: Packing) -> Any:
    from numba import types
    from numba.extending import intrinsic

    def emit(code: Code, builder: Any, words: Any, arrays: Any, row: Any, lane: Any) -> None:
        builder.store(row, code.row_in(arrays, lane))
        rows = code.rows(words, row)
        for name, k, there in code.elements(arrays, lane):
            builder.store(builder.load(code.in_row(name, rows, k)), there)

    def typed(_: Any, words: Any, arrays: Any, _row: Any, _lane: Any) -> Any:
        return types.void(words, arrays, types.intp, types.intp), _generator(packing, emit)

    return intrinsic(typed)


@cache
def _leave(packing: Packing) -> Any:
    from numba import types
    from numba.extending import intrinsic

    def emit(code: Code, builder: Any, words: Any, arrays: Any, lane: Any) -> None:
        rows = code.rows(words, builder.load(code.row_in(arrays, lane)))
        for name, k, here in code.elements(arrays, lane):
            builder.store(builder.load(here), code.in_row(name, rows, k))

    def typed(_: Any, words: Any, arrays: Any, _lane: Any) -> Any:
        return types.void(words, arrays, types.intp), _generator(packing, emit)

    return intrinsic(typed)


@cache
def _copy_lane(packing: Packing) -> Any:
    from numba import types
    from numba.extending import intrinsic

    def emit(code: Code, builder: Any, _: Any, arrays: Any, source: Any, target: Any) -> None:
        builder.store(builder.load(code.row_in(arrays, source)), code.row_in(arrays, target))
        both = code.elements(arrays, source), code.elements(arrays, target)
        for (*_, here), (*_, there) in zip(*both, strict=True):
            builder.store(builder.load(here), there)

    def typed(_: Any, words: Any, arrays: Any, _source: Any, _target: Any) -> Any:
        return types.void(words, arrays, types.intp, types.intp), _generator(packing, emit)

    return intrinsic(typed)


@cache
def _record_in(packing: Packing) -> Any:
    from numba import types
    from numba.extending import intrinsic

    kind = with_columns("", packing.record, packing)

    def emit(code: Code, builder: Any, words: Any, arrays: Any, lane: Any) -> Any:
        rows = code.rows(words, builder.load(code.row_in(arrays, lane)))
        return code.record(rows, code.columns(arrays, lane))

    def typed(_: Any, words: Any, arrays: Any, _lane: Any) -> Any:
        return kind(words, arrays, types.intp), _generator(packing, emit)

    return intrinsic(typed)


@cache
def fused() -> Any:
    """Return the intrinsic that replaces `fma`."""
    from numba import types
    from numba.extending import intrinsic

    def typed(_: Any, a: Any, b: Any, c: Any) -> Any:
        def generate(_: Any, builder: Any, __: Any, args: Any) -> Any:
            return builder.fma(*args)

        return types.float64(a, b, c), generate

    return intrinsic(typed)
