"""Arrays that lie in a file as one run of bytes: what most formats store, read by position and in part.

For authors of formats. `StoredArray` is a whole `LazyVariable`; a format gives it the file, the offset and the dtype
that its header named, after checking them against the size of the file.
"""

from __future__ import annotations

import math
import operator
import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self, final

import numpy as np

from tmplcore.checkpoint.format import LazyVariable
from tmplcore.errors import CheckpointNotFoundError, DamagedError, InvalidArgumentError, UnreadableError

__all__ = ["InputFile", "StoredArray", "element_index", "is_array_shape", "swap_bytes", "writable_bytes"]

# Linux moves at most 0x7ffff000 bytes in one read (read(2)); stay below it everywhere.
_MOST_PER_READ = 1 << 30
# What a strided slice reads at a time beyond what it hands out.
_MOST_AT_ONCE = 16 << 20
_MOST_AXES = 64  # of an array of NumPy 2


def is_array_shape(shape: Sequence[int], itemsize: int) -> bool:
    """Tell whether an array can have this shape: NumPy counts the bytes without the axes of length 0.

    Example:
        >>> is_array_shape((1 << 40, 0), 8), is_array_shape((1 << 40, 1 << 40, 0), 8)
        (True, False)
    """
    if len(shape) > _MOST_AXES or any(length < 0 for length in shape):
        return False
    return math.prod(length for length in shape if length) * itemsize < 1 << 62


def writable_bytes(array: np.ndarray) -> memoryview:
    """Return the memory of a C-order array as bytes.

    Raises:
        InvalidArgumentError: The array is read-only, or not in C order.
    """
    if not array.flags.c_contiguous or not array.flags.writeable:
        raise InvalidArgumentError("a value can only be read into a writable array in C order")
    return array.reshape(-1).view(np.uint8).data


