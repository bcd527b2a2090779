"""How compiled code gets at packed records: where they lie, or as variables of its own.

The functions here are names that code uses; `compiled` puts what `codes` says in their place.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from qsweep.learning.compiler.packing import Packing, Words, below, fields

FEW = 8
"""Elements that an array may have to become variables of the code."""


def unpack(words: Words) -> Any:
    """The record in the first row of some blocks; what is written to its arrays is written there."""
    raise NotImplementedError


def held(words: Words) -> Any:
    """The records in all rows, as a tuple, each array of few elements a copy.

    If all its lengths are fixed, that is. The processor can keep such a copy in its registers, for nothing
    else can lie in the same memory. `put_back` copies it to the block again.
    """
    raise NotImplementedError


def put_back(records: Any, words: Words) -> None:
    """Write to blocks what was copied from there by `held`."""
    raise NotImplementedError


def each(function: Callable[[Any, int, Any], int], records: Any, given: Any) -> int:
    """The sum of function(record, its number, given) over a tuple of records: code without a loop."""
    raise NotImplementedError


@dataclass(frozen=True)
class Code:
    """What stands in compiled code for a function on packed records."""

    make: Callable[[Packing], Any]
    packing: Packing


def codes(packing: Packing) -> dict[str, Code]:
    """The functions above, apart from `each`, for records that are packed so."""
    return {
        "unpack": Code(_unpack, packing),
        "held": Code(_held, packing),
        "put_back": Code(_put_back, packing),
    }


class _Block:
    """One block, where code is built that gets at its record."""

    def __init__(self, packing: Packing, context: Any, builder: Any, data: Any) -> None:
        self._packing, self._context, self._builder, self._data = packing, context, builder, data
        self._fixed, self._places = dict(packing.fixed), packing.header()

    def record(self, copied: Mapping[str, int]) -> Any:
        """The record; how many elements the arrays have that are copies, by name."""
        return self._part("", self._packing.record, copied)

    def put_back(self, record: Any, copied: Mapping[str, int]) -> None:
        """Write copies to the block again."""
        for name, kind, array in self._arrays("", self._packing.record, record):
            if name in copied:
                address = self._context.make_array(kind)(self._context, self._builder, array).data
                self._copy(address, self._address(name, kind), copied[name])

    def _part(self, name: str, kind: Any, copied: Mapping[str, int]) -> Any:
        from numba import types

        if isinstance(kind, types.BaseNamedTuple):
            parts = [self._part(*field, copied) for field in fields(name, kind)]
            return self._context.make_tuple(self._builder, kind, parts)
        if isinstance(kind, types.Array):
            address = self._address(name, kind)
            if name in copied:
                address = self._copy(address, self._room(address, copied[name]), copied[name])
            return self._array(kind, address, [self._word(below(name, axis)) for axis in range(kind.ndim)])
        if isinstance(kind, types.Boolean):
            return self._builder.trunc(self._word(name), self._context.get_value_type(kind))
        return self._builder.bitcast(self._word(name), self._context.get_value_type(kind))

    def _arrays(self, name: str, kind: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
        """Name, kind and value of every array in a record."""
        from numba import types

        if isinstance(kind, types.Array):
            yield name, kind, value
        elif isinstance(kind, types.BaseNamedTuple):
            for n, field in enumerate(fields(name, kind)):
                yield from self._arrays(*field, self._builder.extract_value(value, n))

    def _constant(self, number: int) -> Any:
        from numba import types

        return self._context.get_constant(types.intp, number)

    def _word(self, name: str) -> Any:
        """A word of the header."""
        if name in self._fixed:
            return self._constant(self._fixed[name])
        return self._builder.load(self._builder.gep(self._data, [self._constant(self._places[name])]))

    def _address(self, name: str, kind: Any) -> Any:
        """Where an array begins."""
        element = self._context.get_data_type(kind.dtype).as_pointer()
        return self._builder.bitcast(self._builder.gep(self._data, [self._word(name)]), element)

    def _room(self, like: Any, size: int) -> Any:
        """Where a copy of some elements lies: on the stack, from which they are put into registers."""
        from numba.core import cgutils

        return cgutils.alloca_once(self._builder, like.type.pointee, size=size)

    def _copy(self, source: Any, target: Any, size: int) -> Any:
        for n in map(self._constant, range(size)):
            self._builder.store(
                self._builder.load(self._builder.gep(source, [n])), self._builder.gep(target, [n])
            )
        return target

    def _array(self, kind: Any, address: Any, lengths: Sequence[Any]) -> Any:
        """The array of a numba type at an address, without gaps."""
        from numba.np.arrayobj import populate_array

        array = self._context.make_array(kind)(self._context, self._builder)
        size = self._constant(self._context.get_abi_sizeof(self._context.get_data_type(kind.dtype)))
        strides = [size]
        for length in lengths[:0:-1]:
            strides.insert(0, self._builder.mul(strides[0], length))
        populate_array(array, address, list(lengths), strides, size, None)
        return array._getvalue()


def _copied(packing: Packing) -> dict[str, int]:
    """How many elements the arrays have that `held` copies, by name."""
    fixed, found = dict(packing.fixed), {}
    for name, kind in packing.leaves():
        axes = [below(name, axis) for axis in range(getattr(kind, "ndim", 0))]
        size = math.prod(fixed.get(axis, 0) for axis in axes)
        if axes and 0 < size <= FEW:
            found[name] = size
    return found


def _blocks(packing: Packing, context: Any, builder: Any, kind: Any, words: Any) -> list[_Block]:
    """Those in the rows of an array int64[rows, words]."""
    from numba.core.cgutils import pointer_add, unpack_tuple

    array = context.make_array(kind)(context, builder, words)
    size = unpack_tuple(builder, array.strides)[0]
    found, data = [], array.data
    for _ in range(packing.rows):
        found.append(_Block(packing, context, builder, data))
        data = pointer_add(builder, data, size)
    return found


@cache
def _unpack(packing: Packing) -> Any:
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _blocks(packing, context, builder, *signature.args, *args)[0].record({})

    return intrinsic(lambda _, words: (packing.record(words), generate))


@cache
def _held(packing: Packing) -> Any:
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        blocks = _blocks(packing, context, builder, *signature.args, *args)
        records = [block.record(_copied(packing)) for block in blocks]
        return context.make_tuple(builder, signature.return_type, records)

    return intrinsic(lambda _, words: (types.UniTuple(packing.record, packing.rows)(words), generate))


@cache
def _put_back(packing: Packing) -> Any:
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for n, block in enumerate(_blocks(packing, context, builder, signature.args[1], args[1])):
            block.put_back(builder.extract_value(args[0], n), _copied(packing))
        return context.get_dummy_value()

    return intrinsic(lambda _, records, words: (types.void(records, words), generate))


@cache
def unrolled() -> Any:
    """`each` for compiled code."""
    from numba import types
    from numba.extending import intrinsic

    def each(typing: Any, function: Any, records: Any, given: Any) -> Any:
        called = function.get_call_type(typing, (records.dtype, types.intp, given), {})

        def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
            call, total = context.get_function(function, called), context.get_constant(types.int64, 0)
            for n in range(records.count):
                number = context.get_constant(types.intp, n)
                found = call(builder, [builder.extract_value(args[1], n), number, args[2]])
                total = builder.add(total, found)
            return total

        return types.int64(function, records, given), generate

    return intrinsic(each)
