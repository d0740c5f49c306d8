"""What a file will look like, from names, shapes and dtypes alone. Built once for a model, used for every save."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import xxhash

from tmpl_hdf5.names import OWN_GROUP, check_names, to_paths
from tmpl_hdf5.native.dtypes import StoredType, stored_type
from tmpl_hdf5.native.index import ALIGNMENT, Header, Packed, encode_table, kind_sizes
from tmpl_hdf5.native.structure import UNDEFINED, DatasetHeader, Filter, Structure
from tmplcore.errors import InvalidNameError, SaveError

__all__ = ["LARGE", "PAGE", "Packing", "Plan"]

LARGE = 1 << 20
"""Variables from this size on begin at a page, so that they can be mapped and written around the page cache."""
PAGE = 4096

Numbers = np.ndarray[Any, np.dtype[Any]]
Kind = tuple[StoredType, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Packing:
    """How a variable is to be compressed: shape of its chunks, and the filters."""

    chunk: tuple[int, ...]
    filters: tuple[Filter, ...]


@dataclass(slots=True)
class Plan:
    """The layout of a file.

        structure · small variables · large variables · compressed chunks · their B-trees · index · metadata

    Attributes:
        names: Names of the variables.
        kinds: Stored types and shapes.
        types: The kind of every variable.
        aliases: Rows that are a second name, and the row with the first.
        packings: Rows that are to be compressed.
        offsets: Where every variable goes; of the compressed ones not yet known.
        sizes: Bytes of every variable.
        data: Where the data begins.
        small: Rows whose data is written together, in file order.
        large: Rows whose data is written by itself, in file order.
        end: Where the uncompressed data ends.
    """

    names: list[str]
    kinds: list[Kind]
    types: Numbers
    aliases: dict[int, int] = field(default_factory=dict)
    packings: dict[int, Packing] = field(default_factory=dict)
    offsets: Numbers = field(init=False)
    sizes: Numbers = field(init=False)
    data: int = field(init=False)
    small: Numbers = field(init=False)
    large: Numbers = field(init=False)
    end: int = field(init=False)
    _structure: Structure = field(init=False)
    _objects: Numbers = field(init=False)
    _names_text: bytes = field(init=False)

    def __post_init__(self) -> None:
        try:
            self._names_text = check_names(self.names)[1:-1]
        except InvalidNameError as error:
            raise SaveError(f"cannot be stored in HDF5: {error}", hint=error.hint) from None
        self.sizes = kind_sizes(self.kinds)[self.types] if self.names else np.zeros(0, np.int64)
        # The first two objects are the index and the metadata; aliases have the object of their first name.
        rows = len(self.names)
        own = np.ones(rows, bool)
        own[list(self.aliases)] = False
        self._objects = np.flatnonzero(own)
        targets = np.empty(rows, np.int64)
        targets[own] = 2 + np.arange(len(self._objects))
        for row, first in self.aliases.items():
            targets[row] = targets[first]
        headers, kinds = self._headers()
        paths = [
            *map(str.encode, to_paths(self.names)),
            *(f"{OWN_GROUP}/{leaf}".encode() for leaf in ("index", "meta")),
        ]
        self._structure = Structure(paths, np.concatenate((targets, [0, 1])), headers, kinds)
        self._place(own)

    def _headers(self) -> tuple[list[DatasetHeader], Numbers]:
        """Return the kinds of object header, and the kind of every object."""
        headers = [
            DatasetHeader.contiguous(stored_type("|u1").message, 1),
            DatasetHeader.contiguous(stored_type("<U1/S1").message, 0),  # UTF-8
        ]
        numbers: dict[Any, int] = {}

        def number(key: Any, make: Any) -> int:
            if key not in numbers:
                numbers[key] = len(headers)
                headers.append(make())
            return numbers[key]

        of_kind = [
            number((stored.message, len(shape)), partial(DatasetHeader.contiguous, stored.message, len(shape)))
            for stored, shape in self.kinds
        ]
        of_row = np.array(of_kind, np.int64)[self.types] if self.names else np.zeros(0, np.int64)
        for row, packing in self.packings.items():
            stored, _ = self.kinds[self.types[row]]
            of_row[row] = number(
                (stored.message, packing),
                partial(DatasetHeader.chunked, stored.message, packing.chunk, stored.raw.itemsize, packing.filters),
            )
        return headers, np.concatenate(([0, 1], of_row[self._objects])).astype(np.int64)

    def _place(self, own: Numbers) -> None:
        plain = own & (self.sizes > 0)
        plain[list(self.packings)] = False
        self.small = np.flatnonzero(plain & (self.sizes < LARGE))
        self.large = np.flatnonzero(plain & (self.sizes >= LARGE))
        self.offsets = np.zeros(len(self.names), np.int64)
        self.data = at = round_up(len(self._structure.image), PAGE)
        for rows, alignment in ((self.small, ALIGNMENT), (self.large, PAGE)):
            at = round_up(at, alignment if len(rows) else 1)
            steps = -(-self.sizes[rows] // alignment) * alignment
            ends = np.cumsum(steps)
            self.offsets[rows] = at + ends - steps
            at += int(ends[-1]) if len(rows) else 0
        self.end = at
        for row, first in self.aliases.items():
            self.offsets[row] = self.offsets[first]

    def finish(
        self,
        end: int,
        meta_size: int,
        lengths: dict[int, list[int]],
        packed: dict[int, Packed],
        trees: bytes,
        roots: dict[int, int],
    ) -> Finished:
        """Fix what follows the data, and fill in the structure. To be called once.

        Args:
            end: Where the data ends.
            meta_size: Size of the JSON metadata.
            lengths: True lengths of text items, where they are needed.
            packed: Where the chunks of compressed variables are.
            trees: The B-trees of those, which go to `end`.
            roots: The address of each one's B-tree.
        """
        table = encode_table(self.kinds, self.aliases, lengths, packed)
        index = round_up(end + len(trees), ALIGNMENT)
        rows = len(self.names)
        draft = Header(rows, len(self._names_text), len(table), 0, 0, 0, 0, 0, 0, 0, bytes(16), 0)
        meta = round_up(index + draft.index_size, ALIGNMENT)
        size = meta + meta_size
        addresses = np.where(self.sizes > 0, self.offsets.astype(np.uint64), np.uint64(UNDEFINED))
        for row, root in roots.items():
            addresses[row] = root
        structure = self._structure
        shapes = []
        for kind, header in enumerate(structure.headers):
            rows_of_kind = self._objects[structure.members(kind) - 2] if kind > 1 else None
            shapes.append(self._shapes(rows_of_kind, header.rank, draft.index_size))
        structure.set_data(
            shapes,
            np.concatenate((np.array([index, meta], np.uint64), addresses[self._objects])),
            np.concatenate(([draft.index_size, meta_size], self.sizes[self._objects])),
        )
        structure.set_end(size)
        image = structure.image
        _set_string_size(image, structure, meta_size)
        digest = xxhash.xxh3_128(image)
        digest.update(trees)
        header = Header(
            rows,
            len(self._names_text),
            len(table),
            len(image),
            end if trees else 0,
            len(trees),
            self.data,
            size,
            meta,
            meta_size,
            digest.digest(),
            0,
        )
        return Finished(image, header, index, self._names_text + table)

    def _shapes(self, rows: Numbers | None, rank: int, index_size: int) -> Numbers:
        if rows is None:
            return np.array([[index_size]][: rank or 1], np.uint64)
        table = np.array([shape if len(shape) == rank else (0,) * rank for _, shape in self.kinds], np.uint64)
        return table.reshape(len(self.kinds), rank)[self.types[rows]]


@dataclass(frozen=True, slots=True)
class Finished:
    """All of a file but its data, its hashes and its metadata.

    Attributes:
        image: The structure: the file's first bytes.
        header: The header of the index, without the hash of the metadata.
        index: Where the index goes.
        tail: The names and the table.
    """

    image: bytearray
    header: Header
    index: int
    tail: bytes


def _set_string_size(image: bytearray, structure: Structure, size: int) -> None:
    """The metadata is one string, whose length is in its datatype."""
    at = int(structure.addresses[1]) + DatasetHeader.DIMENSIONS_AT + 8 + 4  # the datatype message follows the dataspace
    image[at : at + 4] = size.to_bytes(4, "little")


def round_up(number: int, multiple: int) -> int:
    """Return the next multiple."""
    return -(-number // multiple) * multiple
