"""Datatypes of foreign HDF5 files as NumPy dtypes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import h5py
import ml_dtypes
import numpy as np
from h5py import h5t

__all__ = ["ForeignType", "foreign_type"]

# (size, sign at, exponent at, exponent bits, mantissa at, mantissa bits, bias) of floats that h5py widens
_FLOATS: dict[tuple[int, ...], np.dtype[Any]] = {
    (2, 15, 7, 8, 0, 7, 127): np.dtype(ml_dtypes.bfloat16),
    (1, 7, 4, 3, 0, 4, 3): np.dtype(ml_dtypes.float8_e3m4),
    (1, 7, 3, 4, 0, 3, 7): np.dtype(ml_dtypes.float8_e4m3fn),
    (1, 7, 2, 5, 0, 2, 15): np.dtype(ml_dtypes.float8_e5m2),
}


@dataclass(frozen=True, slots=True)
class ForeignType:
    """How a dataset's values are read.

    Attributes:
        dtype: What the user gets.
        raw: What HDF5 reads into; of the same size.
        memory: What HDF5 is told that `raw` is.
    """

    dtype: np.dtype[Any]
    raw: np.dtype[Any]
    memory: h5t.TypeID


def foreign_type(type_id: h5t.TypeID) -> ForeignType:
    """Return how values of an HDF5 datatype are read.

    Raises:
        TypeError: They are neither numbers nor text.
    """
    if isinstance(type_id, h5t.TypeFloatID) and type_id.get_size() <= 2:
        key = (type_id.get_size(), *type_id.get_fields(), type_id.get_ebias())
        if key in _FLOATS and type_id.get_order() == h5t.ORDER_LE:
            dtype = _FLOATS[key]
            return ForeignType(dtype, np.dtype(f"u{dtype.itemsize}"), type_id)
    if isinstance(type_id, h5t.TypeReferenceID | h5t.TypeOpaqueID | h5t.TypeVlenID | h5t.TypeArrayID):
        raise TypeError(f"{type(type_id).__name__.removeprefix('Type').removesuffix('ID').lower()} data")
    dtype = type_id.dtype
    if dtype.kind == "O":
        if h5py.check_string_dtype(dtype) is None:
            raise TypeError("objects that are not text")
        return ForeignType(np.dtype(object), dtype, h5t.py_create(dtype))
    if dtype.hasobject or dtype.subdtype is not None or (dtype.kind == "V" and dtype.names is None):
        raise TypeError(f"{dtype} data")
    native = dtype.newbyteorder("=") if not dtype.isnative else dtype
    plain = np.dtype(native.str) if native.names is None else native  # without h5py's marks
    return ForeignType(plain, native, h5t.py_create(native))
