"""LLVM instructions that read and write packed records, in their memory or in the lanes of local arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from qsweep.learning.compiler.packing import Packing, dotted, fields


class Rows(NamedTuple):
    """Pointers to the first row of `words`, which has the header of all, and to a record's own."""

    first: Any
    own: Any


class Code:
    """Code that is being generated: emits instructions. words: the numba type of the packed records."""

    def __init__(self, packing: Packing, context: Any, builder: Any, words: Any) -> None:
        self._packing, self._context, self._builder, self._words = packing, context, builder, words
        self._fixed, self._positions = dict(packing.fixed), packing.header()
        self._kinds = dict(packing.leaves())

    def rows(self, words: Any, row: Any = None) -> Rows:
        """Return the first row of `words` and another one; None: the first."""
        from numba.core.cgutils import pointer_add, unpack_tuple

        array = self._context.make_array(self._words)(self._context, self._builder, words)
        if row is None:
            return Rows(array.data, array.data)
        offset = self._builder.mul(unpack_tuple(self._builder, array.strides)[0], row)
        return Rows(array.data, pointer_add(self._builder, array.data, offset))

    def record(self, rows: Rows, columns: Mapping[str, Any]) -> Any:
        """Return the value of a record. columns: name -> array that replaces the one in its row."""
        return self._part("", self._packing.record, rows, columns)

    def in_row(self, name: str, rows: Rows, number: int) -> Any:
        """Return the pointer to an element of an array in a row."""
        return self._builder.gep(self._address(name, rows), [self._constant(number)])

    def local_arrays(self) -> Any:
        """Return new local arrays [elements, lanes]: first the rows of the records in the lanes."""
        kinds = arrays_type(self._packing)
        sizes = (1, *self._packing.local.values())
        made = [self._new(*each) for each in zip(sizes, kinds, strict=True)]
        return self._context.make_tuple(self._builder, kinds, made)

    def row_in(self, arrays: Any, lane: Any) -> Any:
        """Return the pointer to the row of the record in a lane."""
        return self._element(arrays_type(self._packing), arrays, 0, 0, lane)

    def elements(self, arrays: Any, lane: Any) -> Iterator[tuple[str, int, Any]]:
        """Yield name, number and pointer of every element of a lane's arrays."""
        kinds = arrays_type(self._packing)
        for n, (name, size) in enumerate(self._packing.local.items(), 1):
            for k in range(size):
                yield name, k, self._element(kinds, arrays, n, k, lane)

    def columns(self, arrays: Any, lane: Any) -> dict[str, Any]:
        """Return name -> a lane's part of each local array, which is not contiguous."""
        kinds, found = arrays_type(self._packing), {}
        for n, (name, size) in enumerate(self._packing.local.items(), 1):
            kind = column_type(self._kinds[name])
            address = self._element(kinds, arrays, n, 0, lane)
            stride = self._packing.lanes * self._size(kind)
            found[name] = self._array(kind, address, [self._constant(size)], [self._constant(stride)])
        return found

    def _constant(self, number: int) -> Any:
        from numba import types

        return self._context.get_constant(types.intp, number)

    def _size(self, kind: Any) -> int:
        """Return the number of bytes of an element of an array type."""
        size: int = self._context.get_abi_sizeof(self._context.get_data_type(kind.dtype))
        return size

    def _new(self, size: int, kind: Any) -> Any:
        from numba.core.cgutils import alloca_once

        shape = max(1, size), self._packing.lanes
        data = alloca_once(self._builder, self._context.get_data_type(kind.dtype), size=shape[0] * shape[1])
        return self._array(kind, data, [self._constant(n) for n in shape])

    def _element(self, kinds: Any, arrays: Any, array: int, number: int, lane: Any) -> Any:
        """Return the pointer to an element of a lane in the array of that index."""
        value = self._builder.extract_value(arrays, array)
        data = self._context.make_array(kinds[array])(self._context, self._builder, value).data
        place = self._builder.add(self._constant(number * self._packing.lanes), lane)
        return self._builder.gep(data, [place])

    def _part(self, name: str, kind: Any, rows: Rows, columns: Mapping[str, Any]) -> Any:
        from numba import types

        if name in columns:
            return columns[name]
        if isinstance(kind, types.BaseNamedTuple):
            parts = [self._part(*field, rows, columns) for field in fields(name, kind)]
            return self._context.make_tuple(self._builder, kind, parts)
        if isinstance(kind, types.Array):
            lengths = [self._word(rows, dotted(name, axis)) for axis in range(kind.ndim)]
            return self._array(kind, self._address(name, rows), lengths)
        if isinstance(kind, types.Boolean):
            return self._builder.trunc(self._word(rows, name), self._context.get_value_type(kind))
        return self._builder.bitcast(self._word(rows, name), self._context.get_value_type(kind))

    def _word(self, rows: Rows, name: str) -> Any:
        """Return a word of the header: a constant if it is fixed, otherwise loaded."""
        if name in self._fixed:
            return self._constant(self._fixed[name])
        place = self._constant(self._positions[name])
        return self._builder.load(self._builder.gep(rows.first, [place]))

    def _address(self, name: str, rows: Rows) -> Any:
        """Return the pointer to an array's first element."""
        element = self._context.get_data_type(self._kinds[name].dtype).as_pointer()
        row = rows.first if name in self._packing.shared else rows.own
        return self._builder.bitcast(self._builder.gep(row, [self._word(rows, name)]), element)

    def _array(self, kind: Any, address: Any, lengths: Sequence[Any], strides: Sequence[Any] = ()) -> Any:
        """Return an array of a numba type at an address; without strides it is C-contiguous."""
        from numba.np.arrayobj import populate_array

        array = self._context.make_array(kind)(self._context, self._builder)
        size = self._constant(self._size(kind))
        if not strides:
            strides = [size]
            for length in lengths[:0:-1]:
                strides.insert(0, self._builder.mul(strides[0], length))
        populate_array(array, address, list(lengths), list(strides), size, None)
        return array._getvalue()


def arrays_type(packing: Packing) -> Any:
    """Return the numba type of all local arrays."""
    from numba import types

    known = dict(packing.leaves())
    kinds = (types.int64, *(known[name].dtype for name in packing.local))
    return types.Tuple([types.Array(kind, 2, "C") for kind in kinds])


def column_type(kind: Any) -> Any:
    """Return the type of a lane's part of the local array for an array type."""
    from numba import types

    return types.Array(kind.dtype, 1, "A")


def with_columns(name: str, kind: Any, packing: Packing) -> Any:
    """Return the type of a record, or of a part of it, in a lane."""
    from numba import types

    if isinstance(kind, types.BaseNamedTuple):
        parts = [with_columns(*field, packing) for field in fields(name, kind)]
        return types.BaseTuple.from_types(parts, kind.instance_class)
    return column_type(kind) if name in packing.local else kind
