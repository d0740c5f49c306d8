"""What the index of a bundle says: the messages of `tensor_bundle.proto`, as values.

Field numbers are those of the published message definitions `BundleHeaderProto`, `BundleEntryProto`,
`TensorShapeProto`, `TensorSliceProto`, `VersionDef`, and the numbers of `DataType` those of `types.proto`.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from typing import Any

import ml_dtypes
import numpy as np

from tmpl_tensorflow.table import unmask
from tmpl_tensorflow.wire import fields, signed
from tmplcore.errors import DamagedError

__all__ = ["DTYPES", "FULL", "STRING", "Entry", "Header", "parse_entry", "parse_header", "slice_key"]

STRING = 7
FULL = -1
"""The length of a slice along an axis that it covers whole."""

# The quantized types are kept as the integers that carry them, which is also how TensorFlow hands them out.
DTYPES: dict[int, np.dtype[Any]] = {
    number: np.dtype(kind)
    for number, kind in {
        1: np.float32,
        2: np.float64,
        3: np.int32,
        4: np.uint8,
        5: np.int16,
        6: np.int8,
        STRING: np.object_,
        8: np.complex64,
        9: np.int64,
        10: np.bool_,
        11: np.int8,
        12: np.uint8,
        13: np.int32,
        14: ml_dtypes.bfloat16,
        15: np.int16,
        16: np.uint16,
        17: np.uint16,
        18: np.complex128,
        19: np.float16,
        22: np.uint32,
        23: np.uint64,
        24: ml_dtypes.float8_e5m2,
        25: ml_dtypes.float8_e4m3fn,
        26: ml_dtypes.float8_e4m3fnuz,
        27: ml_dtypes.float8_e4m3b11fnuz,
        28: ml_dtypes.float8_e5m2fnuz,
        29: ml_dtypes.int4,
        30: ml_dtypes.uint4,
        31: ml_dtypes.int2,
        32: ml_dtypes.uint2,
    }.items()
}

_NONE: frozenset[int] = frozenset()
_MOST_AXES = 254  # TensorFlow's own limit on a shape; NumPy's, 64, is checked where an array is made


@dataclass(frozen=True, slots=True)
class Header:
    """The entry under the empty key.

    Attributes:
        shards: How many data files there are.
        big_endian: Whether numbers are stored with the highest byte first.
        producer: The version of the writer.
        min_consumer: The oldest reader that may read it.
    """

    shards: int
    big_endian: bool
    producer: int
    min_consumer: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What the index says of a tensor, or of a slice of one.

    Attributes:
        dtype: Its number in `DataType`.
        shape: Its shape.
        shard: Which data file it is in.
        offset: Where in that file.
        size: How many bytes.
        crc: CRC-32C of its content.
        slices: The slices that it is stored as, each a `(start, length)` per axis; empty if it is stored whole.
    """

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    crc: int
    slices: tuple[tuple[tuple[int, int], ...], ...]


def parse_header(data: bytes) -> Header:
    """Read a `BundleHeaderProto`."""
    shards = big_endian = producer = min_consumer = 0
    for number, value in fields(data, numbers=frozenset({1, 2}), texts=frozenset({3})):
        if isinstance(value, bytes):
            for part, version in fields(value, numbers=frozenset({1, 2}), texts=_NONE):
                assert isinstance(version, int)
                if part == 1:
                    producer = signed(version)
                else:
                    min_consumer = signed(version)
        elif number == 1:
            shards = signed(value)
        else:
            big_endian = value
    if big_endian not in (0, 1):
        raise DamagedError(f"the header names the unknown byte order {big_endian}")
    # %05d of the shard is in the name of its file.
    if not 1 <= shards <= 99_999:
        raise DamagedError(f"the header names {shards} data files")
    return Header(shards, bool(big_endian), producer, min_consumer)


