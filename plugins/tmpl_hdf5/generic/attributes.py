"""The attributes of an HDF5 file that are small enough to be told with its metadata."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from h5py import h5, h5a

from tmpl_hdf5.generic.types import foreign_type

__all__ = ["FAILURES", "attribute", "attributes"]

FAILURES = (OSError, RuntimeError, ValueError, KeyError, TypeError, OverflowError, MemoryError)
"""What h5py raises on a file that is not as it should be."""

_BYTES = 1 << 16
_COUNT = 100
_REFERENCE = 16  # bytes: a text's length, and where in the file it is


def attribute(place: Any, name: bytes) -> Any:
    """Return a small scalar attribute that is a truth or fixed-length text; None if there is no such one."""
    try:
        if not h5a.exists(place, name):
            return None
        found = h5a.open(place, name)
        if found.shape != () or found.dtype.kind not in "bS" or found.get_storage_size() > _BYTES:
            return None
        value = np.empty((), found.dtype)
        found.read(value)
        return value[()]
    except FAILURES:
        return None


def attributes(place: Any, failed: Callable[[BaseException, str], None] | None = None) -> dict[str, Any]:
    """Return the small attributes of an object that are numbers or text; no more than a hundred.

    Args:
        place: The object.
        failed: Called with what went wrong with one, and its name; it is left out otherwise.
    """
    names: list[bytes] = []

    def take(name: bytes) -> bool | None:
        names.append(name)
        return True if len(names) == _COUNT else None

    out: dict[str, Any] = {}
    try:
        h5a.iterate(place, take, order=h5.ITER_NATIVE)  # any other order makes a table of all, however many
    except FAILURES:
        return out
    for name in sorted(names):
        try:
            found = h5a.open(place, name)
            if found.get_storage_size() > _BYTES:
                continue
            kind = foreign_type(found.get_type())
            if kind.dtype.hasobject and found.get_storage_size() != _REFERENCE * math.prod(found.shape):
                raise ValueError("references to text of the wrong size")  # libhdf5 would read what lies behind them
            value = np.empty(found.shape, kind.raw)
            found.read(value, mtype=kind.memory)
            out[name.decode(errors="replace")] = _plain(value if kind.dtype.hasobject else value.view(kind.dtype))
        except FAILURES as error:
            if failed is not None:
                failed(error, f"the attribute {name.decode(errors='replace')!r}")
    return out


def _plain(value: np.ndarray) -> Any:
    def text(item: Any) -> Any:
        if isinstance(item, bytes):
            return item.decode(errors="replace")
        return [text(part) for part in item] if isinstance(item, list) else item

    return text(value.tolist())
