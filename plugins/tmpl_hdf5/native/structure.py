"""Emit the structure of an HDF5 file (everything but the data) from arrays of numbers, without libhdf5.

These are the format's oldest structures, which every HDF5 library and every independent reader knows: superblock 0,
groups as symbol tables (B-tree version 1, symbol nodes, local heap), version 1 object headers. libhdf5 needs 33 to
70 µs to create a dataset; here all headers, heaps and nodes of a kind are one NumPy operation.

Names of structures and fields are those of the HDF5 file format specification, version 3.0: superblock II.A, B-tree
III.A.1, symbol node III.B, local heap III.D, object header IV.A.1.a and its messages IV.A.2.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np

from tmpl_hdf5.native.tree import Tree

__all__ = ["FIRST_HEADER", "SIGNATURE", "UNDEFINED", "DatasetHeader", "Filter", "Structure", "chunk_tree"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
FIRST_HEADER = 96
"""Where the first object header is: right behind the superblock."""

Numbers = np.ndarray[Any, np.dtype[Any]]

_GROUP_HEADER = 40
_HEAP_HEADER = 32
_AT_ONCE = 1 << 13  # names
_CHUNK_TREE_RANK = 32  # what superblock 0 implies for B-trees of chunks
_SYMBOL = np.dtype([("name", "<u8"), ("header", "<u8"), ("cache", "<u4"), ("reserved", "<u4"), ("scratch", "V16")])


@dataclass(frozen=True, slots=True)
class Filter:
    """One step of a dataset's filter pipeline: its registered number, and its parameters."""

    number: int
    name: str
    values: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class DatasetHeader:
    """What the object headers of all datasets of one type, rank and layout have in common.

    Attributes:
        image: The bytes, with zeros where datasets differ.
        rank: Number of dimensions.
        address_at: Where in the image the address of the data (or of the B-tree of its chunks) goes.
        size_at: Where the size of the data goes; None if it is in chunks.
    """

    image: bytes
    rank: int
    address_at: int
    size_at: int | None

    DIMENSIONS_AT = 32

    @classmethod
    def contiguous(cls, datatype: bytes, rank: int) -> DatasetHeader:
        """Return the header of datasets whose data is one run of bytes."""
        fill = struct.pack("<BBBB", 2, 1, 1, 0)  # allocated early, never filled, value undefined
        layout = struct.pack("<BBQQ", 3, 1, 0, 0)
        messages = [*_common(datatype, rank, fill), _message(0x08, layout)]
        image = _object_header(messages)
        at = len(image) - len(messages[-1]) + 8
        return cls(image, rank, at + 2, at + 10)

    @classmethod
    def chunked(cls, datatype: bytes, chunk: tuple[int, ...], item: int, filters: tuple[Filter, ...]) -> DatasetHeader:
        """Return the header of datasets in filtered chunks of one shape."""
        fill = struct.pack("<BBBB", 2, 3, 1, 0)  # allocated chunk by chunk
        pipeline = struct.pack("<BB6x", 1, len(filters))
        for step in filters:
            name = step.name.encode() + b"\0"
            name += bytes(-len(name) % 8)
            pipeline += struct.pack("<HHHH", step.number, len(name), 0, len(step.values)) + name
            pipeline += struct.pack(f"<{len(step.values)}I", *step.values) + bytes(4 * (len(step.values) % 2))
        layout = struct.pack("<BBBQ", 3, 2, len(chunk) + 1, 0) + struct.pack(f"<{len(chunk) + 1}I", *chunk, item)
        messages = [*_common(datatype, len(chunk), fill), _message(0x0B, pipeline), _message(0x08, layout)]
        image = _object_header(messages)
        return cls(image, len(chunk), len(image) - len(messages[-1]) + 8 + 3, None)