def parse_entry(data: bytes) -> Entry:
    """Read a `BundleEntryProto`."""
    dtype = shard = offset = size = crc = 0
    shape: tuple[int, ...] = ()
    slices: list[tuple[tuple[int, int], ...]] = []
    for number, value in fields(data, numbers=_ENTRY_NUMBERS, texts=_ENTRY_TEXTS):
        if isinstance(value, bytes):
            if number == 2:
                shape = _shape(value)
            else:
                slices.append(_slice(value))
        elif number == 1:
            dtype = value
        elif number == 3:
            shard = signed(value)
        elif number == 4:
            offset = signed(value)
        elif number == 5:
            size = signed(value)
        else:
            crc = unmask(value & 0xFFFFFFFF)
    if offset < 0 or size < 0 or shard < 0:
        raise DamagedError(f"an entry lies at byte {offset} of file {shard} and has {size} bytes")
    if any(len(part) != len(shape) for part in slices):
        raise DamagedError(f"a slice has another number of axes than its variable, {shape}")
    return Entry(dtype, shape, shard, offset, size, crc, tuple(slices))


_ENTRY_NUMBERS = frozenset({1, 3, 4, 5, 6})
_ENTRY_TEXTS = frozenset({2, 7})


@functools.lru_cache(maxsize=1024)  # a model has few different shapes
def _shape(data: bytes) -> tuple[int, ...]:
    lengths: list[int] = []
    for number, value in fields(data, numbers=frozenset({3}), texts=frozenset({2})):
        if number == 3:
            if value:
                raise DamagedError("a stored tensor has no known rank")
            continue
        assert isinstance(value, bytes)
        length = 0
        for _, item in fields(value, numbers=frozenset({1}), texts=_NONE):
            assert isinstance(item, int)
            length = signed(item)
        lengths.append(length)
    if len(lengths) > _MOST_AXES or any(length < 0 for length in lengths) or math.prod(filter(None, lengths)) >> 58:
        raise DamagedError(f"a tensor cannot have the shape {tuple(lengths[:8])}")
    return tuple(lengths)


def _slice(data: bytes) -> tuple[tuple[int, int], ...]:
    extents: list[tuple[int, int]] = []
    for _, value in fields(data, numbers=_NONE, texts=frozenset({1})):
        assert isinstance(value, bytes)
        start, length = 0, FULL
        for number, item in fields(value, numbers=frozenset({1, 2}), texts=_NONE):
            assert isinstance(item, int)
            if number == 1:
                start = signed(item)
            else:
                length = signed(item)
        if start < 0 or length < FULL:
            raise DamagedError(f"a slice starts at {start} and has {length} elements")
        extents.append((start, length))
    return tuple(extents)


def slice_key(name: bytes, extents: tuple[tuple[int, int], ...]) -> bytes:
    """Return the key under which a slice of the tensor `name` is in the index.

    It is made so that keys sort like what they stand for: a zero, the escaped name, the rank, then start and length
    of each axis as order-preserving numbers.

    Example:
        >>> slice_key(b"w", ((3, 70), (0, FULL))).hex(" ")
        '00 77 00 01 01 02 83 c0 46 80 7f'
    """
    escaped = re.sub(b"[\x00\xff]", lambda found: found[0] + bytes([found[0][0] ^ 0xFF]), name)
    parts = [b"\x00", escaped, b"\x00\x01", _ascending(len(extents))]
    for start, length in extents:
        parts += [_signed_ascending(start), _signed_ascending(length)]
    return b"".join(parts)


def _ascending(value: int) -> bytes:
    """A number ≥ 0: how many bytes it has, then those, highest first."""
    size = (value.bit_length() + 7) // 8
    return bytes([size]) + value.to_bytes(size, "big")


def _signed_ascending(value: int) -> bytes:
    """A number of either sign: as many leading ones as it takes bytes, a zero, then 7 bits a byte, highest first."""
    magnitude = value if value >= 0 else ~value
    size = magnitude.bit_length() // 7 + 1
    encoded = (((1 << size) - 1) << 7 * size | magnitude).to_bytes(size, "big")
    return encoded if value >= 0 else bytes(byte ^ 0xFF for byte in encoded)
