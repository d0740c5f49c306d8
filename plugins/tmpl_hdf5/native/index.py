"""The index of a native checkpoint: one dataset that says all there is to know without walking groups.

    header (128 bytes) · offsets (8 bytes a row) · hashes (8) · types (4) · flags (1) · names · table · hash (16)

A row is one stored part of a variable: a type (dtype and shape of the part), an offset, a hash. Today each variable
is one part, its whole, in this very file; the table's `boxes` and `files` (feature bits, which a reader must know)
are where a variable in several boxes, or in another step's file, will say so. `docs/reference/checkpoint-format.md`
is the specification; nothing read here is believed before it is checked.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any, final

import numpy as np
import xxhash

from tmpl_hdf5.names import check_text
from tmpl_hdf5.native.dtypes import StoredType, stored_type
from tmpl_hdf5.native.fits import AT_ONCE
from tmpl_hdf5.native.structure import FIRST_HEADER, SIGNATURE, Filter
from tmplcore.checkpoint.stored import is_array_shape
from tmplcore.errors import DamagedError, InvalidNameError, LaterVersionError, UnreadableError

__all__ = ["ALIGNMENT", "HEADER_SIZE", "MAGIC", "VERSION", "Header", "Index", "Packed", "index_place"]

MAGIC = b"tmplidx\0"
VERSION = 1
# Bits of the header that are reserved (docs/decisions/0044): a reader has to know what they stand for.
_FEATURES = {1: "values in files of other steps", 2: "variables in parts"}
ALIGNMENT = 64
_HEADER = struct.Struct("<8sHHI9Q16sQ16x")
_LAYOUT = struct.Struct("<BBQQ")  # of a contiguous dataset: version, class, address, size
HEADER_SIZE = _HEADER.size
# Dtype of each column, and the bytes a row of those before it.
_COLUMNS = {"offsets": ("<i8", 0), "hashes": ("<u8", 8), "types": ("<u4", 16), "flags": ("u1", 20)}
_ROW = 8 + 8 + 4 + 1
_FEW = 512  # rows
_read_json = json.JSONDecoder().raw_decode
_HASH = 16
_LARGEST_CHUNK = 64 << 20
_TRAINABLE = {0: None, 1: False, 2: True}

Numbers = np.ndarray[Any, np.dtype[Any]]
Kind = tuple[StoredType, tuple[int, ...]]


@dataclass(slots=True)
class Header:
    """The fixed part of the index. Sizes and addresses are in bytes, from the start of the file.

    Attributes:
        rows: Stored parts.
        names: Bytes of the names.
        table: Bytes of the JSON table.
        structure: Bytes of the structure, which begins the file.
        index: Where the index is.
        meta: Where the JSON metadata is.
        meta_size: Its size, with the spaces that pad it.
        data: Where the data begins.
        size: Size of the file, which ends with the data.
        structure_hash: xxh3_128 of the structure.
        meta_hash: xxh3_64 of the metadata.
    """

    rows: int
    names: int
    table: int
    structure: int
    index: int
    meta: int
    meta_size: int
    data: int
    size: int
    structure_hash: bytes
    meta_hash: int

    def pack(self) -> bytes:
        """Return the header's bytes."""
        sizes = (self.rows, self.names, self.table)
        places = (self.structure, self.index, self.meta, self.meta_size, self.data, self.size)
        return _HEADER.pack(MAGIC, VERSION, HEADER_SIZE, 0, *sizes, *places, self.structure_hash, self.meta_hash)

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Read a header.

        Raises:
            UnreadableError: It is not one.
            LaterVersionError: It is one of a later version.
            DamagedError: Its sizes cannot be.
        """
        if len(data) < HEADER_SIZE or data[:8] != MAGIC:
            raise UnreadableError("its index does not begin as an index does")
        _, version, size, features, *fields = _HEADER.unpack(data[:HEADER_SIZE])
        if version != VERSION or features:
            known = ", ".join(what for bit, what in _FEATURES.items() if features & bit)
            raise LaterVersionError(
                f"it has version {version}, features {features:#x}"
                f"{known and f' ({known})'}; this program reads version {VERSION}",
                hint="pip install --upgrade tmplcore",
            )
        header = cls(*fields)
        places = [FIRST_HEADER, header.structure, header.index, header.meta, header.data, header.size, 1 << 62]
        if size != HEADER_SIZE or places != sorted(places):
            raise DamagedError("the places in its index cannot be")
        if header.index + header.index_size > header.meta or header.meta + header.meta_size > header.data:
            raise DamagedError("the sizes in its index cannot be")
        return header

    @property
    def index_size(self) -> int:
        """Size of the whole index."""
        return HEADER_SIZE + self.rows * _ROW + self.names + self.table + _HASH


@dataclass(frozen=True, slots=True)
class Packed:
    """A variable that is stored in compressed chunks.

    Attributes:
        chunk: Shape of a chunk.
        filters: Numbers and parameters of the HDF5 filters, in the order in which they were applied.
        places: Address and size of every chunk, in C order.
        stored_hash: xxh3_64 of the stored bytes of all chunks.
    """

    chunk: tuple[int, ...]
    filters: tuple[tuple[int, tuple[int, ...]], ...]
    places: Numbers
    stored_hash: int

    @classmethod
    def of(cls, chunk: tuple[int, ...], filters: Iterable[Filter], places: Numbers, stored_hash: int) -> Packed:
        """Return the entry of a variable that was written in chunks through filters."""
        return cls(chunk, tuple((step.number, step.values) for step in filters), places, stored_hash)


@final
class Index:
    """The decoded index. Its columns and names are made when they are first asked for: to list needs few of them.

    Args:
        header: Its fixed part.
        data: All of it.
        text: The names in it.
        kinds: The types in it.

    Attributes:
        header: Its fixed part.
        text: Names of the variables, in the order in which they were saved, as UTF-8 with a NUL between two.
        names: The same, one by one.
        offsets: Where the data of every variable is.
        hashes: xxh3_64 of the data of every variable.
        types: The type of every variable: a position in `kinds`.
        kinds: Stored type and shape.
        flags: 0: not known whether it is trainable, 1: it is not, 2: it is.
        aliases: Rows that are a second name, and the row with the first.
        lengths: Rows of text some of whose items end in NULs, and the true length of every item.
        packed: Rows that are compressed.
        sizes: Bytes of every variable, uncompressed.
    """

    __slots__ = (
        *("_data", "aliases", "flags", "hashes", "header", "kinds", "lengths", "names", "offsets", "packed"),
        *("sizes", "text", "types"),
    )

    names: list[str]
    offsets: Numbers
    hashes: Numbers
    types: Numbers
    flags: Numbers
    sizes: Numbers

    def __init__(self, header: Header, data: bytes, text: bytes, kinds: list[Kind]) -> None:
        self._data = data
        self.header = header
        self.text = text
        self.kinds = kinds
        self.aliases: dict[int, int] = {}
        self.lengths: dict[int, list[int]] = {}
        self.packed: dict[int, Packed] = {}

    def __getattr__(self, name: str) -> Any:
        value: Any
        if name == "names":
            value = self.text.decode().split("\0") if self.header.rows else []
        elif name == "sizes":
            try:
                value = kind_sizes(self.kinds)[self.types]
            except IndexError:
                raise DamagedError("its index names a type that its table does not have") from None
        elif name in _COLUMNS:
            kind, before = _COLUMNS[name]
            value = np.frombuffer(self._data, kind, self.header.rows, HEADER_SIZE + before * self.header.rows)
        else:
            raise AttributeError(name)
        setattr(self, name, value)  # the slot is set, so this is not asked again
        return value

    def is_listed(self, names: Collection[str]) -> bool:
        """Tell whether these are the names of all variables, in their order."""
        if len(names) != self.header.rows:
            return False
        at, left = 0, iter(names)
        try:
            for _ in range(0, len(names), AT_ONCE):  # in parts that stay in the processor's cache
                part = "\0".join(islice(left, AT_ONCE)).encode() + b"\0"
                end = at + len(part) - 1
                if not self.text.startswith(part if end < len(self.text) else part[:-1], at):
                    return False
                at = end + 1
        except (TypeError, UnicodeEncodeError):  # no name of a checkpoint
            return False
        return not names or end == len(self.text)

    @property
    def is_packed(self) -> Numbers:
        """Which rows are compressed."""
        found = np.zeros(self.header.rows, bool)
        if self.packed:
            found[list(self.packed)] = True
        return found

    def trainable(self, row: int) -> bool | None:
        """Whether the variable is trainable."""
        return _TRAINABLE.get(int(self.flags[row]))

    @classmethod
    def decode(cls, header: Header, data: bytes) -> Index:
        """Decode and check an index, of which the fixed part has been unpacked.

        Raises:
            UnreadableError: It is not one, or of a later version.
            DamagedError: Something in it cannot be, or is not what was written.
        """
        if header.index_size != len(data):
            raise DamagedError(f"its index should have {header.index_size} bytes and has {len(data)}")
        if xxhash.xxh3_128_digest(memoryview(data)[:-_HASH]) != data[-_HASH:]:
            raise DamagedError("its index is not what was written: the hash differs")
        at = HEADER_SIZE + header.rows * _ROW
        text = data[at : at + header.names]
        _check_names(text, header.rows)
        table = _json(data[at + header.names : at + header.names + header.table])
        index = cls(header, data, text, _kinds(table))
        try:
            index._read_table(table)
        except (TypeError, ValueError, LookupError, AttributeError, OverflowError, RecursionError) as error:
            raise DamagedError(f"the table in its index cannot be read: {error}") from None
        index._check_places()
        return index

    def _read_table(self, table: dict[str, Any]) -> None:
        rows = self.header.rows
        for row, first in table.get("aliases", ()):
            if not 0 <= first < row < rows or self.offsets[row] != self.offsets[first]:
                raise ValueError("an alias leads nowhere")
            if self.types[row] != self.types[first] or first in self.aliases:
                raise ValueError("an alias differs from what it stands for")
            self.aliases[row] = first
        for key, lengths in table.get("lengths", {}).items():
            row = self._row(key)
            _, shape = self.kinds[self.types[row]]
            if len(lengths) != math.prod(shape):
                raise ValueError("the lengths of a text variable are not one an item")
            self.lengths[row] = [int(length) for length in lengths]
        for key, entry in table.get("packed", {}).items():
            self._read_packed(self._row(key), entry)
        self.packed |= {row: self.packed[first] for row, first in self.aliases.items() if first in self.packed}

    def _row(self, key: str) -> int:
        row = int(key)
        if not 0 <= row < self.header.rows:
            raise ValueError(f"there is no row {row}")
        return row

    def _read_packed(self, row: int, entry: dict[str, Any]) -> None:
        stored, shape = self.kinds[self.types[row]]
        chunk = tuple(int(length) for length in entry["chunk"])
        if not _is_run(chunk, shape) or math.prod(chunk) * stored.raw.itemsize > _LARGEST_CHUNK:
            raise ValueError(f"a variable of shape {shape} has no chunks of shape {chunk}")
        places = np.array(entry["chunks"], np.int64).reshape(-1, 2)
        count = math.prod(-(-length // part) for length, part in zip(shape, chunk, strict=True))
        if len(places) != count:
            raise ValueError(f"a variable should have {count} chunks and has {len(places)}")
        if count and (places.min() < 0 or places[:, 0].min() < self.header.data):
            raise ValueError("a chunk is outside the data")
        if count and int((places[:, 0] + places[:, 1]).max()) > self.header.size:
            raise ValueError("a chunk is outside the file")
        filters = tuple((int(number), tuple(int(value) for value in values)) for number, values in entry["filters"])
        self.packed[row] = Packed(chunk, filters, places, int(entry["stored_hash"], 16))

    def _check_places(self) -> None:
        """All data is inside the data region, aligned, and no two variables overlap."""
        if self._are_few_and_apart():
            return
        offsets, sizes = self.offsets, self.sizes
        if self.aliases or self.packed or not sizes.all():
            plain = sizes > 0
            plain[[*self.aliases, *self.packed]] = False
            offsets, sizes = offsets[plain], sizes[plain]
        if not len(offsets):
            return
        if int(offsets.max()) > self.header.size:  # sizes are below 2**62: from here on no sum overflows
            raise DamagedError("its index places a variable past the end of the file")
        ends = offsets + sizes
        if (ends[:-1] > offsets[1:]).any():
            order = np.argsort(offsets, kind="stable")
            offsets, ends = offsets[order], ends[order]
            if (ends[:-1] > offsets[1:]).any():
                raise DamagedError("its index places two variables on the same bytes")
        if int(ends[-1]) > self.header.size:
            raise DamagedError("its index places a variable past the end of the file")
        if int(offsets[0]) < self.header.data or int(np.bitwise_or.reduce(offsets)) % ALIGNMENT:
            raise DamagedError("its index places a variable outside the data, or not aligned")

    def _are_few_and_apart(self) -> bool:
        """Tell whether there are few variables, all well placed: without NumPy, whose first steps would take longer."""
        rows = self.header.rows
        if rows > _FEW or self.aliases or self.packed:
            return False
        offsets = struct.unpack_from(f"<{rows}q", self._data, HEADER_SIZE)
        types = struct.unpack_from(f"<{rows}I", self._data, HEADER_SIZE + _COLUMNS["types"][1] * rows)
        sizes = [math.prod(shape) * stored.raw.itemsize for stored, shape in self.kinds]
        if max(types, default=0) >= len(sizes):
            return not rows
        end = self.header.data
        for at, kind in sorted(zip(offsets, types, strict=True)):
            if size := sizes[kind]:
                if at < end or at % ALIGNMENT:
                    return False
                end = at + size
        return end <= self.header.size


def index_place(head: bytes) -> tuple[int, int]:
    """Return address and size of the index, from the first bytes of a file.

    Raises:
        UnreadableError: It is no native checkpoint.
    """
    if head[:9] != SIGNATURE + b"\0" or len(head) < FIRST_HEADER + 120:
        raise UnreadableError("it does not begin as a native checkpoint does")
    # The first object header is the index's: prefix (16), dataspace (24), datatype (24), fill value (16), layout.
    version, kind, at, size = _LAYOUT.unpack_from(head, FIRST_HEADER + 16 + 24 + 24 + 16 + 8)
    if head[FIRST_HEADER] != 1 or (version, kind) != (3, 1) or at >= 1 << 62 or size >= 1 << 62 or size < HEADER_SIZE:
        raise UnreadableError("its first object is not an index")
    return at, size


def kind_sizes(kinds: list[Kind]) -> Numbers:
    """Bytes of a variable of each type."""
    return np.array([math.prod(shape) * stored.raw.itemsize for stored, shape in kinds], np.int64)


def encode_table(
    kinds: list[Kind], aliases: dict[int, int], lengths: dict[int, list[int]], packed: dict[int, Packed]
) -> bytes:
    """Return the JSON table of an index."""
    table: dict[str, Any] = {"types": [[stored.code, list(shape)] for stored, shape in kinds]}
    if aliases:
        table["aliases"] = sorted(aliases.items())
    if lengths:
        table["lengths"] = {str(row): value for row, value in lengths.items()}
    if packed:
        table["packed"] = {
            str(row): {
                "chunk": entry.chunk,
                "filters": entry.filters,
                "chunks": entry.places.tolist(),
                "stored_hash": f"{entry.stored_hash:016x}",
            }
            for row, entry in packed.items()
        }
    return json.dumps(table, separators=(",", ":")).encode()


def encode(
    header: Header, offsets: Numbers, hashes: Numbers, types: Numbers, flags: Numbers, tail: bytes
) -> list[bytes | Numbers]:
    """Return the parts of an index, to be written one behind the other; `tail` is the names and the table."""
    columns = (offsets.astype("<u8"), hashes.astype("<u8"), types.astype("<u4"), flags.astype("u1"))
    parts: list[bytes | Numbers] = [header.pack(), *columns, tail]
    digest = xxhash.xxh3_128()
    for part in parts:
        digest.update(part)
    return [*parts, digest.digest()]


def _is_run(chunk: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Tell whether chunks are runs in C order: single indices, a run of one axis, then whole axes."""
    if len(chunk) != len(shape) or not chunk or min(chunk) < 1:
        return False
    axis = next((axis for axis, length in enumerate(chunk) if length > 1), len(chunk) - 1)
    return chunk[axis] <= shape[axis] and chunk[axis + 1 :] == shape[axis + 1 :]