def swap_bytes(array: np.ndarray) -> None:
    """Turn the bytes of every number of a C-order array around, in place.

    By words, not by the dtype, so that `ml_dtypes` work: a complex number has two, a text one per character.
    """
    words = {"c": array.dtype.itemsize // 2, "U": 4}.get(array.dtype.kind, array.dtype.itemsize)
    array.reshape(-1).view(f"u{words}").byteswap(inplace=True)


def element_index(index: Any, ndim: int) -> tuple[tuple[int | slice, ...], tuple[Any, ...]] | None:
    """Split a basic NumPy index into one integer or slice per axis, and an index that puts new axes into the result.

    Returns None for an index that is not basic (arrays, lists, booleans).

    Example:
        >>> element_index((..., 3), 2)
        ((slice(None, None, None), 3), (slice(None, None, None),))
    """
    items = index if isinstance(index, tuple) else (index,)
    if not all(item is None or item is Ellipsis or isinstance(item, slice) or _is_integer(item) for item in items):
        return None
    given = sum(item is not None and item is not Ellipsis for item in items)
    if given > ndim:
        raise IndexError(f"too many indices: the variable has {ndim} axes, but {given} were indexed")
    if sum(item is Ellipsis for item in items) > 1:
        raise IndexError("an index can only have a single ellipsis ('...')")
    if not any(item is Ellipsis for item in items):
        items = (*items, Ellipsis)
    axes: list[int | slice] = []
    result: list[Any] = []
    for item in items:
        if item is Ellipsis:
            axes += [slice(None)] * (ndim - given)
            result += [slice(None)] * (ndim - given)
        elif item is None:
            result.append(None)
        elif isinstance(item, slice):
            axes.append(item)
            result.append(slice(None))
        else:
            axes.append(operator.index(item))
    return tuple(axes), tuple(result)


def _is_integer(item: object) -> bool:
    if isinstance(item, (bool, np.bool_)):
        return False
    try:
        operator.index(item)  # type: ignore[arg-type]  # the question is whether it is one
    except TypeError:
        return False
    return True


@final
class InputFile:
    """A regular file that is read by position, from any thread.

    Attributes:
        path: Where it is.
        size: Its size in bytes when it was opened; no read goes beyond it.

    Raises:
        CheckpointNotFoundError: There is no such file.
        UnreadableError: It is not a regular file, or the system does not let us read it.
    """

    __slots__ = ("_descriptor", "path", "size")

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = -1
        try:
            # O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        except FileNotFoundError as error:
            raise CheckpointNotFoundError(f"{path}: no such file", hint="check the path for a typing error") from error
        except OSError as error:
            raise UnreadableError(
                f"{path}: cannot be opened: {error.strerror}", hint="check its permissions"
            ) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise UnreadableError(f"{path}: is not a regular file", hint="name the checkpoint file itself")
        self._descriptor = descriptor
        self.size = status.st_size

    @classmethod
    def of(cls, path: Path, descriptor: int) -> Self:
        """Return a file that somebody else has opened, under a descriptor of its own."""
        file = cls.__new__(cls)
        file.path = path
        file.size = os.fstat(descriptor).st_size
        file._descriptor = os.dup(descriptor)
        return file

    def _check(self, offset: int, count: int) -> None:
        if self._descriptor < 0:
            raise UnreadableError(f"{self.path}: was closed", hint="read variables while their checkpoint is open")
        if offset < 0 or count < 0 or offset + count > self.size:
            raise DamagedError(
                f"{self.path}: bytes {offset} to {offset + count} are needed, but the file ends at {self.size}",
                hint="the file was cut short: copy or download it again",
            )

    def read_into(self, offset: int, out: memoryview) -> None:
        """Fill `out` with the bytes from `offset` on.

        Raises:
            DamagedError: The file ends before that.
            UnreadableError: The system cannot read it.
        """
        self._check(offset, len(out))
        done = 0
        while done < len(out):
            try:
                count = os.preadv(self._descriptor, [out[done : done + _MOST_PER_READ]], offset + done)
            except OSError as error:
                raise UnreadableError(
                    f"{self.path}: reading at byte {offset + done} failed: {error.strerror}",
                    hint="the disk or the network mount has a problem; copy the file elsewhere and try again",
                ) from error
            if count == 0:
                raise DamagedError(
                    f"{self.path}: became shorter while it was read: nothing at byte {offset + done}",
                    hint="something else is writing to it; checkpoints are to be replaced, never rewritten in place",
                )
            done += count

    def read(self, offset: int, count: int) -> bytes:
        """Return `count` bytes from `offset` on; they are in the file, so no larger count than that is believed.

        Raises:
            DamagedError: The file ends before that.
            UnreadableError: The system cannot read it.
        """
        self._check(offset, count)
        buffer = bytearray(count)
        self.read_into(offset, memoryview(buffer))
        return bytes(buffer)

    def close(self) -> None:
        """Give the file back."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()


class StoredArray(LazyVariable):
    """A variable whose elements lie in a file, one after the other, without gaps.

    Attributes:
        name: Its full name.
        shape: Its shape.
        dtype: Its dtype in memory, in the machine's byte order.
        file: The file.
        offset: Where its first byte is in the file.

    Args:
        name: Its full name.
        shape: Its shape.
        dtype: Its dtype.
        file: The file.
        offset: Where its first byte is.
        swapped: True if the stored elements are in the other byte order than the machine's.
        fortran: True if the first axis is the one that varies fastest.
        digest: What `digest` is to say.
        trainable: What `trainable` is to say.
    """

    __slots__ = ("_digest", "_fortran", "_swapped", "_trainable", "dtype", "file", "name", "offset", "shape")

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        file: InputFile,
        offset: int,
        *,
        swapped: bool = False,
        fortran: bool = False,
        digest: str | None = None,
        trainable: bool | None = None,
    ) -> None:
        self.name = name
        self.shape = shape
        self.dtype = dtype.newbyteorder("=") if dtype.kind in "iufcUmM" else dtype
        self.file = file
        self.offset = offset
        self._swapped = swapped
        self._fortran = fortran and len(shape) > 1
        self._digest = digest
        self._trainable = trainable

    @property
    def digest(self) -> str | None:
        """What the format keeps."""
        return self._digest

    @property
    def trainable(self) -> bool | None:
        """What the format keeps."""
        return self._trainable

    def __getitem__(self, index: Any) -> np.ndarray:
        split = element_index(index, len(self.shape))
        if split is None:
            return np.asarray(self[...][index])
        axes, result = split
        if self._fortran:
            return np.asarray(self._part(self.shape[::-1], axes[::-1], 0).T[result])
        return np.asarray(self._part(self.shape, axes, 0)[result])

    def read_into(self, out: np.ndarray) -> None:
        """Read the whole value into `out`, straight from the file."""
        if out.shape != self.shape or out.dtype != self.dtype:
            raise InvalidArgumentError(
                f"{self.name}: an array {out.shape} {out.dtype} cannot take a variable {self.shape} {self.dtype}"
            )
        if self._fortran or not out.flags.c_contiguous:
            out[...] = self[...]
        else:
            self._run(0, out)

    def _run(self, first: int, out: np.ndarray) -> None:
        """Fill `out` with the stored elements from number `first` on."""
        self.file.read_into(self.offset + first * self.dtype.itemsize, writable_bytes(out))
        if self._swapped:
            swap_bytes(out)

    def _part(self, shape: tuple[int, ...], axes: tuple[int | slice, ...], first: int) -> np.ndarray:
        """Read `array[axes]` of the array of this shape in C order that starts at element `first`."""
        depth, row = 0, math.prod(shape)
        for length, item in zip(shape, axes, strict=True):
            if isinstance(item, slice):
                break
            if not -length <= item < length:
                raise IndexError(f"index {item} is out of bounds for an axis of size {length}")
            row //= length
            first += item % length * row
            depth += 1
        shape, axes = shape[depth:], axes[depth:]
        if not shape:
            return self._rows(first, ())
        rows, *inner = axes
        assert isinstance(rows, slice)
        taken = range(shape[0])[rows]
        row = math.prod(shape[1:])
        whole = all(item == slice(None) for item in inner)
        if taken.step == 1 and whole:
            return self._rows(first + taken.start * row, (len(taken), *shape[1:]))
        out = np.empty((len(taken), *_lengths(shape[1:], inner)), self.dtype)
        if row * self.dtype.itemsize > _MOST_AT_ONCE and not whole:
            for place, number in enumerate(taken):
                out[place] = self._part(shape[1:], tuple(inner), first + number * row)
            return out
        run = max(1, _MOST_AT_ONCE // max(1, row * self.dtype.itemsize * abs(taken.step)))
        for place in range(0, len(taken), run):
            part = taken[place : place + run]
            low = min(part[0], part[-1])
            block = self._rows(first + low * row, (abs(part[-1] - part[0]) + 1, *shape[1:]))
            out[place : place + run] = block[(slice(part[0] - low, None, part.step), *inner)]
        return out

    def _rows(self, first: int, shape: tuple[int, ...]) -> np.ndarray:
        out = np.empty(shape, self.dtype)
        self._run(first, out)
        return out


def _lengths(shape: Sequence[int], axes: Sequence[int | slice]) -> tuple[int, ...]:
    return tuple(len(range(n)[item]) for n, item in zip(shape, axes, strict=True) if isinstance(item, slice))
