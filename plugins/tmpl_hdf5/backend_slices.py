"""Read and write a part of an array that lies in a file, moving little more than that part.

The file is read and written by position. What is not basic indexing or a choice of rows goes through the map.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

__all__ = ["Bytes", "Region"]

BLOCK = 16 << 20
"""Bytes that are moved at once at most, where a part is larger than that."""


class Bytes(Protocol):
    """A file that is read and written by position."""

    def read(self, at: int, into: np.ndarray) -> None:
        """Fill a C-order array of bytes."""

    def store(self, at: int, data: np.ndarray) -> None:
        """Write a C-order array."""


@dataclass(frozen=True, slots=True)
class Region:
    """An array in a file: C order, from byte `at` on."""

    file: Bytes
    at: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def row(self) -> int:
        """Bytes of one index of the first axis."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    def get(self, index: Any) -> np.ndarray | None:
        """Return `array[index]`, or None if only the map can do that."""
        parts = self._parts(index)
        return None if parts is None else self._get(parts)

    def set(self, index: Any, value: np.ndarray) -> bool:
        """Do `array[index] = value`, or return False if only the map can do that."""
        parts = self._parts(index)
        if parts is None:
            return False
        self._set(parts, np.broadcast_to(value, self._outline()[index].shape))
        return True

    def _outline(self) -> np.ndarray:
        """Return an array of this shape that takes no memory, to ask NumPy what an index means."""
        return np.broadcast_to(np.int8(0), self.shape)

    def _parts(self, index: Any) -> tuple[Any, ...] | None:
        """Return an index as one part for each axis: integers, slices and at first maybe an array of row numbers.

        None stands for an index that is none of this (several arrays apart from each other, masks of several axes).

        Raises:
            IndexError: It is out of range, or no index.
        """
        if not (isinstance(index, int | slice) or index is Ellipsis):
            self._outline()[index]
        given = list(index) if isinstance(index, tuple) else [index]
        parts: list[Any] = []
        for part in given:
            if part is Ellipsis:
                parts += [slice(None)] * (len(self.shape) - len(given) + 1)
            elif isinstance(part, slice):
                parts.append(part)
            elif part is None or isinstance(part, bool | np.bool_):
                return None
            elif isinstance(part, int | np.integer):
                parts.append(int(part))
            else:
                array = np.asarray(part)
                if array.dtype == bool and array.ndim > 1:
                    return None
                parts.append(np.flatnonzero(array) if array.dtype == bool else array.astype(np.intp))
        parts += [slice(None)] * (len(self.shape) - len(parts))
        if len(parts) != len(self.shape) or (parts and isinstance(parts[0], int) and not self._has(parts[0])):
            self._outline()[index]  # raises
        arrays = [number for number, part in enumerate(parts) if isinstance(part, np.ndarray)]
        if arrays and arrays[0] > 0:
            only = all(isinstance(part, slice) for number, part in enumerate(parts) if number != arrays[0])
            return tuple(parts) if only else None
        if arrays:
            parts[0] = parts[0] % self.shape[0] if self.shape[0] else parts[0]
        return tuple(parts)

    def _has(self, row: int) -> bool:
        return -self.shape[0] <= row < self.shape[0]

    # reading

    def load(self) -> np.ndarray:
        """Read the whole."""
        out = np.empty(self.shape, self.dtype)
        if out.nbytes:
            self.file.read(self.at, out)
        return out

    def _rows(self, start: int, stop: int) -> Region:
        return Region(self.file, self.at + start * self.row, (stop - start, *self.shape[1:]), self.dtype)

    def _get(self, parts: tuple[Any, ...]) -> np.ndarray:
        if not parts:
            return self.load()
        first, *rest = parts
        if isinstance(first, int):
            return self._inner(first)._get(tuple(rest))
        if isinstance(first, np.ndarray):
            rows, inverse = np.unique(first, return_inverse=True)
            return np.asarray(self._gather(rows)[(inverse.reshape(first.shape), *rest)])
        pieces = [self._piece(rows, rest) for rows in self._blocks(first)]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _piece(self, rows: range, rest: list[Any]) -> np.ndarray:
        if self.row > BLOCK and rest and rows:
            return np.stack([self._inner(row)._get(tuple(rest)) for row in rows])
        low, high = _span(rows)
        return np.asarray(self._rows(low, high).load()[:: rows.step][(slice(None), *rest)])

    def _gather(self, rows: np.ndarray) -> np.ndarray:
        out = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for start, stop, first in _runs(rows):
            self.file.read(self.at + first * self.row, out[start:stop])
        return out

    # writing

    def _set(self, parts: tuple[Any, ...], value: np.ndarray) -> None:
        if not parts:
            self.file.store(self.at, np.ascontiguousarray(value))
            return
        first, *rest = parts
        if isinstance(first, int):
            self._inner(first)._set(tuple(rest), value)
            return
        if isinstance(first, np.ndarray):
            rows, inverse = np.unique(first, return_inverse=True)
            loaded = self._gather(rows)
            loaded[(inverse.reshape(first.shape), *rest)] = value
            for start, stop, row in _runs(rows):
                self.file.store(self.at + row * self.row, loaded[start:stop])
            return
        done = 0
        for block in self._blocks(first):
            self._set_piece(block, rest, value[done : done + len(block)])
            done += len(block)

    def _set_piece(self, rows: range, rest: list[Any], value: np.ndarray) -> None:
        if not rows:
            return
        if self.row > BLOCK and rest:
            for row, part in zip(rows, value, strict=True):
                self._inner(row)._set(tuple(rest), part)
            return
        region = self._rows(*_span(rows))
        plain = abs(rows.step) == 1 and all(isinstance(part, slice) and part == slice(None) for part in rest)
        loaded = np.empty(region.shape, self.dtype) if plain else region.load()
        loaded[:: rows.step][(slice(None), *rest)] = value
        self.file.store(region.at, loaded)

    # parts

    def _inner(self, row: int) -> Region:
        return Region(self.file, self.at + row % self.shape[0] * self.row, self.shape[1:], self.dtype)

    def _blocks(self, rows: slice) -> Iterator[range]:
        """Cut rows into runs that span at most `BLOCK` bytes (at least a row); one empty run if there is none."""
        chosen = range(*rows.indices(self.shape[0]))
        each = max(1, BLOCK // max(self.row * abs(chosen.step), 1))
        for start in range(0, len(chosen), each):
            yield chosen[start : start + each]
        if not chosen:
            yield chosen


def _span(rows: range) -> tuple[int, int]:
    """Return the lowest row, and one past the highest."""
    return (min(rows[0], rows[-1]), max(rows[0], rows[-1]) + 1) if rows else (0, 0)


def _runs(rows: np.ndarray) -> Iterator[tuple[int, int, int]]:
    """Yield (start, stop, first row) of the runs of neighbours in sorted row numbers."""
    if len(rows):
        bounds = (np.flatnonzero(np.diff(rows) != 1) + 1).tolist()
        for start, stop in zip([0, *bounds], [*bounds, len(rows)], strict=True):
            yield start, stop, int(rows[start])