def _check_names(text: bytes, rows: int) -> None:
    if not rows:
        return
    try:
        check_text(text)
        if not text.isascii():
            text.decode()
    except (UnicodeDecodeError, InvalidNameError) as error:
        raise DamagedError(f"its index has a name that cannot be: {error}") from None
    found = 1 + (text.count(b"\0") if rows <= _FEW else int(np.count_nonzero(np.frombuffer(text, np.uint8) == 0)))
    if found != rows:
        raise DamagedError(f"its index should have {rows} names and has {found}")


def _json(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode().strip(" \t\r\n")
        table, end = _read_json(text)
        if end != len(text):
            raise ValueError("something follows it")
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"the table in its index is not JSON: {error}") from None
    if not isinstance(table, dict):
        raise DamagedError("the table in its index is not an object")
    return table


def _kinds(table: dict[str, Any]) -> list[Kind]:
    try:
        kinds = []
        for code, lengths in table["types"]:
            shape = tuple(lengths)
            if len(shape) > 32 or not all(type(length) is int and 0 <= length < 1 << 62 for length in shape):
                raise ValueError(f"no array has the shape {shape}")
            stored = stored_type(code)
            if not is_array_shape(shape, stored.raw.itemsize):
                raise ValueError(f"no file holds the shape {shape}")
            kinds.append((stored, shape))
    except (TypeError, ValueError, KeyError) as error:
        raise DamagedError(f"the types in its index cannot be read: {error}") from None
    return kinds
