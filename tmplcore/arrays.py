"""Whatever an array library hands out, as a NumPy array, without importing that library."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["to_numpy"]


def to_numpy(value: Any, dtype: np.dtype[Any] | None = None) -> np.ndarray:
    """Return `value` as a NumPy array, without a copy where none is needed.

    Args:
        value: An array of NumPy, torch (on any device, with or without gradient) or JAX, a number, a list, text,
            or anything with `__array__`.
        dtype: What to cast to; None keeps the type. With `object` (strings) text becomes UTF-8 bytes.

    Example:
        >>> to_numpy([1, 2], np.dtype("float16"))
        array([1., 2.], dtype=float16)
        >>> to_numpy("text", np.dtype(object))
        array(b'text', dtype=object)
    """
    if type(value) is not np.ndarray:
        if hasattr(value, "detach"):  # torch: off the tape, into the host's memory
            value = value.detach().cpu()
            try:
                value = value.numpy()
            except TypeError:  # bfloat16 and the 8-bit floats, which float32 holds exactly
                value = value.float().numpy()
        if dtype is not None and dtype.hasobject and not isinstance(value, np.ndarray):
            value = np.array(value, dtype=object)  # not through "S", which loses trailing zero bytes
        value = np.asarray(value)
    if dtype is None or value.dtype == dtype:
        return _as_bytes(value) if value.dtype.hasobject else value
    return _as_bytes(value.astype(object)) if dtype.hasobject else value.astype(dtype)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    """Return an object array with its texts encoded; the array itself if there are none."""
    flat = array.reshape(-1)
    if not any(isinstance(item, str) for item in flat):
        return array
    encoded = np.empty(array.size, dtype=object)
    encoded[:] = [item.encode() if isinstance(item, str) else item for item in flat]
    return encoded.reshape(array.shape)
