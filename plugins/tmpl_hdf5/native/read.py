"""Read a native checkpoint by its index: no libhdf5, no walking of groups, nothing believed before it is checked."""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
import threading
from collections.abc import Callable, ItemsView, Iterable, Iterator, Mapping
from itertools import repeat
from pathlib import Path
from typing import Any, final

import numpy as np
import xxhash

from tmpl_hdf5.native.blocks import BLOCK, read_exactly, read_into
from tmpl_hdf5.native.index import HEADER_SIZE, Header, Index
from tmpl_hdf5.native.structure import FIRST_HEADER, SIGNATURE
from tmpl_hdf5.native.text import decode_text
from tmplcore.checkpoint.format import Damage, LazyVariable, Metadata, Reader
from tmplcore.errors import CheckpointNotFoundError, DamagedError, UnreadableError, VariableMissingError

__all__ = ["NativeReader", "NativeVariable"]

_LARGEST_INDEX = 1 << 32
_SMALLEST_BOMB = 64 << 20


@final
class NativeVariable(LazyVariable):
    """A variable in a native checkpoint."""

    __slots__ = ("_reader", "_row", "dtype", "name", "shape")

    def __init__(self, reader: NativeReader, row: int, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._reader = reader
        self._row = row
        self.name = name
        self.shape = shape
        self.dtype = dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the value."""
        stored, shape = self._reader.kind(self._row)
        return math.prod(shape) * stored.raw.itemsize

    @property
    def digest(self) -> str | None:
        """The hash in the index; None for text, which other formats would hash otherwise."""
        stored, _ = self._reader.kind(self._row)
        if stored.is_text:  # hashed as stored, which other formats do otherwise
            return None
        return f"xxh3_64:{int(self._reader.index.hashes[self._row]):016x}"

    @property
    def trainable(self) -> bool | None:
        """What the source said when it was saved."""
        return self._reader.index.trainable(self._row)

    @property
    def alias_of(self) -> str | None:
        """The name of the variable under which the same data is listed first."""
        first = self._reader.index.aliases.get(self._row)
        return None if first is None else self._reader.index.names[first]

    def __getitem__(self, index: Any) -> np.ndarray:
        if index is Ellipsis:
            return self._reader.read_row(self._row)
        return self._reader.read_slice(self._row, index)

    def read_into(self, out: np.ndarray) -> None:
        """Read the whole value into an array."""
        self._reader.read_into({self.name: out})


@final
class NativeReader(Reader):
    """An open native checkpoint.

    Attributes:
        index: Its decoded index.
    """

    format = "tmplcore"

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        except FileNotFoundError:
            raise CheckpointNotFoundError(f"there is no checkpoint at {path}") from None
        except OSError as error:
            raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
        self._map: mmap.mmap | None = None
        self._rows: dict[str, int] | None = None
        self._lock = threading.Lock()
        try:
            self.size = os.fstat(self._fd).st_size
            self.index = self._open()
        except EOFError as error:
            os.close(self._fd)
            raise DamagedError(f"{path} is cut short: {error}") from None
        except UnreadableError as error:
            os.close(self._fd)
            raise type(error)(f"{path}: {error}", hint=error.hint) from None
        except BaseException:
            os.close(self._fd)
            raise

    def _open(self) -> Index:
        head = os.pread(self._fd, FIRST_HEADER + 120, 0)
        at, size = index_place(head)
        header = Header.unpack(read_exactly(self._fd, HEADER_SIZE, at))
        if header.size != self.size:
            raise DamagedError(
                f"the file has {self.size} bytes and should have {header.size}",
                hint="it was cut short, or edited by another program",
            )
        allocated = getattr(os.fstat(self._fd), "st_blocks", 1 << 40) * 512
        if (
            size != header.index_size
            or at + size > self.size
            or size > min(_LARGEST_INDEX, max(_SMALLEST_BOMB, 8 * allocated))
        ):
            raise DamagedError("the sizes in its index cannot be")
        index = Index.decode(read_exactly(self._fd, size, at))
        if self._structure_hash(header) != header.structure_hash:
            raise DamagedError(
                "its structure is not what was written: the hash differs",
                hint="if it was edited with an HDF5 tool on purpose, read it as --format hdf5",
            )
        return index

    def _structure_hash(self, header: Header) -> bytes:
        digest = xxhash.xxh3_128()
        buffer = bytearray(min(1 << 20, max(header.structure, header.trees_size)))
        for at, size in ((0, header.structure), (header.trees, header.trees_size)):
            for start in range(at, at + size, len(buffer) or 1):
                view = memoryview(buffer)[: min(len(buffer), at + size - start)]
                read_into(self._fd, view, start)
                digest.update(view)
        return digest.digest()

    @property
    def meta(self) -> Metadata:
        """What the checkpoint says of itself."""
        header = self.index.header
        text = read_exactly(self._open_fd(), header.meta_size, header.meta)
        if xxhash.xxh3_64_intdigest(text) != header.meta_hash:
            raise DamagedError(f"{self.path}: its metadata is not what was written: the hash differs")
        return decode_meta(text)

    def __getitem__(self, name: str) -> NativeVariable:
        row = self._positions().get(name)
        if row is None:
            raise VariableMissingError(f"{self.path} has no variable {name!r}")
        stored, shape = self.kind(row)
        return NativeVariable(self, row, name, shape, stored.dtype)

    def __contains__(self, name: object) -> bool:
        return name in self._positions()

    def __iter__(self) -> Iterator[str]:
        return iter(self.index.names)

    def __len__(self) -> int:
        return len(self.index.names)

    def items(self) -> ItemsView[str, LazyVariable]:
        """Names and variables, made as they are asked for."""
        return _Items(self)

    def _positions(self) -> dict[str, int]:
        if self._rows is None:
            names = self.index.names
            rows = dict(zip(names, range(len(names)), strict=True))
            if len(rows) != len(names):
                raise DamagedError(f"{self.path}: its index has a name twice")
            self._rows = rows
        return self._rows

    def kind(self, row: int) -> Any:
        """Return the stored type and the shape of a row."""
        return self.index.kinds[self.index.types[row]]

    def variables(self) -> Iterator[NativeVariable]:
        """Yield all variables, fast."""
        index = self.index
        shapes = [shape for _, shape in index.kinds]
        dtypes = [stored.dtype for stored, _ in index.kinds]
        types = index.types.tolist()
        return map(
            NativeVariable,
            repeat(self),
            range(len(types)),
            index.names,
            map(shapes.__getitem__, types),
            map(dtypes.__getitem__, types),
        )

    def _open_fd(self) -> int:
        if self._fd < 0:
            raise ValueError(f"the checkpoint {self.path} is closed")
        return self._fd

    # Reading one variable

    def read_row(self, row: int) -> np.ndarray:
        """Read a whole variable."""
        stored, shape = self.kind(row)
        out = np.empty(shape, stored.raw)
        self._read_raw(row, out)
        if stored.is_text:
            return decode_text(out, stored, self.index.lengths.get(row))
        return out.view(stored.dtype)

    def _read_raw(self, row: int, out: np.ndarray) -> None:
        if out.nbytes:
            read_into(self._open_fd(), _as_bytes(out), int(self.index.offsets[row]))

    def read_slice(self, row: int, index: Any) -> np.ndarray:
        """Read a part of a variable: only the pages that hold it."""
        stored, shape = self.kind(row)
        if stored.is_text or 0 in shape:
            return np.asarray(self.read_row(row)[index])
        return np.array(self.mapped(row)[index], copy=True)

    def mapped(self, row: int) -> np.ndarray:
        """Return a variable as a read-only array over the mapped file."""
        stored, shape = self.kind(row)
        if 0 in shape:
            return np.empty(shape, stored.dtype)
        return np.ndarray(shape, stored.dtype, self._mapping(), int(self.index.offsets[row]))

    def _mapping(self) -> mmap.mmap:
        with self._lock:
            if self._map is None:
                self._map = mmap.mmap(self._open_fd(), self.size, access=mmap.ACCESS_READ)
            return self._map

    # Reading many

    def read_into(self, targets: Mapping[str, np.ndarray], *, verify: bool = False) -> None:
        """Fill arrays; see `Reader.read_into`."""
        damage = []
        done = []
        for name, out in targets.items():
            row = self[name]._row
            stored, shape = self.kind(row)
            if out.shape != shape or out.dtype != stored.dtype:
                raise ValueError(f"{name!r} is {shape} {stored.dtype}, the array is {out.shape} {out.dtype}")
            if stored.is_text or not out.flags.c_contiguous:
                out[...] = self.read_row(row)
            else:
                self._read_raw(row, out.view(stored.raw))
            done.append(name)
            if verify and (found := self._check_row(row)) is not None:
                damage.append(found)
        if damage:
            error = DamagedError(f"{self.path}: {len(damage)} variables are damaged: {damage[0].name!r}")
            error.damage = damage  # type: ignore[attr-defined]
            error.overwritten = done  # type: ignore[attr-defined]
            raise error

    def verify(
        self, names: Iterable[str] | None = None, *, jobs: int = 1, progress: Callable[[int], None] | None = None
    ) -> Iterator[Damage]:
        """Check every byte; see `Reader.verify`."""
        for row in range(len(self)) if names is None else [self[name]._row for name in names]:
            found = self._check_row(row)
            if found is not None:
                yield found
            if progress is not None:
                progress(int(self.index.sizes[row]))

    def _check_row(self, row: int) -> Damage | None:
        stored, shape = self.kind(row)
        size = math.prod(shape) * stored.raw.itemsize
        at = int(self.index.offsets[row])
        digest = xxhash.xxh3_64()
        buffer = memoryview(bytearray(min(size, BLOCK)))
        for start in range(at, at + size, BLOCK):
            view = buffer[: min(BLOCK, at + size - start)]
            read_into(self._open_fd(), view, start)
            digest.update(view)
        if digest.intdigest() != int(self.index.hashes[row]):
            name = self.index.names[row]
            return Damage(name, "the data is not what was written: the hash differs", str(self.path), at, at + size)
        return None

    def close(self) -> None:
        """Give the file back."""
        fd, self._fd = self._fd, -1
        self._map = None
        if fd >= 0:
            os.close(fd)


class _Items(ItemsView[str, LazyVariable]):
    """Items without a look-up each."""

    _mapping: NativeReader

    def __iter__(self) -> Iterator[tuple[str, LazyVariable]]:
        return zip(self._mapping.index.names, self._mapping.variables(), strict=True)


def index_place(head: bytes) -> tuple[int, int]:
    """Return address and size of the index, from the first bytes of a file.

    Raises:
        UnreadableError: It is no native checkpoint.
    """
    if head[:9] != SIGNATURE + b"\0" or len(head) < FIRST_HEADER + 120:
        raise UnreadableError("it does not begin as a native checkpoint does")
    # The first object header is the index's: prefix (16), dataspace (24), datatype (24), fill value (16), layout.
    header = head[FIRST_HEADER:]
    layout = 16 + 24 + 24 + 16
    version, kind = header[layout + 8 : layout + 10]
    at, size = struct.unpack_from("<QQ", header, layout + 10)
    if header[:1] != b"\1" or (version, kind) != (3, 1) or at >= 1 << 62 or size >= 1 << 62 or size < HEADER_SIZE:
        raise UnreadableError("its first object is not an index")
    return at, size


def decode_meta(text: bytes) -> Metadata:
    """Decode the JSON metadata of a file.

    Raises:
        DamagedError: It is not what the format says.
    """
    try:
        content = json.loads(text)
        return Metadata(
            step=content.get("step"),
            time=content.get("time"),
            metrics=dict(content.get("metrics") or {}),
            user=dict(content.get("user") or {}),
            provenance=dict(content.get("provenance") or {}),
            format_version=str(content.get("format_version")),
        )
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"the metadata cannot be read: {error}") from None


def _as_bytes(array: np.ndarray) -> memoryview:
    return memoryview(array.reshape(-1).view(np.uint8))
