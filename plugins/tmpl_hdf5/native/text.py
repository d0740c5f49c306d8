"""Text on its way in and out: `object` arrays of bytes (or str) and `<U…` arrays as fixed-length HDF5 strings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tmpl_hdf5.native.dtypes import StoredType, text_type
from tmplcore.errors import SaveError

__all__ = ["Text", "decode_text", "encode_text"]


@dataclass(frozen=True, slots=True)
class Text:
    """An encoded text variable.

    Attributes:
        array: Fixed-length bytes, padded with NULs.
        stored: Its type.
        lengths: The length of every item, if some item ends in a NUL of its own; else None.
    """

    array: np.ndarray
    stored: StoredType
    lengths: list[int] | None


def encode_text(name: str, value: Any) -> Text:
    """Encode a text variable.

    Raises:
        SaveError: Its items are neither bytes nor str.
    """
    array = np.asarray(value[...])
    items = array.reshape(-1).tolist()
    try:
        encoded = [item.encode() if isinstance(item, str) else _bytes(item) for item in items]
    except (TypeError, UnicodeEncodeError) as error:
        raise SaveError(
            f"variable {name!r} cannot be stored: {error}", hint="object arrays hold bytes or str; cast others"
        ) from None
    stored = text_type(array.dtype, max(map(len, encoded), default=0))
    ends_in_nul = any(item.endswith(b"\0") for item in encoded)
    lengths = [len(item) for item in encoded] if ends_in_nul else None
    return Text(np.array(encoded, stored.raw).reshape(array.shape), stored, lengths)


def decode_text(array: np.ndarray, stored: StoredType, lengths: list[int] | None) -> np.ndarray:
    """Decode what `encode_text` encoded."""
    items = array.reshape(-1).tolist()
    if lengths is not None:
        items = [item.ljust(length, b"\0") for item, length in zip(items, lengths, strict=True)]
    if stored.dtype.kind == "U":
        return np.array([item.decode(errors="replace") for item in items], stored.dtype).reshape(array.shape)
    out = np.empty(len(items), object)
    out[:] = items
    return out.reshape(array.shape)


def _bytes(item: Any) -> bytes:
    if isinstance(item, bytes):
        return item
    raise TypeError(f"an item is a {type(item).__name__}")