@dataclass(slots=True)
class Structure:
    """The structure of a file: built once for a set of paths and types, then told where the data is.

    Attributes:
        tree: The path of every link.
        targets: Which object each link leads to. Several links to one object are hard links.
        headers: The kinds of object header.
        kinds: The kind of every object. Objects of one kind are stored together, kinds in order.
        image: The bytes from the start of the file.
        addresses: Where the header of every object is.
    """

    tree: InitVar[Tree]
    targets: Numbers
    headers: list[DatasetHeader]
    kinds: Numbers
    image: Numbers = field(init=False)
    addresses: Numbers = field(init=False)
    _members: list[Numbers] = field(init=False)

    def __post_init__(self, tree: Tree) -> None:
        at = self._place_objects()
        groups = _Groups(tree, self.targets, self.addresses, at)
        # No array of NumPy's own: it asks for huge pages then, which a virtual machine may have to be given first.
        self.image = np.frombuffer(bytearray(groups.end), np.uint8)
        struct.pack_into(
            "<8s8BHHIQQQQQQIIQQ",
            self.image,
            0,
            *(SIGNATURE, 0, 0, 0, 0, 0, 8, 8, 0, groups.leaf_rank, groups.rank, 0),
            *(0, UNDEFINED, 0, UNDEFINED),
            *(0, at, 1, 0, int(groups.trees[0]), int(groups.heaps[0])),
        )
        counts = np.bincount(self.targets, minlength=len(self.kinds))
        for header, members, block in self._blocks():
            block[:] = np.frombuffer(header.image, np.uint8)
            block[:, 4:8].view("<u4")[:, 0] = counts[members]
        groups.fill(self.image)

    def _blocks(self) -> Iterator[tuple[DatasetHeader, Numbers, Numbers]]:
        """Yield each kind of header that there is, its objects, and their headers in the image, a row each."""
        at = FIRST_HEADER
        for header, members in zip(self.headers, self._members, strict=True):
            if len(members):
                yield header, members, _rows(self.image, at, len(members), len(header.image))
                at += len(members) * len(header.image)

    def _place_objects(self) -> int:
        """Place the object headers of datasets, kind by kind; return where they end."""
        self.addresses = np.empty(len(self.kinds), np.int64)
        self._members = []
        at = FIRST_HEADER
        order = np.argsort(self.kinds, kind="stable")
        bounds = np.searchsorted(self.kinds[order], np.arange(len(self.headers) + 1))
        for kind, header in enumerate(self.headers):
            members = order[bounds[kind] : bounds[kind + 1]]
            self._members.append(members)
            self.addresses[members] = at + np.arange(len(members)) * len(header.image)
            at += len(members) * len(header.image)
        return at

    def set_data(self, shapes: list[Numbers], addresses: Numbers, sizes: Numbers) -> None:
        """Write the shape of every object (per kind, a row an object), and where its data is, into the headers."""
        by_header = dict(zip(map(id, self.headers), shapes, strict=True))
        for header, members, block in self._blocks():
            if header.rank:
                first = DatasetHeader.DIMENSIONS_AT
                block[:, first : first + 8 * header.rank].view("<u8")[:] = by_header[id(header)]
            block[:, header.address_at : header.address_at + 8].view("<u8")[:, 0] = addresses[members]
            if header.size_at is not None:
                block[:, header.size_at : header.size_at + 8].view("<u8")[:, 0] = sizes[members]

    def members(self, kind: int) -> Numbers:
        """Return the objects of a kind, in the order of their headers."""
        return self._members[kind]

    def set_end(self, end: int) -> None:
        """Write the end of the file into the superblock."""
        struct.pack_into("<Q", self.image, 40, end)


