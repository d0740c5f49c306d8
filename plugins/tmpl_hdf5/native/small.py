"""Write small variables: gathered into large pieces, hashed while they are in the processor's cache."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from types import TracebackType
from typing import Any, Self, final

import numpy as np
import xxhash

from tmpl_hdf5.native.pipe import Pipe
from tmplcore.checkpoint.columns import Memory
from tmplcore.errors import SaveError

__all__ = ["Batch", "batches", "runs", "write_small"]

_BATCH = 1 << 20  # bytes that are gathered and hashed at a time: they stay in the cache
_RUN = 1 << 14  # bytes that lie in memory as in the file; fewer are gathered
_PIECE = 1 << 20  # bytes that are handed to the other thread: writing them takes far longer than handing them over

Numbers = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Batch:
    """Some small variables that lie one behind the other.

    Attributes:
        rows: Which: a slice where they are consecutive, as they mostly are.
        paddings: The zeros before each; None if there are none.
        start: Where in the file it begins: at the first padding.
        end: Where it ends.
        block: The number of the block of memory in which they lie as they will in the file; None if they do not.
        at: Where in that block.
    """

    rows: slice | Numbers
    paddings: list[bytes] | None
    start: int
    end: int
    block: int | None = None
    at: int = 0


def batches(rows: Numbers, offsets: Numbers, sizes: Numbers) -> list[Batch]:
    """Return the small rows, which lie in this order, in batches."""
    if not len(rows):
        return []
    starts, ends = offsets[rows], offsets[rows] + sizes[rows]
    gaps = starts - np.concatenate((starts[:1], ends[:-1]))
    zeros = [bytes(gap) for gap in range(int(gaps.max()) + 1)]
    cuts = [0, *np.unique(np.searchsorted(ends, np.arange(int(starts[0]) + _BATCH, int(ends[-1]), _BATCH))), len(rows)]
    found = []
    for first, stop in pairwise(cuts):
        if first == stop:
            continue
        between = gaps[first:stop]
        paddings = list(map(zeros.__getitem__, between.tolist())) if between.any() else None
        found.append(Batch(_part(rows, first, stop), paddings, int(starts[first] - between[0]), int(ends[stop - 1])))
    return found


def runs(rows: Numbers, offsets: Numbers, sizes: Numbers, memory: Memory) -> list[Batch]:
    """Return the small rows, which lie in this order, in batches; as large as can be where memory is like the file."""
    starts, block, at = offsets[rows], memory.block[rows], memory.start[rows]
    joined = (block[1:] == block[:-1]) & (block[1:] >= 0) & (np.diff(at) == np.diff(starts))
    bounds = [0, *(np.flatnonzero(~joined) + 1).tolist(), len(rows)] if len(rows) else []
    found: list[Batch] = []
    waiting = 0  # from here on there are rows that are to be gathered
    for first, stop in pairwise(bounds):
        end = int(offsets[rows[stop - 1]] + sizes[rows[stop - 1]])
        if block[first] < 0 or end - starts[first] < _RUN:
            continue
        found += batches(rows[waiting:first], offsets, sizes)
        found.append(Batch(_part(rows, first, stop), None, int(starts[first]), end, int(block[first]), int(at[first])))
        waiting = stop
    return found + batches(rows[waiting:], offsets, sizes)


def _part(rows: Numbers, first: int, stop: int) -> slice | Numbers:
    part = rows[first:stop]
    return slice(int(part[0]), int(part[-1]) + 1) if part[-1] - part[0] + 1 == len(part) else part


def write_small(
    pipe: Pipe,
    batches: list[Batch],
    values: list[Any],
    blocks: list[Numbers],
    hashes: Numbers,
    foreign: frozenset[int],
    raw: Callable[[int], np.ndarray],
) -> None:
    """Write small variables, and enter their hashes.

    Args:
        pipe: What writes.
        batches: The variables, in the order of their places.
        values: All values.
        blocks: The blocks of memory that batches lie in.
        hashes: Room for a hash of each value.
        foreign: Rows whose arrays cannot be written as they are.
        raw: Returns the array to write for such a row, or for a value that is no array.
    """
    if not batches:
        return
    with _Pieces(pipe, batches[0].start) as pieces:
        for batch in batches:
            if batch.block is not None:
                data = blocks[batch.block][batch.at : batch.at + batch.end - batch.start]
                pipe.write(data, batch.start)
                hashes[batch.rows] = _hashes(_part_of(values, batch.rows))
                continue
            arrays = _arrays(batch.rows, values, foreign, raw)
            try:
                pieces.add(arrays, batch)
            except (BufferError, TypeError, ValueError):  # something is not in C order
                arrays = list(map(np.ascontiguousarray, arrays))
                pieces.add(arrays, batch)
            hashes[batch.rows] = _hashes(arrays)
        pieces.flush()


def _hashes(arrays: list[Any]) -> Numbers:
    return np.fromiter(map(xxhash.xxh3_64_intdigest, arrays), np.uint64, len(arrays))


def _arrays(
    rows: slice | Numbers, values: list[Any], foreign: frozenset[int], raw: Callable[[int], np.ndarray]
) -> list[Any]:
    arrays = _part_of(values, rows)
    if foreign or list(map(type, arrays)).count(np.ndarray) != len(arrays):
        numbers = range(rows.start, rows.stop) if isinstance(rows, slice) else rows.tolist()
        return [
            array if type(array) is np.ndarray and row not in foreign else raw(row)
            for row, array in zip(numbers, arrays, strict=True)
        ]
    return arrays


def _part_of(values: list[Any], rows: slice | Numbers) -> list[Any]:
    return values[rows] if isinstance(rows, slice) else list(map(values.__getitem__, rows.tolist()))


@final
class _Pieces:
    """A run of bytes of the file, gathered in two buffers in turn: one is filled while the other is written.

    A context manager: on an error it lets go of what was handed over. The error may keep all this alive in a cycle, and
    a `BytesIO` that is collected as garbage together with a view of it makes Python 3.12.1 crash, and 3.13 complain.
    """

    def __init__(self, pipe: Pipe, start: int) -> None:
        self._pipe = pipe
        self._start = self._end = start  # of what is in the buffer
        self._buffer, self._other = io.BytesIO(), io.BytesIO()
        self._views: list[memoryview] = []  # of what was handed over; at rest, of what is in the other one

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._pipe.stop()
            for view in self._views:
                view.release()

    def add(self, arrays: list[Any], batch: Batch) -> None:
        """Append a batch. Raises what NumPy does of an array that is not in C order; then nothing was appended."""
        parts = arrays
        if batch.paddings is not None:
            parts = [b""] * (2 * len(arrays))
            parts[::2], parts[1::2] = batch.paddings, arrays
        if batch.start != self._end:  # what is in between is written by others, or stays zero
            self.flush()
            self._start = batch.start
        self._buffer.seek(batch.start - self._start)
        self._buffer.writelines(parts)
        self._end = batch.end
        if self._start + self._buffer.tell() != self._end:
            raise SaveError("a variable changed its size while it was being saved")
        if self._end - self._start >= _PIECE:
            self.flush()

    def flush(self) -> None:
        """Hand over what there is."""
        if self._end == self._start:
            return
        self._views.append(self._buffer.getbuffer()[: self._end - self._start])
        self._pipe.write(self._views[-1], self._start)  # the one before is written by now
        for view in self._views[:-1]:
            view.release()
        del self._views[:-1]
        self._buffer, self._other = self._other, self._buffer
        self._start = self._end
