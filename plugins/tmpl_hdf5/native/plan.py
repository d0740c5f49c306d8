"""What a file will look like, from names, shapes and dtypes alone. Built once for a model, used for every save."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import xxhash

from tmpl_hdf5.names import OWN_GROUP, check_names, to_paths
from tmpl_hdf5.native.dtypes import StoredType, stored_type
from tmpl_hdf5.native.index import ALIGNMENT, Header, Packed, encode_table, kind_sizes
from tmpl_hdf5.native.structure import UNDEFINED, DatasetHeader, Filter, Structure, chunk_tree, chunk_tree_size
from tmpl_hdf5.native.tree import Tree
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
    """The layout of a file, and all of it but the data and the hashes.

        structure · index · metadata · small variables · large variables · compressed chunks

    What describes the data comes first, so that a file that was cut short still says what is whole.

    Attributes:
        names: Names of the variables.
        kinds: Stored types and shapes.
        types: The kind of every variable.
        meta_size: Size of the JSON metadata.
        aliases: Rows that are a second name, and the row with the first.
        lengths: True lengths of the items of text variables, where padding hides them.
        packings: Rows that are to be compressed.
        offsets: Where every variable goes; 0 for those without data and the compressed ones.
        sizes: Bytes of every variable.
        small: Rows whose data is written together, in file order.
        large: Rows whose data is written by itself, in file order.
        header: The header of the index, as far as it is known before the data is.
        tail: The names and the table of the index.
        image: The structure: the file's first bytes.
    """

    names: list[str]
    kinds: list[Kind]
    types: Numbers
    meta_size: int
    aliases: dict[int, int] = field(default_factory=dict)
    lengths: dict[int, list[int]] = field(default_factory=dict)
    packings: dict[int, Packing] = field(default_factory=dict)
    offsets: Numbers = field(init=False)
    sizes: Numbers = field(init=False)
    small: Numbers = field(init=False)
    large: Numbers = field(init=False)
    header: Header = field(init=False)
    tail: bytes = field(init=False)
    image: Numbers = field(init=False)
    _chunk_headers: dict[int, int] = field(init=False, default_factory=dict)
    _flags: tuple[frozenset[str], Numbers] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        try:
            names = check_names(self.names)
        except InvalidNameError as error:
            raise SaveError(f"cannot be stored in HDF5: {error}", hint=error.hint) from None
        rows = len(self.names)
        self.sizes = kind_sizes(self.kinds)[self.types] if rows else np.zeros(0, np.int64)
        # The first two objects are the index and the metadata; an alias is the object of its first name.
        own = np.ones(rows, bool)
        own[list(self.aliases)] = False
        objects = np.flatnonzero(own)
        targets = np.empty(rows, np.int64)
        targets[own] = 2 + np.arange(len(objects))
        for row, first in self.aliases.items():
            targets[row] = targets[first]
        headers, kinds = self._headers(objects)
        links = np.concatenate((targets, [0, 1]))
        structure = Structure(self._tree(names), links, headers, kinds)
        self._chunk_headers = {
            row: int(structure.addresses[targets[row]]) + headers[int(kinds[targets[row]])].address_at
            for row in self.packings
        }
        self.tail = names[1:-1] + encode_table(self.kinds, self.aliases, self.lengths, self._packed_room())
        self._place(own, len(structure.image), max(len(names) - 2, 0))
        self._describe(structure, objects)
        self.image = structure.image
        self._seal()

    def _tree(self, names: bytes) -> Tree:
        """Return the paths of every variable, of the index and of the metadata, given the names with NULs around."""
        own = "".join(f"{OWN_GROUP}/{leaf}\0" for leaf in ("index", "meta")).encode()
        tree = Tree(names, own)
        if not tree.is_clear:  # a variable is called as a scope is
            tree = Tree("\0".join(["", *to_paths(self.names), ""]).encode(), own)
        return tree

    def _headers(self, objects: Numbers) -> tuple[list[DatasetHeader], Numbers]:
        """Return the kinds of object header, and the kind of every object."""
        headers = [
            DatasetHeader.contiguous(stored_type("|u1").message, 1),
            DatasetHeader.contiguous(stored_type("<U1/S1").message, 0),  # UTF-8; its size is set later
        ]
        numbers: dict[Any, int] = {}

        def number(key: Any, make: Callable[[], DatasetHeader]) -> int:
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
            item = stored.raw.itemsize
            make = partial(DatasetHeader.chunked, stored.message, packing.chunk, item, packing.filters)
            of_row[row] = number((stored.message, packing), make)
        return headers, np.concatenate(([0, 1], of_row[objects])).astype(np.int64)

    def _place(self, own: Numbers, structure: int, names: int) -> None:
        """Give every part of the file its place."""
        structure += sum(chunk_tree_size(self._origins(row)) for row in self.packings)
        index = round_up(structure, ALIGNMENT)
        rows = len(self.names)
        draft = Header(rows, names, len(self.tail) - names, structure, index, 0, self.meta_size, 0, 0, bytes(16), 0)
        meta = round_up(index + draft.index_size, ALIGNMENT)
        data = at = round_up(meta + self.meta_size, PAGE)
        plain = own & (self.sizes > 0)
        plain[list(self.packings)] = False
        self.small = np.flatnonzero(plain & (self.sizes < LARGE))
        self.large = np.flatnonzero(plain & (self.sizes >= LARGE))
        self.offsets = np.zeros(rows, np.int64)
        end = data
        for members, alignment in ((self.small, ALIGNMENT), (self.large, PAGE)):
            if len(members):
                at = round_up(at, alignment)
                steps = -(-self.sizes[members] // alignment) * alignment
                ends = at + np.cumsum(steps)
                self.offsets[members] = ends - steps
                at = int(ends[-1])
                end = int(self.offsets[members[-1]] + self.sizes[members[-1]])
        for row, first in self.aliases.items():
            self.offsets[row] = self.offsets[first]
        self.header = replace(draft, meta=meta, data=data, size=end)

    def _describe(self, structure: Structure, objects: Numbers) -> None:
        """Write shapes, addresses and sizes into the object headers."""
        header = self.header
        shapes: list[Numbers] = [np.array([[header.index_size]]), np.empty((1, 0))]
        for kind in range(2, len(structure.headers)):
            rank = structure.headers[kind].rank
            table = [shape if len(shape) == rank else (0,) * rank for _, shape in self.kinds]
            rows = objects[structure.members(kind) - 2]
            shapes.append(np.array(table, np.uint64).reshape(len(self.kinds), rank)[self.types[rows]])
        places = np.where(self.sizes > 0, self.offsets.astype(np.uint64), np.uint64(UNDEFINED))
        structure.set_data(
            shapes,
            np.concatenate((np.array([header.index, header.meta], np.uint64), places[objects])),
            np.concatenate(([header.index_size, header.meta_size], self.sizes[objects])),
        )
        structure.set_end(header.size)
        # The metadata is one string: its length is in the datatype, the message behind an empty dataspace.
        at = int(structure.addresses[1]) + DatasetHeader.DIMENSIONS_AT + 8 + 4
        struct.pack_into("<I", structure.image, at, header.meta_size)

    def flags(self, trainable: frozenset[str] | None) -> Numbers:
        """Return the index's flags of all variables, given the names of the trainable ones."""
        rows = len(self.names)
        if trainable is None:
            return np.zeros(rows, np.uint8)
        kept = self._flags
        if kept is None or kept[0] is not trainable:
            flags = np.fromiter(map(trainable.__contains__, self.names), np.uint8, rows) + np.uint8(1)
            self._flags = kept = trainable, flags
        return kept[1]

    def _seal(self) -> None:
        self.header = replace(self.header, structure_hash=xxhash.xxh3_128_digest(self.image))

    def _origins(self, row: int) -> Numbers:
        """Return where in a variable each of its chunks begins, in C order."""
        _, shape = self.kinds[self.types[row]]
        chunk = np.array(self.packings[row].chunk)
        counts = [-(-length // part) for length, part in zip(shape, self.packings[row].chunk, strict=True)]
        return np.stack(np.unravel_index(np.arange(math.prod(counts)), counts), axis=1) * chunk

    def _packed_room(self) -> dict[int, Packed]:
        """Entries of the table as long as those of the compressed variables can become."""
        return {
            row: Packed.of(packing.chunk, packing.filters, np.full((len(self._origins(row)), 2), 10**18), (1 << 64) - 1)
            for row, packing in self.packings.items()
        }

    def set_packed(self, packed: dict[int, Packed], end: int) -> None:
        """Say where the chunks of the compressed variables have come to be, and where the file ends."""
        trees: list[bytes] = []
        at = len(self.image)
        for row, entry in packed.items():
            _, shape = self.kinds[self.types[row]]
            stop = [round_up(length, part) for length, part in zip(shape, entry.chunk, strict=True)]
            tree, root = chunk_tree(self._origins(row), entry.places, stop, at)
            struct.pack_into("<Q", self.image, self._chunk_headers[row], root)
            trees.append(tree)
            at += len(tree)
        self.image = np.concatenate((self.image, np.frombuffer(b"".join(trees), np.uint8)))
        struct.pack_into("<Q", self.image, 40, end)
        table = encode_table(self.kinds, self.aliases, self.lengths, packed)
        self.tail = self.tail[: self.header.names] + table.ljust(self.header.table)
        self.header = replace(self.header, size=end)
        self._seal()


def round_up(number: int, multiple: int) -> int:
    """Return the next multiple."""
    return -(-number // multiple) * multiple
