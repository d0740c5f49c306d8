"""Variables as the bytes that a file gets: little-endian, C order, a bounded piece at a time.

For authors of formats: whatever a checkpoint is made of (arrays in memory, variables of another checkpoint), a writer
loops over `byte_blocks` and never holds more than one block beyond what its caller holds already.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tmplcore.checkpoint.format import LazyVariable

__all__ = ["byte_blocks", "little_endian", "new_file"]

_BLOCK = 16 << 20


@contextmanager
def new_file(path: Path, *, durable: bool) -> Iterator[BinaryIO]:
    """Make a file that is not there yet, for the length of a `with` block; a failure in it leaves no file behind.

    Args:
        path: Where.
        durable: Wait until the content is on the disk.
    """
    with path.open("xb") as file:
        try:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise


def byte_blocks(value: np.ndarray | LazyVariable, max_bytes: int = _BLOCK) -> Iterator[memoryview]:
    r"""Yield the bytes of a value in little-endian C order, in pieces of about `max_bytes`.

    An array in C order is not copied; others are, piece by piece. Objects (strings) have no bytes: a format decides
    itself how to store them.

    Example:
        >>> [bytes(block) for block in byte_blocks(np.array([[1, 2], [3, 4]], ">i2"), max_bytes=4)]
        [b'\x01\x00\x02\x00', b'\x03\x00\x04\x00']
    """
    for block in value.blocks(max_bytes) if isinstance(value, LazyVariable) else _blocks(value, max_bytes):
        yield little_endian(block).view(np.uint8).data


def little_endian(flat: np.ndarray) -> np.ndarray:
    """Return a contiguous array with the lowest byte of each element first; the same one if it is so already."""
    if flat.dtype.kind in "biufcUSmM" and flat.dtype.newbyteorder("<") != flat.dtype:
        flat = flat.astype(flat.dtype.newbyteorder("<"))
    return np.ascontiguousarray(flat)


def _blocks(value: np.ndarray, max_bytes: int) -> Iterator[np.ndarray]:
    run = max(1, max_bytes // max(1, value.itemsize))
    # `flat` copies what it hands out, in C order whatever the strides are.
    source = value.reshape(-1) if value.flags.c_contiguous else value.flat
    for start in range(0, value.size, run):
        yield source[start : start + run]