class _Groups:
    """The groups that a tree needs: object headers, local heaps, symbol nodes and B-trees.

    Attributes:
        trees: The address of every group's B-tree.
        heaps: The address of every group's local heap.
        leaf_rank: Half the number of links in a symbol node.
        rank: Half the number of children in a node of a B-tree.
        end: Where they end.
    """

    def __init__(self, tree: Tree, targets: Numbers, addresses: Numbers, at: int) -> None:
        self._tree = tree
        group, count = tree.groups, len(tree.parents)
        first = np.searchsorted(group, np.arange(count + 1))
        headers = at + np.arange(count) * _GROUP_HEADER
        self._headers = at
        at += count * _GROUP_HEADER
        self._names, self._sizes = _heap_layout(tree.links.lengths[tree.order], group, first)
        self.heaps = at + np.concatenate(([0], np.cumsum(self._sizes + _HEAP_HEADER)[:-1]))
        self._at = self.heaps[group] + _HEAP_HEADER + self._names
        at = int(self.heaps[-1] + self._sizes[-1] + _HEAP_HEADER)
        links = np.diff(first)
        self.leaf_rank = _best_leaf_rank(links)
        per_node = 2 * self.leaf_rank
        self._nodes = np.maximum(1, -(-links // per_node))
        self.rank = _best_rank(self._nodes)
        self._targets = np.concatenate((addresses[targets], headers[1:]))[tree.order]
        in_group = np.arange(len(group)) - first[:-1][group]
        self._first = np.concatenate(([0], np.cumsum(self._nodes)))  # of the symbol nodes of every group
        self._node, self._slot = self._first[:-1][group] + in_group // per_node, in_group % per_node
        self._symbols = at
        at += int(self._first[-1]) * (8 + 40 * per_node)
        self._trees = at
        self.trees, self.end = self._place_trees(at)

    def _place_trees(self, at: int) -> tuple[Numbers, int]:
        """Return the address of every group's B-tree, and where they end: first those that are one node."""
        size = _tree_node_size(self.rank, 8)
        trees = np.empty(len(self._nodes), np.int64)
        single = self._nodes <= 2 * self.rank
        count = int(np.count_nonzero(single))
        trees[single] = at + np.arange(count) * size
        at += count * size
        for group in np.flatnonzero(~single).tolist():
            at += _tree_nodes(int(self._nodes[group]), self.rank) * size
            trees[group] = at - size  # the root is the last of its nodes
        return trees, at

    def fill(self, image: Numbers) -> None:
        """Write all of it into the file's structure."""
        _fill_group_headers(_rows(image, self._headers, len(self.trees), _GROUP_HEADER), self.trees, self.heaps)
        _fill_heaps(image, self._tree, self._at, self.heaps, self._sizes)
        count = int(self._first[-1])
        nodes = _rows(image, self._symbols, count, 8 + 80 * self.leaf_rank)
        _fill_symbol_nodes(nodes, self._node, self._slot, self._names, self._targets)
        self._fill_trees(image)

    def _fill_trees(self, image: Numbers) -> None:
        rank, nodes, first = self.rank, self._nodes, self._first
        children = self._symbols + np.arange(int(first[-1])) * (8 + 80 * self.leaf_rank)
        largest = np.empty(len(children), np.int64)
        largest[self._node] = self._names  # links are in the order of their names: the last of a node stays
        # Groups whose symbol nodes fit into one B-tree node, all at once.
        single = np.flatnonzero(nodes <= 2 * rank)
        size = _tree_node_size(rank, 8)
        block = _rows(image, self._trees, len(single), size)
        block[:, :4] = np.frombuffer(b"TREE", np.uint8)
        block[:, 6:8].view("<u2")[:, 0] = nodes[single]
        block[:, 8:24] = 255  # no siblings
        body = block[:, 24:].view("<u8")
        row = np.repeat(np.arange(len(single)), nodes[single])
        slot = np.arange(len(row)) - np.repeat(np.cumsum(nodes[single]) - nodes[single], nodes[single])
        child = first[:-1][single][row] + slot
        body[row, 1 + 2 * slot] = children[child]
        body[row, 2 + 2 * slot] = largest[child]
        # Larger groups, one by one, level by level.
        at = self._trees + block.size
        for group in np.flatnonzero(nodes > 2 * rank).tolist():
            below = children[first[group] : first[group + 1]]
            keys = np.concatenate(([0], largest[first[group] : first[group + 1]]))
            levels, _ = _tree_levels(keys[:, None], below, rank, at, kind=0)
            image[at : at + len(levels)] = np.frombuffer(levels, np.uint8)
            at += len(levels)


def _heap_layout(length: Numbers, group: Numbers, first: Numbers) -> tuple[Numbers, Numbers]:
    """Return the heap offset of every name, and the size of every heap. The first 8 bytes are the empty name."""
    ends = np.concatenate(([0], np.cumsum((length + 8) & ~7)))
    return ends[:-1] - ends[first[:-1]][group] + 8, ends[first[1:]] - ends[first[:-1]] + 8


def _fill_heaps(image: Numbers, tree: Tree, at: Numbers, heaps: Numbers, sizes: Numbers) -> None:
    """Write the local heaps: their heads, and every name at its address."""
    words = image.view("<u8")  # everything in a structure begins at a multiple of 8
    head = np.empty((len(heaps), _HEAP_HEADER // 8), np.int64)
    head[:, 0] = int.from_bytes(b"HEAP", "little")
    # Size of the data, head of the free list (1: there is none), address of the data.
    head[:, 1], head[:, 2], head[:, 3] = sizes, 1, heaps + _HEAP_HEADER
    words[heaps[:, None] // 8 + np.arange(_HEAP_HEADER // 8)] = head
    for start in range(0, len(at), _AT_ONCE):
        rows, places = tree.order[start : start + _AT_ONCE], at[start : start + _AT_ONCE] // 8
        number = 0
        while len(rows):
            words[places + number] = tree.links.words(rows, number).view("<u8")
            number += 1
            longer = tree.links.lengths[rows] > 8 * number
            rows, places = rows[longer], places[longer]


def _fill_symbol_nodes(block: Numbers, node: Numbers, slot: Numbers, names: Numbers, header: Numbers) -> None:
    block[:, :5] = np.frombuffer(b"SNOD\1", np.uint8)
    block[:, 6:8].view("<u2")[:, 0] = np.bincount(node, minlength=len(block))
    entries = block[:, 8:].view(_SYMBOL)
    entries["name"][node, slot] = names
    entries["header"][node, slot] = header


def _fill_group_headers(block: Numbers, trees: Numbers, heaps: Numbers) -> None:
    block[:] = np.frombuffer(_object_header([_message(0x11, bytes(16))]), np.uint8)
    places = block[:, 24:40].view("<u8")
    places[:, 0], places[:, 1] = trees, heaps


def _tree_levels(keys: Numbers, children: Numbers, rank: int, at: int, *, kind: int) -> tuple[bytes, int]:
    """Return the nodes of a B-tree over `children` (one key more than children, as rows of 8-byte words)."""
    words = keys.shape[1]
    size = _tree_node_size(rank, 8 * words)
    out: list[bytes] = []
    level = 0
    while True:
        count = max(1, -(-len(children) // (2 * rank)))
        addresses = at + np.arange(count) * size
        for number in range(count):
            first, stop = number * 2 * rank, min((number + 1) * 2 * rank, len(children))
            used = stop - first
            left = int(addresses[number - 1]) if number else UNDEFINED
            right = int(addresses[number + 1]) if number + 1 < count else UNDEFINED
            rows = np.zeros((2 * rank + 1, words + 1), "<u8")
            rows[: used + 1, :words] = keys[first : stop + 1]
            rows[:used, words] = children[first:stop]
            head = struct.pack("<4sBBHQQ", b"TREE", kind, level, used, left, right)
            out.append((head + rows.tobytes())[:size])
        at += count * size
        if count == 1:
            return b"".join(out), int(addresses[0])
        keys = keys[np.minimum(np.arange(count + 1) * 2 * rank, len(children))]
        children, level = addresses, level + 1


def chunk_tree(origins: Numbers, places: Numbers, end: list[int], at: int) -> tuple[bytes, int]:
    """Return the B-tree of a chunked dataset, and the address of its root.

    Args:
        origins: Where in the dataset each chunk begins, a row each, in C order.
        places: Address and size of each chunk.
        end: The element past the last one, rounded up to whole chunks.
        at: Where the B-tree goes.
    """
    count, rank = origins.shape
    # Key: 4 bytes of size, 4 of filter mask (0: all applied), the origin, and a 0 for the element's own bytes.
    keys = np.zeros((count + 1, rank + 2), np.int64)
    keys[:count, 0] = places[:, 1]
    keys[:count, 1 : rank + 1] = origins
    keys[count, 1 : rank + 1] = end
    return _tree_levels(keys, places[:, 0], _CHUNK_TREE_RANK, at, kind=1)


def chunk_tree_size(origins: Numbers) -> int:
    """Return the size of such a B-tree."""
    count, rank = origins.shape
    return _tree_nodes(count, _CHUNK_TREE_RANK) * _tree_node_size(_CHUNK_TREE_RANK, 8 * (rank + 2))


def _tree_nodes(children: int, rank: int) -> int:
    """Return how many nodes a B-tree has, on all its levels."""
    nodes = level = max(1, -(-children // (2 * rank)))
    while level > 1:
        level = -(-level // (2 * rank))
        nodes += level
    return nodes


def _best_leaf_rank(links: Numbers) -> int:
    """Half the number of links in a symbol node, chosen so that the nodes of all groups are smallest."""
    return min(
        (4, 5, 6, 8, 12, 16, 32, 64, 256), key=lambda rank: int((-(-links // (2 * rank)) * (8 + 80 * rank)).sum())
    )


def _best_rank(nodes: Numbers) -> int:
    """Half the number of children of a B-tree node, likewise."""
    return min((4, 16, 64), key=lambda rank: int((-(-nodes // (2 * rank)) * _tree_node_size(rank, 8)).sum()))


def _tree_node_size(rank: int, key: int) -> int:
    return 24 + (2 * rank + 1) * key + 2 * rank * 8


def _rows(image: Numbers, at: int, count: int, size: int) -> Numbers:
    """Return a part of the image as rows of bytes, to be written to."""
    return image[at : at + count * size].reshape(count, size)


def _message(number: int, body: bytes) -> bytes:
    padding = -len(body) % 8
    return struct.pack("<HHB3x", number, len(body) + padding, 0) + body + bytes(padding)


def _common(datatype: bytes, rank: int, fill: bytes) -> list[bytes]:
    dataspace = struct.pack("<BBBBI", 1, rank, 0, 0, 0) + bytes(8 * rank)
    return [_message(0x01, dataspace), _message(0x03, datatype), _message(0x05, fill)]


def _object_header(messages: list[bytes]) -> bytes:
    body = b"".join(messages)
    return struct.pack("<BBHII4x", 1, 0, len(messages), 1, len(body)) + body
