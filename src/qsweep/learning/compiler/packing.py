"""Records of arrays, each packed into one block of memory, which compiled code takes as one argument.

A record is a NamedTuple of arrays, numbers and further records. Its block consists of 64-bit words: first the
header, with a word per number and, for each array, its offset in the block and its lengths; then the arrays.
The blocks of several records are rows of one array and have the same layout. A word of the header that is
fixed is a constant in the compiled code. README.md explains the design; `intrinsics` reads the blocks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.int64]

CACHE_LINE = 8
"""Words per cache line of the processor: the alignment of arrays whose lengths are not fixed."""


@dataclass(frozen=True)
class Packing:
    """The layout of records of one type in their blocks.

    record: the numba type of a record. fixed: name -> value of the words of the header that are constants of
    the code. An array `q` in a field `agent` has the words `agent.q`, its offset, and `agent.q.0` and
    `agent.q.1`, its lengths. lanes: the number of lanes in compiled code. local: the one-dimensional arrays
    of fixed lengths that a lane has in local arrays. shared: the arrays that are the same in all records.
    """

    record: Any
    fixed: tuple[tuple[str, int], ...]
    lanes: int = 1
    locals: tuple[tuple[str, int], ...] = ()
    shared: tuple[str, ...] = ()

    @property
    def local(self) -> dict[str, int]:
        """Name -> number of elements of each local array."""
        return dict(self.locals)

    def __repr__(self) -> str:
        """Return everything that code for such records depends on, as text."""
        kinds = [(name, str(kind)) for name, kind in self.leaves()]
        return f"{kinds} {self.fixed} {self.lanes} {self.locals} {self.shared}"

    def leaves(self) -> Iterator[tuple[str, Any]]:
        """Yield name and numba type of every array and number in a record, in order."""
        return _kinds("", self.record)

    def header(self) -> dict[str, int]:
        """Return name -> position of each word of the header."""
        words = (
            word
            for name, kind in self.leaves()
            for word in (name, *(dotted(name, axis) for axis in range(getattr(kind, "ndim", 0))))
        )
        return {word: position for position, word in enumerate(words)}


@dataclass(frozen=True)
class Packed:
    """Blocks, int64[records, words], and the records whose arrays are views of them."""

    words: Words
    records: tuple[Any, ...]
    packing: Packing


def pack(
    records: Sequence[Any],
    fixed: Collection[str] = (),
    lanes: int = 1,
    local: Collection[str] = (),
    shared: Collection[str] = (),
) -> Packed:
    """Copy records that differ only in the contents of their arrays, each into a block.

    fixed: the names of numbers and lengths that may be constants of the compiled code. Arrays with all
    lengths fixed come first, so that their offsets are constants, too. lanes, local, shared: see `Packing`.
    """
    from numba import typeof

    leaves = dict(_leaves("", records[0]))
    header = {word: value for name, leaf in leaves.items() for word, value in _header(name, leaf)}
    known = [name for name, leaf in leaves.items() if np.ndim(leaf) and set(_lengths(name, leaf)) <= {*fixed}]
    offsets, end = _offsets(leaves, known, len(header))
    header |= offsets
    words = np.zeros((len(records), end), np.int64)
    words[:, : len(header)] = list(header.values())
    copies = tuple(_copied_into("", record, row, offsets) for record, row in zip(records, words, strict=True))
    constant = tuple((name, header[name]) for name in sorted({*fixed, *known}))
    sizes = tuple((name, leaves[name].size) for name in local)
    packing = Packing(typeof(copies[0]), constant, lanes, sizes, tuple(shared))
    return Packed(words, copies, packing)


def _leaves(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and value of every array and number in a record, in order."""
    if not isinstance(part, tuple):
        yield name, part
        return
    for field, inner in zip(part._fields, part, strict=True):  # type: ignore[attr-defined]
        yield from _leaves(dotted(name, field), inner)


def fields(name: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """Yield name and numba type of the fields of a record's numba type."""
    yield from ((dotted(name, field), inner) for field, inner in zip(kind.fields, kind.types, strict=True))


def _kinds(name: str, kind: Any) -> Iterator[tuple[str, Any]]:
    from numba import types

    if not isinstance(kind, types.BaseNamedTuple):
        yield name, kind
        return
    for inner in fields(name, kind):
        yield from _kinds(*inner)


def dotted(name: str, part: object) -> str:
    """Return the dotted name of a part."""
    return f"{name}.{part}".lstrip(".")


def _lengths(name: str, array: Any) -> dict[str, int]:
    return {dotted(name, axis): length for axis, length in enumerate(array.shape)}


def _header(name: str, leaf: Any) -> Iterator[tuple[str, int]]:
    """Yield the header words of an array, with 0 as its offset, or of a number."""
    if np.ndim(leaf):
        yield from {name: 0, **_lengths(name, leaf)}.items()
    else:
        exact = np.float64(leaf) if isinstance(leaf, float) else np.int64(leaf)
        yield name, int(exact.view(np.int64))


def _offsets(leaves: Mapping[str, Any], known: Sequence[str], end: int) -> tuple[dict[str, int], int]:
    """Return the offset of each array in words, from `end` on, `known` ones first, and the block's size."""
    offsets = {}
    for name in (*known, *(name for name, leaf in leaves.items() if np.ndim(leaf) and name not in known)):
        begin = end if name in known else -(-end // CACHE_LINE) * CACHE_LINE
        offsets[name], end = begin, begin + -(-leaves[name].nbytes // 8)
    return offsets, -(-end // CACHE_LINE) * CACHE_LINE


def _copied_into(name: str, part: Any, row: Words, offsets: Mapping[str, int]) -> Any:
    """Return a record whose arrays are copies in a block."""
    if isinstance(part, tuple):
        inside = zip(part._fields, part, strict=True)  # type: ignore[attr-defined]
        return type(part)(
            *(_copied_into(dotted(name, field), inner, row, offsets) for field, inner in inside)
        )
    if not np.ndim(part):
        return part
    array = row[offsets[name] :].view(part.dtype)[: part.size].reshape(part.shape)
    array[...] = part
    return array
