"""Records of arrays, each in one block of memory: what compiled code takes at once; see `unpacking`.

A record is a NamedTuple of arrays, numbers and further records. Its block is 64-bit words: first the header,
a word for each number and, for each array, its place in the block and its lengths; then the arrays. Blocks
of alike records are rows of one array, so that the same lies at the same place in each. What of the header
is fixed when code is compiled is a constant there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
    rows: how many records there are.
    """

    record: Any
    fixed: tuple[tuple[str, int], ...]
    rows: int

    def __repr__(self) -> str:
        """All that code which takes such a record apart depends on."""
        return f"{[(name, str(kind)) for name, kind in self.leaves()]} {self.fixed} {self.rows}"

    def leaves(self) -> Iterator[tuple[str, Any]]:
        """Name and numba type of every array and number in a record, in order."""
        return _kinds("", self.record)

    def header(self) -> dict[str, int]:
        """Where each word of the header is, by name."""
        words = (
            word
            for name, kind in self.leaves()
            for word in (name, *(below(name, axis) for axis in range(getattr(kind, "ndim", 0))))
        )
        return {word: place for place, word in enumerate(words)}


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
    return Packed(words, moved, Packing(typeof(moved[0]), constant, len(words)))


def _leaves(name: str, part: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of every array and number in a record, in order."""
    if not isinstance(part, tuple):
        yield name, part
        return
    for field, inner in zip(part._fields, part, strict=True):  # type: ignore[attr-defined]
        yield from _leaves(below(name, field), inner)


def fields(name: str, kind: Any) -> Iterator[tuple[str, Any]]:
    """Name and numba type of what a record's numba type consists of."""
    yield from ((below(name, field), inner) for field, inner in zip(kind.fields, kind.types, strict=True))


def _kinds(name: str, kind: Any) -> Iterator[tuple[str, Any]]:
    from numba import types

    if not isinstance(kind, types.BaseNamedTuple):
        yield name, kind
        return
    for inner in fields(name, kind):
        yield from _kinds(*inner)


def below(name: str, part: object) -> str:
    """The name of a part of what has a name."""
    return f"{name}.{part}".lstrip(".")


def _lengths(name: str, array: Any) -> dict[str, int]:
    return {below(name, axis): length for axis, length in enumerate(array.shape)}


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
        inside = zip(part._fields, part, strict=True)  # type: ignore[attr-defined]
        return type(part)(*(_moved(below(name, field), inner, row, places) for field, inner in inside))
    if not np.ndim(part):
        return part
    array = row[places[name] :].view(part.dtype)[: part.size].reshape(part.shape)
    array[...] = part
    return array
