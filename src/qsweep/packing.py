"""Records of arrays, each in one block of memory: what compiled code takes at once, and takes apart again.

A record is a NamedTuple of arrays, numbers and further records. Its block is 64-bit words: first the header,
a word for each number and, for each array, its place in the block and its lengths; then the arrays. Blocks
of alike records are rows of one array, so that the same lies at the same place in each. What of the header
is fixed when code is compiled is a constant there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.int64]

LINE = 8
"""Words in a line of the processor's cache: where an array begins whose lengths are not fixed."""


@dataclass(frozen=True)
class Packing:
    """How the records of a kind lie in their blocks.

    record: numba's type of them. fixed: words of the header, by name, that are the same in all of them. For
    an array `q` in a field `agent` these are `agent.q`, its place, `agent.q.0` and `agent.q.1`, its lengths.
    """

    record: Any
    fixed: tuple[tuple[str, int], ...]

    def __repr__(self) -> str:
        """All that code which takes such a record apart depends on."""
        return f"{[(name, str(kind)) for name, kind in _kinds('', self.record)]} {self.fixed}"


@dataclass(frozen=True)
class Packed:
    """Blocks, int64[records, words], and the same records as they lie there."""

    words: Words
    records: tuple[Any, ...]
    packing: Packing


def pack(records: Sequence[Any], fixed: Collection[str] = ()) -> Packed:
    """Copy records, alike in all but the contents of their arrays, each into a block.

    fixed: the names of numbers and lengths that code may rely on. Arrays of which it may rely on all lengths
    come first, so that it knows their places, too.
    """
    from numba import typeof

    leaves = dict(_leaves("", records[0]))
    header = {word: value for name, leaf in leaves.items() for word, value in _header(name, leaf)}
    known = [name for name, leaf in leaves.items() if np.ndim(leaf) and set(_lengths(name, leaf)) <= {*fixed}]
    places, end = _places(leaves, known, len(header))
    header |= places
    words = np.zeros((len(records), end), np.int64)
    words[:, : len(header)] = list(header.values())
    moved = tuple(_moved("", record, row, places) for record, row in zip(records, words, strict=True))
    constant = tuple((name, header[name]) for name in sorted({*fixed, *known}))
    return Packed(words, moved, Packing(typeof(moved[0]), constant))


def _leaves(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of every array and number in a record, in order."""
    if not isinstance(part, tuple):
        yield name, part
        return
    for field, inner in zip(part._fields, part, strict=True):  # type: ignore[attr-defined]
        yield from _leaves(_below(name, field), inner)


def _kinds(name: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """Name and numba type of every array and number in a record, in order."""
    from numba import types

    if not isinstance(kind, types.BaseNamedTuple):
        yield name, kind
        return
    for field, inner in zip(kind.fields, kind.types, strict=True):
        yield from _kinds(_below(name, field), inner)


def _below(name: str, part: object) -> str:
    return f"{name}.{part}".lstrip(".")


def _lengths(name: str, array: Any) -> dict[str, int]:
    return {_below(name, axis): length for axis, length in enumerate(array.shape)}


def _header(name: str, leaf: Any) -> Iterator[tuple[str, int]]:
    """The words of an array, its place not known yet, or of a number."""
    if np.ndim(leaf):
        yield from {name: 0, **_lengths(name, leaf)}.items()
    else:
        exact = np.float64(leaf) if isinstance(leaf, float) else np.int64(leaf)
        yield name, int(exact.view(np.int64))


def _places(leaves: Mapping[str, Any], known: Sequence[str], end: int) -> tuple[dict[str, int], int]:
    """In words, where each array begins, `known` ones first, from `end` on; and the end of all."""
    places = {}
    for name in (*known, *(name for name, leaf in leaves.items() if np.ndim(leaf) and name not in known)):
        begin = end if name in known else -(-end // LINE) * LINE
        places[name], end = begin, begin + -(-leaves[name].nbytes // 8)
    return places, -(-end // LINE) * LINE


def _moved(name: str, part: Any, row: Words, places: Mapping[str, int]) -> Any:
    """A record with its arrays copied into a block."""
    if isinstance(part, tuple):
        fields = zip(part._fields, part, strict=True)  # type: ignore[attr-defined]
        return type(part)(*(_moved(_below(name, field), inner, row, places) for field, inner in fields))
    if not np.ndim(part):
        return part
    array = row[places[name] :].view(part.dtype)[: part.size].reshape(part.shape)
    array[...] = part
    return array


def unpack(words: Words) -> Any:
    """The record in the first row of some blocks: `unpacker` makes it, for compiled code alone."""
    raise NotImplementedError


def moved(record: Any, distance: int) -> Any:
    """The record that lies so many bytes further: for compiled code, see `mover`."""
    raise NotImplementedError


@cache
def unpacker(packing: Packing) -> Any:
    """`unpack` for compiled code."""
    from numba import types
    from numba.extending import intrinsic

    fixed = dict(packing.fixed)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        block = context.make_array(signature.args[0])(context, builder, args[0]).data
        count = 0

        def word(name: str) -> Any:
            nonlocal count
            place, count = count, count + 1
            if name in fixed:
                return context.get_constant(types.intp, fixed[name])
            return builder.load(builder.gep(block, [context.get_constant(types.intp, place)]))

        def made(name: str, kind: Any) -> Any:
            if isinstance(kind, types.BaseNamedTuple):
                fields = zip(kind.fields, kind.types, strict=True)
                parts = [made(_below(name, field), inner) for field, inner in fields]
                return context.make_tuple(builder, kind, parts)
            if isinstance(kind, types.Array):
                data = builder.gep(block, [word(name)])
                return _array(context, builder, kind, data, [word(_below(name, n)) for n in range(kind.ndim)])
            if isinstance(kind, types.Boolean):
                return builder.trunc(word(name), context.get_value_type(kind))
            return builder.bitcast(word(name), context.get_value_type(kind))

        return made("", packing.record)

    return intrinsic(lambda _, words: (packing.record(words), generate))


@cache
def mover() -> Any:
    """`moved` for compiled code."""
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def made(kind: Any, value: Any) -> Any:
            if isinstance(kind, types.BaseNamedTuple):
                parts = enumerate(kind.types)
                found = [made(inner, builder.extract_value(value, n)) for n, inner in parts]
                return context.make_tuple(builder, kind, found)
            if not isinstance(kind, types.Array):
                return value
            array = context.make_array(kind)(context, builder, value)
            data = cgutils.pointer_add(builder, array.data, args[1])
            return _array(context, builder, kind, data, cgutils.unpack_tuple(builder, array.shape))

        return made(signature.return_type, args[0])

    def moved(_: Any, record: Any, distance: Any) -> Any:
        return record(record, distance), generate

    return intrinsic(moved)


def _array(context: Any, builder: Any, kind: Any, data: Any, lengths: Sequence[Any]) -> Any:
    """The array of a numba type at an address, without gaps."""
    from numba.np import arrayobj

    array = context.make_array(kind)(context, builder)
    size = context.get_constant_generic(
        builder, arrayobj.types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype))
    )
    strides = [size]
    for length in lengths[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    address = builder.bitcast(data, context.get_data_type(kind.dtype).as_pointer())
    arrayobj.populate_array(array, address, list(lengths), strides, size, None)
    return array._getvalue()
