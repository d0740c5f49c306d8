"""Which dtype may become which, and doing it."""

from __future__ import annotations

from typing import Any, Final

import ml_dtypes
import numpy as np

__all__ = ["can_cast", "cast_array", "dtype_named", "is_float", "is_inexact"]


_SMALL_FLOATS: Final = frozenset(
    np.dtype(kind)
    for name in ml_dtypes.__all__
    if name.startswith(("bfloat", "float")) and isinstance(kind := getattr(ml_dtypes, name), type)
)


def is_float(dtype: np.dtype[Any]) -> bool:
    """Tell whether a dtype is a real floating-point one, bfloat16 and the 8-bit floats among them.

    Example:
        >>> is_float(np.dtype("float16")), is_float(np.dtype(ml_dtypes.bfloat16)), is_float(np.dtype("int8"))
        (True, True, False)
    """
    if dtype.kind == "f":
        return True
    return dtype.kind == "V" and dtype in _SMALL_FLOATS


def is_inexact(dtype: np.dtype[Any]) -> bool:
    """Tell whether a dtype can hold a NaN."""
    return dtype.kind == "c" or is_float(dtype)


def can_cast(old: np.dtype[Any], new: np.dtype[Any]) -> bool:
    """Tell whether values of one dtype may become another when casting was asked for.

    Precision may be lost, kind may not: floats do not become integers, numbers do not become text.

    Example:
        >>> can_cast(np.dtype("float64"), np.dtype("float16")), can_cast(np.dtype("float32"), np.dtype("int64"))
        (True, False)
    """
    if old == new:
        return True
    if old.hasobject or new.hasobject:
        return False
    if is_float(old):
        return is_float(new) or new.kind == "c"
    if is_float(new):
        return old.kind in "biu"
    return bool(np.can_cast(old, new, casting="same_kind"))


def cast_array(value: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Return the value in another dtype; numbers too large for it become infinite without a warning here."""
    if value.dtype == dtype:
        return value
    with np.errstate(over="ignore", invalid="ignore"):
        return value.astype(dtype)


def dtype_named(name: str | np.dtype[Any] | type) -> np.dtype[Any]:
    """Return the dtype of a name, those of `ml_dtypes` among them.

    Raises:
        TypeError: There is none.

    Example:
        >>> dtype_named("bfloat16")
        dtype(bfloat16)
    """
    scalar: Any = getattr(ml_dtypes, name, name) if isinstance(name, str) else name
    dtype: np.dtype[Any] = np.dtype(scalar)
    return dtype
