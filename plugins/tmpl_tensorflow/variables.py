"""The kinds of variables in a bundle: numbers in one run (`StoredArray` of the core), text, and slices."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Iterable, Sequence
from typing import Any, final

import google_crc32c
import numpy as np

from tmpl_tensorflow.wire import varint
from tmplcore.checkpoint.format import Box, LazyVariable
from tmplcore.checkpoint.stored import InputFile, StoredArray, element_index
from tmplcore.errors import DamagedError, InvalidArgumentError, UnreadableError

__all__ = ["OpaqueVariable", "SlicedVariable", "TextVariable", "cover"]

_LONGEST_VARINT = 10
_MOST_MEASURED = 1 << 16  # strings whose lengths a listing adds up; of more it says what they take at most
_CHECKSUM = 4  # bytes, behind the lengths
_MOST_DIVIDED = 8  # axes; TensorFlow's partitioners divide one


@final
class TextVariable(LazyVariable):
    """Strings: all lengths, a checksum of them, then all texts."""

    __slots__ = ("_big_endian", "_nbytes", "_offset", "_size", "dtype", "file", "name", "shape")

    def __init__(
        self, name: str, shape: tuple[int, ...], file: InputFile, offset: int, size: int, *, big_endian: bool
    ) -> None:
        self.name = name
        self.shape = shape
        self.dtype = np.dtype(object)
        self.file = file
        self._offset = offset
        self._size = size
        self._big_endian = big_endian
        self._nbytes = self._measure()

    @property
    def nbytes(self) -> int:
        """Bytes of the stored text."""
        return self._nbytes

    def _measure(self) -> int:
        """Return how many of the stored bytes are text, all but the lengths and their checksum."""
        count = math.prod(self.shape)
        if count > _MOST_MEASURED:
            return max(0, self._size - count - _CHECKSUM)
        head = min(self._size, count * _LONGEST_VARINT)
        try:
            raw = self.file.read(self._offset, head)
            place = 0
            for _ in range(min(count, head)):
                _, place = varint(raw, place, head)
        except DamagedError:
            place = min(count, self._size)
        return max(0, self._size - place - _CHECKSUM)

    def __getitem__(self, index: Any) -> np.ndarray:
        value = self._read()
        return value if index is Ellipsis else np.asarray(value[index], dtype=object)

    def read_into(self, out: np.ndarray) -> None:
        """Read all strings into an array of objects."""
        if out.shape != self.shape or out.dtype != self.dtype:
            raise InvalidArgumentError(f"{self.name}: needs an array of objects of the shape {self.shape}")
        out[...] = self._read()

    def checksum(self) -> int:
        """Return the CRC-32C of what is stored: each length as a 4-byte number, their checksum, the texts.

        A text of 4 GiB or more counts with an 8-byte length.
        """
        raw = self.file.read(self._offset, self._size)
        lengths, place = self._lengths(raw)
        order = ">" if self._big_endian else "<"
        packed = b"".join(struct.pack(f"{order}{'I' if length >> 32 == 0 else 'Q'}", length) for length in lengths)
        return int(google_crc32c.extend(google_crc32c.value(packed), raw[place - _CHECKSUM :]))

    def _lengths(self, raw: bytes) -> tuple[list[int], int]:
        """Return the lengths of all strings, and where the first text starts in the stored bytes."""
        count = math.prod(self.shape)
        if count > len(raw):
            raise DamagedError(f"{self.file.path}: {self.name!r} cannot have {count} strings in {len(raw)} bytes")
        lengths, place = [], 0
        try:
            for _ in range(count):
                length, place = varint(raw, place, len(raw))
                lengths.append(length)
        except DamagedError as error:
            raise DamagedError(f"{self.file.path}: the string lengths of {self.name!r} are damaged") from error
        place += _CHECKSUM
        if place + sum(lengths) != len(raw):
            raise DamagedError(
                f"{self.file.path}: the string lengths of {self.name!r} do not add up to its {len(raw)} bytes",
                hint="copy or download the checkpoint again",
            )
        return lengths, place

    def _read(self) -> np.ndarray:
        raw = self.file.read(self._offset, self._size)
        lengths, place = self._lengths(raw)
        value = np.empty(len(lengths), object)
        for number, length in enumerate(lengths):
            value[number] = raw[place : place + length]
            place += length
        return value.reshape(self.shape)


@final
class OpaqueVariable(LazyVariable):
    """A tensor that is no array (a variant, a resource, a type of the future): it is listed, but cannot be read."""

    __slots__ = ("_problem", "_size", "dtype", "name", "shape")

    def __init__(self, name: str, shape: tuple[int, ...], size: int, problem: str) -> None:
        self.name = name
        self.shape = shape
        self.dtype = np.dtype(object)
        self._size = size
        self._problem = problem

    @property
    def nbytes(self) -> int:
        """Bytes in the file."""
        return self._size

    def _refuse(self) -> UnreadableError:
        return UnreadableError(f"{self.name!r} cannot be read: {self._problem}", hint="leave it out (--exclude)")

    def __getitem__(self, index: Any) -> np.ndarray:
        raise self._refuse()

    def read_into(self, out: np.ndarray) -> None:
        """Refuse."""
        raise self._refuse()


@final
class SlicedVariable(LazyVariable):
    """A partitioned variable: boxes of a global shape, each stored like a variable of its own.

    Args:
        name: Its full name.
        shape: Its global shape.
        parts: The boxes and what is stored for each; together they cover the shape exactly (see `cover`).
    """

    __slots__ = ("dtype", "name", "parts", "shape")

    def __init__(self, name: str, shape: tuple[int, ...], parts: Sequence[tuple[Box, LazyVariable]]) -> None:
        self.name = name
        self.shape = shape
        self.dtype = parts[0][1].dtype
        self.parts = tuple(parts)

    @property
    def nbytes(self) -> int:
        """Bytes of the value in memory (for strings: of the stored text)."""
        return sum(part.nbytes for _, part in self.parts)

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The parts in which it is stored."""
        return tuple(box for box, _ in self.parts)

    def __getitem__(self, index: Any) -> np.ndarray:
        split = element_index(index, len(self.shape))
        if split is None:
            return np.asarray(self[...][index], dtype=self.dtype)
        axes, result = split
        wanted: list[range] = []
        for length, item in zip(self.shape, axes, strict=True):
            if not isinstance(item, slice) and not -length <= item < length:
                raise IndexError(f"index {item} is out of bounds for an axis of size {length}")
            wanted.append(range(length)[item] if isinstance(item, slice) else range(item % length, item % length + 1))
        out = np.empty(tuple(map(len, wanted)), self.dtype)
        for box, part in self.parts:
            inside = [
                _inside(want, start, length) for want, start, length in zip(wanted, box.offset, box.shape, strict=True)
            ]
            if all(inside):
                place, taken = zip(*(pair for pair in inside if pair), strict=True) if inside else ((), ())
                out[tuple(place)] = part[tuple(taken)]
        flat = tuple(slice(None) if isinstance(item, slice) else 0 for item in axes)
        return np.asarray(out[flat][result], dtype=self.dtype)

    def read_into(self, out: np.ndarray) -> None:
        """Read all parts, each straight to its place where that is one run of memory."""
        if out.shape != self.shape or out.dtype != self.dtype:
            raise InvalidArgumentError(
                f"{self.name}: an array {out.shape} {out.dtype} cannot take a variable {self.shape} {self.dtype}"
            )
        for box, part in self.parts:
            place = out[
                tuple(slice(start, start + length) for start, length in zip(box.offset, box.shape, strict=True))
            ]
            if isinstance(part, StoredArray) and place.flags.c_contiguous:
                part.read_into(place)
            else:
                place[...] = part[...]


