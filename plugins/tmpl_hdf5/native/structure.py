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
from itertools import repeat
from operator import itemgetter
from typing import Any, final

import numpy as np

__all__ = ["FIRST_HEADER", "SIGNATURE", "UNDEFINED", "DatasetHeader", "Filter", "Structure", "Tree", "chunk_tree"]

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF
FIRST_HEADER = 96
"""Where the first object header is: right behind the superblock."""

Numbers = np.ndarray[Any, np.dtype[Any]]

_FIRST, _LAST = itemgetter(0), itemgetter(2)
_GROUP_HEADER = 40
_HEAP_HEADER = 32
_CHUNK_TREE_RANK = 32  # what superblock 0 implies for B-trees of chunks
_SYMBOL = np.dtype([("name", "<u8"), ("header", "<u8"), ("cache", "<u4"), ("reserved", "<u4"), ("scratch", "V16")])
_AT_ONCE = 8192  # names


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


@final
class Tree:
    """Paths, taken apart into groups and leaves.

    Args:
        paths: The path of every link, UTF-8, without the leading `/`.

    Attributes:
        numbers: The path of every group, and its number: 0 is the root, and no group comes before its parent.
        groups: The number of the group that each path is in.
        leaves: The last part of every path.
        parents: The number of every group's parent; -1 of the root.
        names: The last part of every group's path, but the root's.
    """

    __slots__ = ("groups", "leaves", "names", "numbers", "parents")

    def __init__(self, paths: list[bytes]) -> None:
        self.numbers = {b"": 0}
        self.parents = [-1]
        self.names: list[bytes] = []
        scopes: list[bytes] = []
        one: dict[bytes, bytes] = {}  # each scope is kept once
        self.leaves: list[bytes] = []
        for start in range(0, len(paths), 512):  # so few tuples at a time do not wake the garbage collector
            parts = list(map(bytes.rpartition, paths[start : start + 512], repeat(b"/")))
            some = list(map(_FIRST, parts))
            scopes += map(one.setdefault, some, some)
            self.leaves += map(_LAST, parts)
        for scope in one:
            self._add(scope)
        self.groups = list(map(self.numbers.__getitem__, scopes))

    def _add(self, scope: bytes) -> None:
        numbers = self.numbers
        missing = []
        while scope not in numbers:
            outer, _, leaf = scope.rpartition(b"/")
            missing.append((scope, outer, leaf))
            scope = outer
        for scope, outer, leaf in reversed(missing):
            numbers[scope] = len(self.parents)
            self.parents.append(numbers[outer])
            self.names.append(leaf)


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
    image: bytearray = field(init=False)
    addresses: Numbers = field(init=False)
    _members: list[Numbers] = field(init=False)

    def __post_init__(self, tree: Tree) -> None:
        at = self._place_objects()
        groups = _Groups(tree, self.targets, self.addresses, at)
        self.image = bytearray(groups.end)
        struct.pack_into(
            "<8s8BHHIQQQQQQIIQQ",
            self.image,
            0,
            *(SIGNATURE, 0, 0, 0, 0, 0, 8, 8, 0, groups.leaf_rank, groups.rank, 0),
            *(0, UNDEFINED, 0, UNDEFINED),
            *(0, at, 1, 0, int(groups.trees[0]), int(groups.heaps[0])),
        )
        counts = np.bincount(self.targets, minlength=len(self.kinds)).astype("<u4")
        for header, members, block in self._blocks():
            block[:] = np.frombuffer(header.image, np.uint8)
            block[:, 4:8] = _bytes(counts[members])
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
                block[:, first : first + 8 * header.rank] = _bytes(by_header[id(header)].astype("<u8"))
            block[:, header.address_at : header.address_at + 8] = _bytes(addresses[members].astype("<u8"))
            if header.size_at is not None:
                block[:, header.size_at : header.size_at + 8] = _bytes(sizes[members].astype("<u8"))

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
        count = len(tree.parents)
        # Links: first the datasets, then the groups themselves in their parents.
        group = np.array(tree.groups + tree.parents[1:], np.int64)
        leaves = tree.leaves + tree.names
        length = np.fromiter(map(len, leaves), np.int64, len(leaves))
        order = _by_group_and_name(group, leaves, length)
        group, length = group[order], length[order]
        self._leaves = list(map(leaves.__getitem__, order.tolist()))
        first = np.searchsorted(group, np.arange(count + 1))
        headers = at + np.arange(count) * _GROUP_HEADER
        self._headers = at
        at += count * _GROUP_HEADER
        self._names, self._sizes = _heap_layout(length, group, first)
        self.heaps = at + np.concatenate(([0], np.cumsum(self._sizes + _HEAP_HEADER)[:-1]))
        self._at = self.heaps[group] + _HEAP_HEADER + self._names
        at = int(self.heaps[-1] + self._sizes[-1] + _HEAP_HEADER)
        links = np.diff(first)
        self.leaf_rank = _best_leaf_rank(links)
        per_node = 2 * self.leaf_rank
        nodes = np.maximum(1, -(-links // per_node))
        self.rank = _best_rank(nodes)
        self._targets = np.concatenate((addresses[targets], headers[1:]))[order]
        in_group = np.arange(len(group)) - first[:-1][group]
        start = np.concatenate(([0], np.cumsum(nodes)))
        self._node, self._slot = start[:-1][group] + in_group // per_node, in_group % per_node
        largest = np.empty(int(start[-1]), np.int64)
        largest[self._node] = self._names  # links are in the order of their names: the last of a node stays
        self._symbols, self._count = at, int(start[-1])
        children = at + np.arange(self._count) * (8 + 40 * per_node)
        self._trees = at + self._count * (8 + 40 * per_node)
        self.trees, self._tree_bytes = _trees(nodes, start, children, largest, self.rank, self._trees)
        self.end = self._trees + len(self._tree_bytes)

    def fill(self, image: bytearray) -> None:
        """Write all of it into the file's structure."""
        _fill_group_headers(_rows(image, self._headers, len(self.trees), _GROUP_HEADER), self.trees, self.heaps)
        _fill_heaps(image, self._leaves, self._at, self.heaps, self._sizes)
        nodes = _rows(image, self._symbols, self._count, 8 + 80 * self.leaf_rank)
        _fill_symbol_nodes(nodes, self._node, self._slot, self._names, self._targets)
        image[self._trees :] = self._tree_bytes


def _by_group_and_name(group: Numbers, leaves: list[bytes], length: Numbers) -> Numbers:
    if length.max() <= 128:  # an array of fixed-length strings sorts fast, but is as wide as its longest
        return np.lexsort((np.array(leaves), group))
    numbers = group.tolist()
    return np.array(sorted(range(len(leaves)), key=lambda i: (numbers[i], leaves[i])), np.int64)


def _heap_layout(length: Numbers, group: Numbers, first: Numbers) -> tuple[Numbers, Numbers]:
    """Return the heap offset of every name, and the size of every heap. The first 8 bytes are the empty name."""
    ends = np.concatenate(([0], np.cumsum((length + 8) & ~7)))
    return ends[:-1] - ends[first[:-1]][group] + 8, ends[first[1:]] - ends[first[:-1]] + 8


def _fill_heaps(image: bytearray, leaves: list[bytes], at: Numbers, heaps: Numbers, sizes: Numbers) -> None:
    """Write the local heaps: their heads, and every name at its address."""
    everything = np.frombuffer(image, np.uint8)
    head = np.zeros((len(heaps), _HEAP_HEADER), np.uint8)
    head[:, :4] = np.frombuffer(b"HEAP", np.uint8)
    # Size of the data, head of the free list (1: there is none), address of the data.
    head[:, 8:] = _bytes(np.stack((sizes, np.ones_like(sizes), heaps + _HEAP_HEADER), axis=1).astype("<u8"))
    everything[heaps[:, None] + np.arange(_HEAP_HEADER)] = head
    for start in range(0, len(leaves), _AT_ONCE):
        some = leaves[start : start + _AT_ONCE]
        length = np.fromiter(map(len, some), np.int64, len(some))
        text = np.frombuffer(b"".join(some), np.uint8)
        # Where each byte goes: its name's address, and its place in the name.
        shift = at[start : start + _AT_ONCE] - np.cumsum(length) + length
        everything[np.repeat(shift, length) + np.arange(len(text))] = text


def _fill_symbol_nodes(block: Numbers, node: Numbers, slot: Numbers, names: Numbers, header: Numbers) -> None:
    block[:, :5] = np.frombuffer(b"SNOD\1", np.uint8)
    block[:, 6:8] = _bytes(np.bincount(node, minlength=len(block)).astype("<u2"))
    entries = block[:, 8:].view(_SYMBOL)
    entries["name"][node, slot] = names
    entries["header"][node, slot] = header


def _fill_group_headers(block: Numbers, trees: Numbers, heaps: Numbers) -> None:
    block[:] = np.frombuffer(_object_header([_message(0x11, bytes(16))]), np.uint8)
    block[:, 24:40] = _bytes(np.stack((trees, heaps), axis=1).astype("<u8"))


def _trees(
    nodes: Numbers, start: Numbers, children: Numbers, largest: Numbers, rank: int, at: int
) -> tuple[Numbers, bytes]:
    """Return the address of every group's B-tree, and their bytes."""
    size = _tree_node_size(rank, 8)
    roots = np.zeros(len(nodes), np.int64)
    # Groups whose symbol nodes fit into one B-tree node, all at once.
    single = np.flatnonzero(nodes <= 2 * rank)
    block = np.zeros((len(single), size), np.uint8)
    block[:, :4] = np.frombuffer(b"TREE", np.uint8)
    block[:, 6:8] = _bytes(nodes[single].astype("<u2"))
    block[:, 8:24] = 255  # no siblings
    body = block[:, 24:].view("<u8")
    row = np.repeat(np.arange(len(single)), nodes[single])
    slot = np.arange(len(row)) - np.repeat(np.cumsum(nodes[single]) - nodes[single], nodes[single])
    child = start[:-1][single][row] + slot
    body[row, 1 + 2 * slot] = children[child]
    body[row, 2 + 2 * slot] = largest[child]
    roots[single] = at + np.arange(len(single)) * size
    out = [block.tobytes()]
    at += block.size
    # Larger groups, one by one, level by level.
    for group in np.flatnonzero(nodes > 2 * rank).tolist():
        below = children[start[group] : start[group + 1]]
        keys = np.concatenate(([0], largest[start[group] : start[group + 1]]))
        levels, root = _tree_levels(keys[:, None], below, rank, at, kind=0)
        out.append(levels)
        roots[group] = root
        at += len(levels)
    return roots, b"".join(out)


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
    nodes = level = max(1, -(-count // (2 * _CHUNK_TREE_RANK)))
    while level > 1:
        level = -(-level // (2 * _CHUNK_TREE_RANK))
        nodes += level
    return nodes * _tree_node_size(_CHUNK_TREE_RANK, 8 * (rank + 2))


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


def _rows(image: bytearray, at: int, count: int, size: int) -> Numbers:
    """Return a part of the image as rows of bytes, to be written to."""
    return np.frombuffer(image, np.uint8, count * size, at).reshape(count, size)


def _bytes(numbers: Numbers) -> Numbers:
    """Return numbers as bytes, one row a row."""
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), -1)


def _message(number: int, body: bytes) -> bytes:
    padding = -len(body) % 8
    return struct.pack("<HHB3x", number, len(body) + padding, 0) + body + bytes(padding)


def _common(datatype: bytes, rank: int, fill: bytes) -> list[bytes]:
    dataspace = struct.pack("<BBBBI", 1, rank, 0, 0, 0) + bytes(8 * rank)
    return [_message(0x01, dataspace), _message(0x03, datatype), _message(0x05, fill)]


def _object_header(messages: list[bytes]) -> bytes:
    body = b"".join(messages)
    return struct.pack("<BBHII4x", 1, 0, len(messages), 1, len(body)) + body
