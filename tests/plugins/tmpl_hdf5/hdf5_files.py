"""Small HDF5 files with a bit of everything, and changed copies whose checksums are right again."""

from __future__ import annotations

import functools
import random
import struct
from pathlib import Path

import h5py
import numpy as np

from tests.hostile import random_bytes

# What begins a piece of structure that ends in a checksum (HDF5 File Format Specification, version 3).
SIGNATURES = (
    *(b"OCHK", b"BTHD", b"BTLF", b"BTIN", b"FRHP", b"FHDB", b"FHIB", b"FSHD", b"FSSE", b"FAHD", b"FADB"),
    *(b"EAHD", b"EAIB", b"EASB", b"EADB", b"SMTB", b"SMLI"),
)


def write(path: Path, libver: str) -> None:
    with h5py.File(path, "w", libver=libver) as file:
        file["dense/kernel"] = np.arange(12.0).reshape(3, 4)
        file["dense/bias"] = np.arange(4, dtype="f4")
        file.create_dataset("zipped", data=np.arange(1000.0), chunks=(100,), compression="gzip")
        file.create_dataset("tree", data=np.ones((10, 6)), chunks=(5, 3), maxshape=(None, None), shuffle=True)
        file.create_dataset("array", data=np.arange(60.0), chunks=(5,), maxshape=(None,))
        file["text"] = "text"
        file.create_dataset("texts", data=["ab", "cdef"], dtype=h5py.string_dtype())
        file["record"] = np.zeros(3, [("a", "f4"), ("b", "i8", (2,))])
        for number in range(30):
            file[f"many/v{number}"] = np.float32(number)
        for number in range(12):
            file["dense"].attrs[f"a{number}"] = number
            file.attrs[f"a{number}"] = "text" if number % 2 else np.arange(number)


def fixed_up(data: bytes, rng: random.Random) -> bytes:
    """Change a few places, and make the checksums right again."""
    changed = bytearray(random_bytes(data, rng))
    for start, end in _checksums(data):
        struct.pack_into("<I", changed, end, lookup3(bytes(changed[start:end])))
    return bytes(changed)


@functools.cache
def _checksums(data: bytes) -> list[tuple[int, int]]:
    """Return where each piece with a checksum starts and where the checksum is."""
    found = [(0, 44)]
    for signature in (b"OHDR", *SIGNATURES):
        start = data.find(signature)
        while start >= 0:
            for end in range(start + 4, min(len(data) - 3, start + 5000)):
                if data[end : end + 4] == struct.pack("<I", lookup3(data[start:end])):
                    found.append((start, end))
                    break
            start = data.find(signature, start + 1)
    return found


def lookup3(data: bytes) -> int:
    """Return Bob Jenkins' hash of 2006, by which HDF5 checks its structure (burtleburtle.net/bob/c/lookup3.c)."""
    mask = 0xFFFFFFFF

    def turn(value: int, by: int) -> int:
        return (value << by | value >> (32 - by)) & mask

    a = b = c = (0xDEADBEEF + len(data)) & mask
    at, left = 0, len(data)
    while left > 12:
        x, y, z = struct.unpack_from("<III", data, at)
        a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
        a, c = ((a - c) & mask) ^ turn(c, 4), (c + b) & mask
        b, a = ((b - a) & mask) ^ turn(a, 6), (a + c) & mask
        c, b = ((c - b) & mask) ^ turn(b, 8), (b + a) & mask
        a, c = ((a - c) & mask) ^ turn(c, 16), (c + b) & mask
        b, a = ((b - a) & mask) ^ turn(a, 19), (a + c) & mask
        c, b = ((c - b) & mask) ^ turn(b, 4), (b + a) & mask
        at, left = at + 12, left - 12
    if not left:
        return c
    x, y, z = struct.unpack("<III", data[at:].ljust(12, b"\0"))
    a, b, c = (a + x) & mask, (b + y) & mask, (c + z) & mask
    c = ((c ^ b) - turn(b, 14)) & mask
    a = ((a ^ c) - turn(c, 11)) & mask
    b = ((b ^ a) - turn(a, 25)) & mask
    c = ((c ^ b) - turn(b, 16)) & mask
    a = ((a ^ c) - turn(c, 4)) & mask
    b = ((b ^ a) - turn(a, 14)) & mask
    return ((c ^ b) - turn(b, 24)) & mask
