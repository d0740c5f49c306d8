"""Blocks of memory from which small arrays are cut.

Arrays that lie side by side in one block can be written to a file as one run of bytes; 100,000 arrays of their own
have to be gathered first. `docs/decisions/0043-an-arena-for-small-arrays.md` has the figures.
"""

from __future__ import annotations

import ctypes
import math
import threading
from collections.abc import Sequence
from typing import Any, Final, final
from weakref import WeakValueDictionary

import numpy as np

__all__ = ["Arena", "address_of", "addresses_of", "is_block"]

# Where every array begins: at a multiple, as in checkpoint files; processors and other libraries like it, too.
_ALIGNMENT: Final = 64
# Larger arrays gain nothing from lying in a block, and would keep much of it alive when the rest of it is gone.
_LARGEST: Final = 1 << 16
_FIRST, _LAST = 1 << 16, 1 << 22  # sizes of blocks: each is twice as large as the one before

_Byte: Final = ctypes.c_char
_BLOCKS: WeakValueDictionary[int, np.ndarray] = WeakValueDictionary()


@final
class Arena:
    """Cuts small arrays from blocks. What lies between two arrays is zero, and stays so.

    A block lives as long as one of its arrays does; the room of an array that is gone is not used again.

    Example:
        >>> arena = Arena()
        >>> first, second = arena.cut((3,), np.dtype("float32")), arena.cut((2, 2), np.dtype("float64"))
        >>> first
        array([0., 0., 0.], dtype=float32)
        >>> first.base is second.base, is_block(first.base)
        (True, True)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._size = _FIRST // 2
        self._at = self._end = 0
        self._block: Any = None

    def cut(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray | None:
        """Return a new array of zeros; None if it is too large for a block, or holds objects."""
        size = math.prod(shape) * dtype.itemsize
        if not 0 < size <= _LARGEST or dtype.hasobject:
            return None
        self._lock.acquire()  # in half of the time that `with` takes
        try:
            if self._at + size > self._end:
                self._begin()
            block, at = self._block, self._at
            self._at = at + size + -size % _ALIGNMENT
        finally:
            self._lock.release()
        return np.ndarray(shape, dtype, block, at)

    def _begin(self) -> None:
        self._size = min(2 * self._size, _LAST)
        self._block = block = np.zeros(self._size + _ALIGNMENT, np.uint8)
        self._at = -address_of(block) % _ALIGNMENT
        self._end = self._at + self._size
        _BLOCKS[id(block)] = block


def is_block(memory: object) -> bool:
    """Tell whether this is a block, which is the `base` of every array that was cut from it."""
    return memory is not None and _BLOCKS.get(id(memory)) is memory


def addresses_of(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Return where in memory each of many arrays begins."""
    try:  # without a line of Python for each
        return np.fromiter(map(ctypes.addressof, map(_Byte.from_buffer, arrays)), np.int64, len(arrays))  # type: ignore[arg-type, unused-ignore]
    except (TypeError, ValueError, BufferError):
        return np.fromiter(map(address_of, arrays), np.int64, len(arrays))


def address_of(array: np.ndarray) -> int:
    """Return where in memory an array begins."""
    try:
        return ctypes.addressof(_Byte.from_buffer(array))  # type: ignore[arg-type, unused-ignore]  # a quarter of the time of what follows
    except (TypeError, ValueError, BufferError):  # read-only, or empty
        address: int = array.__array_interface__["data"][0]
        return address
