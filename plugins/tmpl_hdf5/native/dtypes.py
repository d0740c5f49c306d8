"""Every dtype that a native checkpoint can hold: its name in the index and its HDF5 datatype.

Encodings are those of the HDF5 file format specification, version 1 datatype messages (section IV.A.2.d), and for
bool and complex those of h5py. bfloat16 equals HDF5 2.0's predefined `H5T_FLOAT_BFLOAT16LE`.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import ml_dtypes
import numpy as np

__all__ = ["StoredType", "stored_type", "text_type", "type_code"]

# Floats that HDF5 can describe: (exponent bits, mantissa bits, bias). What their exponent-all-ones means is IEEE's
# for HDF5; e4m3fn has numbers there (256 to 448), so stock readers show those as NaN. The bytes are exact.
_SMALL_FLOATS = {
    "bfloat16": (8, 7, 127),
    "float8_e3m4": (3, 4, 3),
    "float8_e4m3": (4, 3, 7),
    "float8_e4m3fn": (4, 3, 7),
    "float8_e5m2": (5, 2, 15),
}
# No HDF5 type says what these are: stored as unsigned bytes, the index knows better.
_OPAQUE = (
    "float4_e2m1fn",
    "float6_e2m3fn",
    "float6_e3m2fn",
    "float8_e4m3b11fnuz",
    "float8_e4m3fnuz",
    "float8_e5m2fnuz",
    "float8_e8m0fnu",
    "int2",
    "int4",
    "uint2",
    "uint4",
)
_BY_NAME: dict[str, np.dtype[Any]] = {
    name: np.dtype(getattr(ml_dtypes, name)) for name in (*_SMALL_FLOATS, *_OPAQUE) if hasattr(ml_dtypes, name)
}
_PLAIN = re.compile(r"[|<](?:b1|i[1248]|u[1248]|f[248]|c8|c16|S[1-9]\d{0,9})")
_TIME = re.compile(r"<[mM]8(?:\[(?:\d{1,9})?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)(?:/\d{1,9})?\])?")
_TEXT = re.compile(r"(object|<U[1-9]\d{0,8})/S([1-9]\d{0,9})")


@dataclass(frozen=True, slots=True)
class StoredType:
    """How one dtype is stored.

    Attributes:
        code: Its name in the index.
        dtype: What the user gets: `ml_dtypes.bfloat16`, `object` (bytes), `<U5`, …
        raw: The dtype of the stored bytes, which NumPy can hand out as a buffer.
        message: Its HDF5 datatype.
    """

    code: str
    dtype: np.dtype[Any]
    raw: np.dtype[Any]
    message: bytes

    @property
    def is_text(self) -> bool:
        """Whether values are encoded on the way in and decoded on the way out."""
        return self.dtype.kind in "OU"


def type_code(dtype: np.dtype[Any]) -> str:
    """Return the index's name of a dtype, as it is stored (little-endian).

    Raises:
        TypeError: It cannot be stored.

    Example:
        >>> type_code(np.dtype(">f4")), type_code(np.dtype(ml_dtypes.bfloat16))
        ('<f4', 'bfloat16')
    """
    if dtype.names is not None:
        return _structured_code(dtype)
    if dtype.name in _BY_NAME:
        return dtype.name
    code = dtype.newbyteorder("<").str
    if _PLAIN.fullmatch(code) or _TIME.fullmatch(code):
        return code
    raise TypeError(f"dtype {dtype} cannot be stored")


def text_type(dtype: np.dtype[Any], size: int) -> StoredType:
    """Return the type of text (`object` arrays of bytes, or `<U…`) whose longest encoded item has `size` bytes."""
    return stored_type(f"{'object' if dtype.kind == 'O' else dtype.newbyteorder('<').str}/S{max(size, 1)}")


@lru_cache(maxsize=1024)
def stored_type(code: str) -> StoredType:
    """Return the type that an index names. The name is untrusted.

    Raises:
        ValueError: No such type.

    Example:
        >>> stored_type("bfloat16").message.hex(" ")
        '11 20 0f 00 02 00 00 00 00 00 10 00 07 08 00 07 7f 00 00 00'
    """
    if code in _BY_NAME:
        dtype = _BY_NAME[code]
        raw = np.dtype(f"<u{dtype.itemsize}")
        message = _small_float(dtype.itemsize, *_SMALL_FLOATS[code]) if code in _SMALL_FLOATS else _integer(raw)
        return StoredType(code, dtype, raw, message)
    if _PLAIN.fullmatch(code):
        dtype = np.dtype(code)
        return StoredType(code, dtype, dtype, _ENCODERS[dtype.kind](dtype))
    if _TIME.fullmatch(code):
        return StoredType(code, np.dtype(code), np.dtype("<i8"), _integer(np.dtype("<i8")))
    if match := _TEXT.fullmatch(code):
        raw = np.dtype(f"S{match[2]}")
        return StoredType(code, np.dtype(match[1]), raw, _string(raw, utf8=match[1] != "object"))
    if code.startswith("{"):
        return _structured(code)
    raise ValueError(f"unknown dtype {code[:60]!r}")


def _integer(dtype: np.dtype[Any]) -> bytes:
    sign = 8 if dtype.kind == "i" else 0
    return struct.pack("<BBBBIHH", 0x10, sign, 0, 0, dtype.itemsize, 0, 8 * dtype.itemsize)


def _float(size: int, exponent_at: int, exponent: int, mantissa: int, bias: int) -> bytes:
    # 0x20: the mantissa's leading bit is implied; the third byte is where the sign bit is.
    head = struct.pack("<BBBBI", 0x11, 0x20, 8 * size - 1, 0, size)
    return head + struct.pack("<HHBBBBI", 0, 8 * size, exponent_at, exponent, 0, mantissa, bias)


def _small_float(size: int, exponent: int, mantissa: int, bias: int) -> bytes:
    return _float(size, mantissa, exponent, mantissa, bias)


def _ieee(dtype: np.dtype[Any]) -> bytes:
    exponent, mantissa, bias = {2: (5, 10, 15), 4: (8, 23, 127), 8: (11, 52, 1023)}[dtype.itemsize]
    return _float(dtype.itemsize, mantissa, exponent, mantissa, bias)


def _boolean(dtype: np.dtype[Any]) -> bytes:
    base = _integer(np.dtype("i1"))
    return struct.pack("<BBBBI", 0x18, 2, 0, 0, 1) + base + b"FALSE\0\0\0" + b"TRUE\0\0\0\0" + b"\0\1"


def _complex(dtype: np.dtype[Any]) -> bytes:
    part = np.dtype(f"<f{dtype.itemsize // 2}")
    return _compound(dtype.itemsize, [("r", 0, _ieee(part)), ("i", part.itemsize, _ieee(part))])


def _string(dtype: np.dtype[Any], *, utf8: bool = False) -> bytes:
    return struct.pack("<BBBBI", 0x13, 1 | (0x10 if utf8 else 0), 0, 0, dtype.itemsize)  # 1: padded with NULs


def _compound(size: int, members: list[tuple[str, int, bytes]]) -> bytes:
    parts = [struct.pack("<BHBI", 0x16, len(members), 0, size)]
    for name, offset, message in members:
        text = name.encode() + b"\0"
        parts.append(text + bytes(-len(text) % 8) + struct.pack("<IB3xI4xIIII", offset, 0, 0, 0, 0, 0, 0) + message)
    return b"".join(parts)


_ENCODERS: dict[str, Callable[[np.dtype[Any]], bytes]] = {
    "b": _boolean,
    "c": _complex,
    "f": _ieee,
    "i": _integer,
    "S": _string,
    "u": _integer,
}


def _structured_code(dtype: np.dtype[Any]) -> str:
    """Structured dtypes are `{size;name:offset:type;…}`; fields are plain."""
    if not dtype.names:
        raise TypeError("elements without fields cannot be stored")
    fields = []
    for name in dtype.names:
        field, offset, *title = dtype.fields[name]  # type: ignore[index]
        if title:
            raise TypeError(f"dtype {dtype} cannot be stored: field {name!r} has the title {title[0]!r}")
        if field.names is not None or field.subdtype is not None or field.kind in "OUmM" or field.byteorder == ">":
            raise TypeError(f"dtype {dtype} cannot be stored: field {name!r} is {field}")
        if not name.isidentifier():
            raise TypeError(f"dtype {dtype} cannot be stored: its field name {name!r} is not an identifier")
        fields.append(f"{name}:{offset}:{type_code(field)}")
    return "{" + ";".join([str(dtype.itemsize), *fields]) + "}"


def _structured(code: str) -> StoredType:
    try:
        size, *fields = code.removeprefix("{").removesuffix("}").split(";")
        if len(fields) > 1024:
            raise ValueError("too many fields")
        names, offsets, types = zip(*(field.split(":") for field in fields), strict=True)
        members = [stored_type(inner) for inner in types]
        spec = {"names": names, "offsets": [int(at) for at in offsets], "itemsize": int(size)}
        dtype = np.dtype({**spec, "formats": [member.dtype for member in members]})
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"unknown dtype {code[:60]!r}: {error}") from None
    triples = list(zip(names, map(int, offsets), (member.message for member in members), strict=True))
    return StoredType(code, dtype, np.dtype(f"V{dtype.itemsize}"), _compound(dtype.itemsize, triples))
