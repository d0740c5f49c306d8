"""The members of an .npz: where each one's bytes are, and those of them that are compressed."""

from __future__ import annotations

import itertools
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Any, final

import numpy as np

from tmpl_npz.header import Header
from tmplcore.checkpoint.format import LazyVariable
from tmplcore.checkpoint.stored import InputFile, swap_bytes, writable_bytes
from tmplcore.errors import DamagedError, InvalidArgumentError, UnreadableError

__all__ = [
    "CompressedArray",
    "check_directory",
    "check_growth",
    "check_places",
    "data_offset",
    "open_member",
    "read_exactly",
]

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, then the lengths of the name and of the extra field
_LONGEST_END = 22 + 0xFFFF + 20 + 56  # the end record with its comment, behind those of a large archive
_LOCAL_MAGIC = b"PK\x03\x04"
# Deflate makes at most 1032 bytes of one (https://zlib.net/zlib_tech.html).
_MOST_GROWTH = 1040
_GROWTH = {zipfile.ZIP_STORED: 1, zipfile.ZIP_DEFLATED: _MOST_GROWTH}


def data_offset(file: InputFile, member: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member start: behind its local header, whose length only it knows."""
    magic, name, extra = _LOCAL_HEADER.unpack(file.read(member.header_offset, _LOCAL_HEADER.size))
    if magic != _LOCAL_MAGIC:
        raise DamagedError(
            f"{file.path}: {member.filename!r} is not where the archive says (byte {member.header_offset})",
            hint="copy or download it again",
        )
    start = int(member.header_offset + _LOCAL_HEADER.size + name + extra)
    if start + member.compress_size > file.size:
        raise DamagedError(
            f"{file.path}: {member.filename!r} ends at byte {start + member.compress_size}, the file at {file.size}",
            hint="the file was cut short: copy or download it again",
        )
    return start


def check_growth(file: InputFile, member: zipfile.ZipInfo) -> None:
    """Refuse a member that claims to expand to more than its compression can yield."""
    if member.compress_type not in _GROWTH:
        raise UnreadableError(
            f"{file.path}: {member.filename!r} is compressed by method {member.compress_type}",
            hint="NumPy writes stored and deflated members; save it again with np.savez",
        )
    if member.file_size > _GROWTH[member.compress_type] * member.compress_size:
        raise DamagedError(
            f"{file.path}: {member.filename!r} claims to grow from {member.compress_size} to {member.file_size} bytes",
            hint="no program writes such an archive; do not trust it",
        )


def check_directory(file: InputFile) -> None:
    """Refuse an archive whose directory takes more room than its members, before all its entries are parsed.

    A member repeats in front of its data what the directory says of it, and an array has a header of its own: so the
    directory of an honest archive takes less than half of the file.
    """
    tail = file.read(max(0, file.size - _LONGEST_END), min(file.size, _LONGEST_END))
    at = tail.rfind(b"PK\5\6")
    if at < 0 or at + 20 > len(tail):
        return  # zipfile says what is wrong
    size = int(struct.unpack_from("<I", tail, at + 12)[0])
    if size == 0xFFFFFFFF and (large := tail.rfind(b"PK\6\6", 0, at)) >= 0 and large + 48 <= len(tail):
        size = struct.unpack_from("<Q", tail, large + 40)[0]
    if 2 * size > file.size:
        raise DamagedError(
            f"{file.path}: its directory takes {size} of the {file.size} bytes",
            hint="no program writes such an archive; do not trust it",
        )


def check_places(file: InputFile, places: list[tuple[int, int, zipfile.ZipInfo]]) -> None:
    """Refuse an archive whose members share bytes: a small file could stand for any amount of data."""
    places.sort(key=lambda place: place[:2])
    for (_, stop, member), (start, _, following) in itertools.pairwise(places):
        if start < stop:
            raise DamagedError(
                f"{file.path}: {member.filename!r} and {following.filename!r} claim the same bytes",
                hint="no program writes such an archive; do not trust it",
            )


def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> IO[bytes]:
    """Open a member for reading; its checksum is compared when it is read to the end."""
    try:
        return archive.open(member)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:  # the last: its name is no UTF-8
        raise UnreadableError(f"{archive.filename}: {member.filename!r} cannot be opened: {error}") from error


def read_exactly(source: IO[bytes], out: memoryview, where: str) -> None:
    """Fill `out` from a member."""
    done = 0
    while done < len(out):
        try:
            piece = source.read(min(len(out) - done, 1 << 20))
        except (zipfile.BadZipFile, zlib.error, EOFError) as error:
            raise DamagedError(f"{where}: {error}", hint="copy or download it again") from error
        if not piece:
            raise DamagedError(f"{where}: ends after {done} bytes of the array", hint="copy or download it again")
        out[done : done + len(piece)] = piece
        done += len(piece)


@final
class CompressedArray(LazyVariable):
    """A deflated array. It can only be read from its start, so a slice costs as much as what is before it."""

    __slots__ = ("_archive", "_header", "_member", "_trainable", "dtype", "name", "shape")

    def __init__(
        self,
        name: str,
        header: Header,
        dtype: np.dtype[Any],
        archive: zipfile.ZipFile,
        member: zipfile.ZipInfo,
        trainable: bool | None,
    ) -> None:
        self.name = name
        self.shape = header.shape
        self.dtype = dtype
        self._header = header
        self._archive = archive
        self._member = member
        self._trainable = trainable

    @property
    def trainable(self) -> bool | None:
        """What the file says."""
        return self._trainable

    def __getitem__(self, index: Any) -> np.ndarray:
        out = np.empty(self.shape, self.dtype)
        self.read_into(out)
        return out if index is Ellipsis else np.asarray(out[index])

    def read_into(self, out: np.ndarray) -> None:
        """Expand the whole value into `out`."""
        if out.shape != self.shape or out.dtype != self.dtype:
            raise InvalidArgumentError(
                f"{self.name}: an array {out.shape} {out.dtype} cannot take a variable {self.shape} {self.dtype}"
            )
        if self._header.fortran and len(self.shape) > 1:
            stored = np.empty(self.shape[::-1], self.dtype)
            self._expand(stored)
            out[...] = stored.T
        elif out.flags.c_contiguous:
            self._expand(out)
        else:
            out[...] = self[...]

    def blocks(self, max_bytes: int = 16 << 20) -> Iterator[np.ndarray]:
        """Yield the value in C order, expanded once and never held whole (but for Fortran order)."""
        if self._header.fortran and len(self.shape) > 1:
            yield from super().blocks(max_bytes)
            return
        run, size = max(1, max_bytes // self.dtype.itemsize), self.nbytes // self.dtype.itemsize
        with self._open() as source:
            for start in range(0, size, run):
                block = np.empty(min(run, size - start), self.dtype)
                self._fill(source, block)
                yield block

    def _open(self) -> IO[bytes]:
        source = open_member(self._archive, self._member)
        read_exactly(source, memoryview(bytearray(self._header.size)), self._where)
        return source

    @property
    def _where(self) -> str:
        return f"{self._archive.filename}: {self._member.filename!r}"

    def _fill(self, source: IO[bytes], out: np.ndarray) -> None:
        read_exactly(source, writable_bytes(out), self._where)
        if self._header.swapped:
            swap_bytes(out)

    def _expand(self, out: np.ndarray) -> None:
        with self._open() as source:
            self._fill(source, out)
