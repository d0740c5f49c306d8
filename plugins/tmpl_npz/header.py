"""The header of an .npy array: NumPy's own parser reads it, and no pickle passes.

Documented at https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy

from tmplcore.checkpoint.stored import is_array_shape
from tmplcore.errors import DamagedError, UnreadableError, UntrustedError

__all__ = ["Header", "encode", "is_described", "is_numpy", "read_header"]

_LARGEST = 10_000  # NumPy's own limit: parsing a longer one can take very long
_LENGTH_FIELD = {1: 2, 2: 4, 3: 4}  # bytes of the header's length, by version


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in front of an array.

    Attributes:
        shape: Its shape.
        dtype: The dtype of the stored elements, byte order included.
        fortran: True if the first axis varies fastest.
        size: How many bytes the header itself takes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    size: int

    @property
    def nbytes(self) -> int:
        """How many bytes of elements follow."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def swapped(self) -> bool:
        """Whether the elements are in the other byte order than the machine's."""
        return self.dtype.kind in "iufcUmM" and not self.dtype.isnative


def read_header(read: Callable[[int], bytes], where: str) -> Header:
    """Read a header.

    Args:
        read: Returns the first n bytes of the array's file, or fewer if it ends before.
        where: The file, and the member in it, for messages.

    Raises:
        UntrustedError: The array is a pickle.
        UnreadableError: It has a version or a dtype that is not supported.
        DamagedError: The header is cut short or does not make sense.
    """
    start = read(12)
    if len(start) < 10 or not start.startswith(npy.MAGIC_PREFIX):
        raise DamagedError(f"{where}: does not start like an .npy array", hint="copy or download it again")
    field = _LENGTH_FIELD.get(start[6])
    if field is None:
        raise UnreadableError(f"{where}: has version {start[6]} of the .npy format, which is not known here")
    length = int.from_bytes(start[8 : 8 + field], "little")
    size = 8 + field + length
    if length > _LARGEST:
        raise DamagedError(f"{where}: claims a header of {length} bytes", hint="copy or download it again")
    raw = read(size)
    try:
        # Version 3 is version 2 in UTF-8; NumPy has no public reader for it, and text in names of fields alone differs.
        reader = npy.read_array_header_1_0 if start[6] == 1 else npy.read_array_header_2_0
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a header of Python 2 parses with a warning
            shape, fortran, dtype = reader(io.BytesIO(raw[8:]), max_header_size=_LARGEST)
    except Exception as error:  # whatever its parsers raise (of literals, of tokens, of dtypes) is the finding
        raise DamagedError(
            f"{where}: the header of the array is damaged: {str(error)[:200]}", hint="copy or download it again"
        ) from error
    if dtype.hasobject:
        raise UntrustedError(
            f"{where}: is an array of Python objects, stored as a pickle; reading one can run any code, so it is "
            "refused",
            hint="where you trust it: np.load(..., allow_pickle=True), then save the arrays in it with np.savez",
        )
    if dtype.itemsize == 0:
        raise UnreadableError(f"{where}: has elements of no bytes, which no variable has")
    if not is_array_shape(shape, dtype.itemsize):
        raise DamagedError(f"{where}: no array has the shape {shape[:8]}", hint="copy or download it again")
    return Header(tuple(map(int, shape)), dtype, fortran, size)


def encode(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bytes:
    r"""Return the header of an array in C order.

    NumPy's files cannot name the types of `ml_dtypes`; like `np.save`, this stores them as anonymous bytes (`|V2`).

    Example:
        >>> encode((2,), np.dtype("<f4"))[10:67]
        b"{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"
    """
    buffer = io.BytesIO()
    native = npy.dtype_to_descr(dtype) if is_numpy(dtype) else f"|V{dtype.itemsize}"
    fields = {"descr": native, "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(buffer, fields)
    return buffer.getvalue()


def is_numpy(dtype: np.dtype[Any]) -> bool:
    """Tell whether NumPy itself has this type, and can say so in a file."""
    return dtype.isbuiltin != 2


def is_described(dtype: np.dtype[Any]) -> bool:
    """Tell whether a file says all of a type of NumPy's, fields included, and the type is one that `read_header` takes.

    Example:
        >>> is_described(np.dtype([("a", "<i4"), ("b", "<f8")])), is_described(np.dtype([]))
        (True, False)
    """
    try:
        said = npy.dtype_to_descr(dtype)
        repr(said).encode("latin1")  # as version 1 of the format has it
        return dtype.itemsize > 0 and npy.descr_to_dtype(said) == dtype
    except (UnicodeEncodeError, ValueError):  # ValueError: fields that overlap
        return False
