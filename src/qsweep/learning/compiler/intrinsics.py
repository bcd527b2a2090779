"""Access to packed records in compiled code: in their memory, or copied to local variables.

The functions at the top are the names that plain code uses; `compiled` replaces them by the numba intrinsics
that `intrinsics_for` returns. README.md explains the design.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from qsweep.learning.compiler.packing import Packing, Words, dotted, fields

MAX_COPIED = 8
"""The maximum number of elements of an array that is copied to local variables."""


def unpack(words: Words) -> Any:
    """Return the record in the first row of `words`; its arrays are views of that memory."""
    raise NotImplementedError


def load_records(words: Words) -> Any:
    """Return the records in all rows as a tuple, with small arrays of fixed lengths copied.

    The processor can keep such a copy in its registers, because no other pointer can refer to its memory.
    `store_records` writes the copies back.
    """
    raise NotImplementedError


def store_records(records: Any, words: Words) -> None:
    """Write the arrays that `load_records` copied back to their rows."""
    raise NotImplementedError


def for_each(function: Callable[[Any, int, Any], int], records: Any, argument: Any) -> int:
    """Return the sum of function(record, its index, argument) over a tuple of records, without a loop."""
    raise NotImplementedError


@dataclass(frozen=True)
class Intrinsic:
    """The numba intrinsic that replaces a function on packed records; make(packing) creates it."""

    make: Callable[[Packing], Any]
    packing: Packing


def intrinsics_for(packing: Packing) -> dict[str, Intrinsic]:
    """Return the replacements of the functions above, apart from `for_each`, for records of a packing."""
    return {
        "unpack": Intrinsic(_unpack, packing),
        "load_records": Intrinsic(_load_records, packing),
        "store_records": Intrinsic(_store_records, packing),
    }


class _PackedRecord:
    """A packed record in code that is being generated: emits the instructions that read and write it."""

    def __init__(self, packing: Packing, context: Any, builder: Any, data: Any) -> None:
        self._packing, self._context, self._builder, self._data = packing, context, builder, data
        self._fixed, self._positions = dict(packing.fixed), packing.header()

    def record(self, copied: Mapping[str, int]) -> Any:
        """Return the record's value. copied: name of an array that is copied -> its number of elements."""
        return self._part("", self._packing.record, copied)

    def store_records(self, record: Any, copied: Mapping[str, int]) -> None:
        """Write the copied arrays of a record back to its block."""
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
                address = self._copy(address, self._stack_space(address, copied[name]), copied[name])
            return self._array(kind, address, [self._word(dotted(name, axis)) for axis in range(kind.ndim)])
        if isinstance(kind, types.Boolean):
            return self._builder.trunc(self._word(name), self._context.get_value_type(kind))
        return self._builder.bitcast(self._word(name), self._context.get_value_type(kind))

    def _arrays(self, name: str, kind: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
        """Yield name, numba type and value of every array in a record."""
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
        """Return a word of the header: a constant if it is fixed, otherwise loaded."""
        if name in self._fixed:
            return self._constant(self._fixed[name])
        return self._builder.load(self._builder.gep(self._data, [self._constant(self._positions[name])]))

    def _address(self, name: str, kind: Any) -> Any:
        """Return the pointer to an array's first element."""
        element = self._context.get_data_type(kind.dtype).as_pointer()
        return self._builder.bitcast(self._builder.gep(self._data, [self._word(name)]), element)

    def _stack_space(self, like: Any, size: int) -> Any:
        """Return stack memory for a copy; LLVM's optimiser moves it to registers."""
        from numba.core import cgutils

        return cgutils.alloca_once(self._builder, like.type.pointee, size=size)

    def _copy(self, source: Any, target: Any, size: int) -> Any:
        for n in map(self._constant, range(size)):
            self._builder.store(
                self._builder.load(self._builder.gep(source, [n])), self._builder.gep(target, [n])
            )
        return target

    def _array(self, kind: Any, address: Any, lengths: Sequence[Any]) -> Any:
        """Return a C-contiguous array of a numba type at an address."""
        from numba.np.arrayobj import populate_array

        array = self._context.make_array(kind)(self._context, self._builder)
        size = self._constant(self._context.get_abi_sizeof(self._context.get_data_type(kind.dtype)))
        strides = [size]
        for length in lengths[:0:-1]:
            strides.insert(0, self._builder.mul(strides[0], length))
        populate_array(array, address, list(lengths), strides, size, None)
        return array._getvalue()


def _copied(packing: Packing) -> dict[str, int]:
    """Return name -> number of elements of the arrays that `load_records` copies."""
    fixed, found = dict(packing.fixed), {}
    for name, kind in packing.leaves():
        axes = [dotted(name, axis) for axis in range(getattr(kind, "ndim", 0))]
        size = math.prod(fixed.get(axis, 0) for axis in axes)
        if axes and 0 < size <= MAX_COPIED:
            found[name] = size
    return found


def _packed_records(
    packing: Packing, context: Any, builder: Any, kind: Any, words: Any
) -> list[_PackedRecord]:
    """Return the packed records in the rows of an array int64[rows, words]."""
    from numba.core.cgutils import pointer_add, unpack_tuple

    array = context.make_array(kind)(context, builder, words)
    size = unpack_tuple(builder, array.strides)[0]
    found, data = [], array.data
    for _ in range(packing.rows):
        found.append(_PackedRecord(packing, context, builder, data))
        data = pointer_add(builder, data, size)
    return found


@cache
def _unpack(packing: Packing) -> Any:
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _packed_records(packing, context, builder, *signature.args, *args)[0].record({})

    return intrinsic(lambda _, words: (packing.record(words), generate))


@cache
def _load_records(packing: Packing) -> Any:
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        packed = _packed_records(packing, context, builder, *signature.args, *args)
        records = [record.record(_copied(packing)) for record in packed]
        return context.make_tuple(builder, signature.return_type, records)

    return intrinsic(lambda _, words: (types.UniTuple(packing.record, packing.rows)(words), generate))


@cache
def _store_records(packing: Packing) -> Any:
    from numba import types
    from numba.extending import intrinsic

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for n, record in enumerate(_packed_records(packing, context, builder, signature.args[1], args[1])):
            record.store_records(builder.extract_value(args[0], n), _copied(packing))
        return context.get_dummy_value()

    return intrinsic(lambda _, records, words: (types.void(records, words), generate))


@cache
def unrolled_for_each() -> Any:
    """Return the intrinsic that replaces `for_each`: one call per record, inlined one after the other."""
    from numba import types
    from numba.extending import intrinsic

    def for_each(typing: Any, function: Any, records: Any, argument: Any) -> Any:
        called = function.get_call_type(typing, (records.dtype, types.intp, argument), {})

        def generate(context: Any, builder: Any, _: Any, args: Any) -> Any:
            call, total = context.get_function(function, called), context.get_constant(types.int64, 0)
            for n in range(records.count):
                number = context.get_constant(types.intp, n)
                found = call(builder, [builder.extract_value(args[1], n), number, args[2]])
                total = builder.add(total, found)
            return total

        return types.int64(function, records, argument), generate

    return intrinsic(for_each)