def _inside(want: range, start: int, length: int) -> tuple[slice, slice] | None:
    """Say which elements of `want` lie in `start` to `start + length`: their places in `want`, and in the box."""
    if want.step > 0:
        first = max(0, -(-(start - want.start) // want.step))
        stop = min(len(want), -(-(start + length - want.start) // want.step))
    else:
        first = max(0, -(-(want.start - start - length + 1) // -want.step))
        stop = min(len(want), (want.start - start) // -want.step + 1)
    if first >= stop:
        return None
    low = want[first] - start
    end = want[stop - 1] - start + want.step
    return slice(first, stop), slice(low, None if end < 0 else end, want.step)


def cover(shape: tuple[int, ...], boxes: Iterable[Box]) -> bool:
    """Tell whether boxes fill a shape exactly: every element in one of them, none in two.

    A sum of boxes is determined by its corners, counted with alternating signs: so the sum is the whole if, and only
    if, the corners of the boxes less those of the whole cancel out. That takes one pass, whatever the partitioning.

    Example:
        >>> cover((4,), [Box((0,), (1,)), Box((1,), (3,))])
        True
        >>> cover((4,), [Box((0,), (2,)), Box((1,), (3,))])
        False
    """
    boxes = [box for box in boxes if all(box.shape)]
    if not all(shape):
        return not boxes
    # Axes that no box divides say nothing, and each would double the work.
    divided = [axis for axis, length in enumerate(shape) if any(box.shape[axis] != length for box in boxes)]
    if len(divided) > _MOST_DIVIDED:
        raise UnreadableError(f"a variable that is divided along {len(divided)} axes is not supported")
    corners: dict[tuple[int, ...], int] = {}
    for sign, box in [(-1, Box((0,) * len(shape), shape)), *((1, box) for box in boxes)]:
        if any(box.offset[axis] or box.shape[axis] != shape[axis] for axis in range(len(shape)) if axis not in divided):
            return False
        for ends in itertools.product((0, 1), repeat=len(divided)):
            corner = tuple(box.offset[axis] + end * box.shape[axis] for axis, end in zip(divided, ends, strict=True))
            corners[corner] = corners.get(corner, 0) + (sign if sum(ends) % 2 == 0 else -sign)
    return not any(corners.values())
