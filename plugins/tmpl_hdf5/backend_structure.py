"""Grow the structure of an HDF5 file so that it is whole at every moment, whatever kills the process.

libhdf5 writes a new dataset as several updates in place. Of the states that a file goes through while 60 variables
are created and flushed one by one, 41 % do not open, or miss variables that had been flushed before. Here nothing
that can be reached is overwritten, except by one aligned write of 16 bytes: a new variable's header, name and
symbol-table nodes are written to unused space first, and then the pointers in its group's header are turned to
them. Before that write the file is the old one, after it the new one. Old nodes are used again for the next change.

Structures are the oldest of the HDF5 file format specification 3.0, which every reader knows: superblock 0 (II.A),
symbol tables (III.A.1 B-tree nodes, III.B symbol nodes, III.D local heaps), version 1 object headers (IV.A.1.a).
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Final, Protocol, TypeVar

from tmpl_hdf5.native.structure import SIGNATURE, UNDEFINED

__all__ = ["Group", "Space", "dataset_header", "superblock", "text_attribute", "truth_attribute"]

LEAF_RANK: Final = 16  # a symbol node holds twice as many names
TREE_RANK: Final = 16  # and a B-tree node twice as many children
EOF_AT: Final = 40
"""Where in the superblock the end of the file is noted."""

ROOT_AT: Final = 96
"""Where the root group's header is."""

_Item = TypeVar("_Item")

_LEAF_SIZE: Final = 8 + 2 * LEAF_RANK * 40
_TREE_SIZE: Final = 24 + (4 * TREE_RANK + 1) * 8
_HEAP_HEADER: Final = 32
_POINTERS_AT: Final = 24  # in a group header: behind its prefix and the head of its symbol-table message


class Space(Protocol):
    """A file in which space can be taken and written to."""

    def take(self, size: int) -> int:
        """Return the address of unused bytes, whose end is inside the file."""

    def give(self, address: int, size: int) -> None:
        """Give bytes back that nothing reaches any more."""

    def write(self, address: int, data: bytes) -> None:
        """Write bytes in one system call."""


def superblock(end: int) -> bytes:
    """Return the superblock of a file whose root group is at `ROOT_AT`."""
    return struct.pack(
        "<8s8BHHIQQQQQQIIQQ",
        *(SIGNATURE, 0, 0, 0, 0, 0, 8, 8, 0, LEAF_RANK, TREE_RANK, 0),
        *(0, UNDEFINED, end, UNDEFINED),
        *(0, ROOT_AT, 0, 0, 0, 0),
    )


def _message(kind: int, body: bytes) -> bytes:
    padding = -len(body) % 8
    return struct.pack("<HHB3x", kind, len(body) + padding, 0) + body + bytes(padding)


def _object_header(messages: Sequence[bytes]) -> bytes:
    body = b"".join(messages)
    return struct.pack("<BBHII4x", 1, 0, len(messages), 1, len(body)) + body


def _padded(text: bytes) -> bytes:
    return text + bytes(-len(text) % 8)


def _attribute(name: str, datatype: bytes, data: bytes) -> bytes:
    label, scalar = name.encode() + b"\0", struct.pack("<BBBBI", 1, 0, 0, 0, 0)
    sizes = struct.pack("<BBHHH", 1, 0, len(label), len(datatype), len(scalar))
    return _message(0x0C, sizes + _padded(label) + _padded(datatype) + scalar + data)


def text_attribute(name: str, text: str) -> bytes:
    """Return the message of an attribute that is a UTF-8 text."""
    data = text.encode()
    return _attribute(name, struct.pack("<BBBBI", 0x13, 0x11, 0, 0, len(data)), data)


def truth_attribute(name: str, value: bool, boolean: bytes) -> bytes:
    """Return the message of an attribute that is true or false, given the datatype of bools."""
    return _attribute(name, boolean, bytes([value]))


def dataset_header(
    shape: tuple[int, ...], datatype: bytes, address: int, size: int, attributes: Iterable[bytes] = ()
) -> bytes:
    """Return the object header of a dataset whose data is one run of bytes."""
    return _object_header(
        [
            _message(0x01, struct.pack("<BBBBI", 1, len(shape), 0, 0, 0) + struct.pack(f"<{len(shape)}Q", *shape)),
            _message(0x03, datatype),
            _message(0x05, struct.pack("<BBBB", 2, 1, 1, 0)),  # allocated early, never filled, value undefined
            _message(0x08, struct.pack("<BBQQ", 3, 1, address if size else UNDEFINED, size)),
            *attributes,
        ]
    )


@dataclass(frozen=True, slots=True)
class _Link:
    """A name in a group. Sorted by its bytes, as HDF5 sorts."""

    name: bytes
    name_at: int  # in the group's heap
    header: int


@dataclass(frozen=True, slots=True)
class _Leaf:
    """A symbol node: up to `2 * LEAF_RANK` links in order. What is written is never changed."""

    links: tuple[_Link, ...]
    address: int

    size = _LEAF_SIZE

    @property
    def last(self) -> _Link:
        return self.links[-1]


@dataclass(frozen=True, slots=True)
class _Tree:
    """A B-tree node over symbol nodes (level 0) or over B-tree nodes."""

    children: tuple[_Tree | _Leaf, ...]
    level: int
    address: int

    size = _TREE_SIZE

    @property
    def last(self) -> _Link:
        return self.children[-1].last


@dataclass(slots=True)
class Group:
    """A group: the links in it, as nodes in the file.

    `put` and `remove` are commits: the group is as before until their last write, and as wanted after it.

    Args:
        space: The file.
        header: Where the group's object header is; 0 makes a new group, which nothing reaches yet.
        pointers: Where in the file its two pointers are; for a group that was read from the file.
        present: The (name, header) pairs that it has. A group that was read is written anew at its first change.
        attributes: Attribute messages of a new group.
    """

    space: Space
    header: int = 0
    pointers: int = 0
    present: InitVar[Iterable[tuple[bytes, int]]] = ()
    attributes: InitVar[Sequence[bytes]] = ()
    links: dict[bytes, int] = field(init=False, default_factory=dict)
    _built: bool = field(init=False, default=False)
    _root: _Tree = field(init=False)
    _heap: int = field(init=False, default=0)
    _heap_room: int = field(init=False, default=0)
    _heap_used: int = field(init=False, default=8)  # the empty name is at the start
    _names: dict[bytes, int] = field(init=False, default_factory=dict)
    _stale: list[tuple[int, int]] = field(init=False, default_factory=list)
    _fresh: list[tuple[int, int]] = field(init=False, default_factory=list)

    def __post_init__(self, present: Iterable[tuple[bytes, int]], attributes: Sequence[bytes]) -> None:
        self.links = dict(sorted(present))
        if not self.header:
            image = _object_header([_message(0x11, bytes(16)), *attributes])
            self.header = self.space.take(len(image))
            self.pointers = self.header + _POINTERS_AT
            self._build()
            self.space.write(self.header, image)
            self.space.write(self.pointers, struct.pack("<QQ", self._root.address, self._heap))
            self._fresh.clear()

    def _build(self) -> None:
        """Write all links as new nodes, which nothing reaches yet."""
        self._new_heap(sum(len(name) + 8 for name in self.links) + 64)
        links = [_Link(name, self._name_at(name), header) for name, header in self.links.items()]
        nodes: list[_Tree | _Leaf] = [self._leaf(part) for part in _runs(links, 2 * LEAF_RANK)]
        level = 0
        while len(above := [self._tree(part, level) for part in _runs(nodes, 2 * TREE_RANK)]) > 1:
            nodes, level = [*above], level + 1
        self._root = above[0] if above else self._tree((), 0)
        self._built = True

    def put(self, name: bytes, header: int) -> None:
        """Add a link, or turn an existing one to another object."""
        if not self._built:
            self._build()
        link = _Link(name, self._name_at(name), header)

        def change() -> _Tree:
            nodes = self._insert(self._root, link)
            return nodes[0] if len(nodes) == 1 else self._tree(nodes, self._root.level + 1)

        self._commit(change)
        self.links[name] = header

    def remove(self, name: bytes) -> None:
        """Take a link away."""
        if not self._built:
            self._build()
        self._commit(lambda: self._without_link(self._root, name) or self._tree((), 0))
        del self.links[name]

    def _commit(self, change: Callable[[], _Tree]) -> None:
        try:
            root = change()
            self.space.write(self.pointers, struct.pack("<QQ", root.address, self._heap))
        except BaseException:
            self._settle(self._fresh)
            self._stale.clear()
            raise
        self._root = root
        self._settle(self._stale)
        self._fresh.clear()

    def _settle(self, blocks: list[tuple[int, int]]) -> None:
        for address, size in blocks:
            self.space.give(address, size)
        blocks.clear()

    # nodes

    def _insert(self, tree: _Tree, link: _Link) -> list[_Tree]:
        """Return the one or two nodes that take this one's place when it has the link."""
        self._retire(tree)
        at = _child(tree, link.name)
        if not tree.children:
            inner: Sequence[_Tree | _Leaf] = [self._leaf((link,))]
        elif isinstance(child := tree.children[at], _Tree):
            inner = self._insert(child, link)
        else:
            inner = self._insert_leaf(child, link)
        children = (*tree.children[:at], *inner, *tree.children[at + 1 :])
        return [self._tree(part, tree.level) for part in _split(children, 2 * TREE_RANK, at)]

    def _insert_leaf(self, leaf: _Leaf, link: _Link) -> list[_Leaf]:
        self._retire(leaf)
        names = [other.name for other in leaf.links]
        at = bisect_left(names, link.name)
        same = names[at : at + 1] == [link.name]
        links = (*leaf.links[:at], link, *leaf.links[at + same :])
        return [self._leaf(part) for part in _split(links, 2 * LEAF_RANK, at)]

    def _without_link(self, tree: _Tree, name: bytes) -> _Tree | None:
        """Return the node that takes this one's place when the link is gone; None if nothing is left."""
        self._retire(tree)
        at = _child(tree, name)
        child = tree.children[at]
        left: _Tree | _Leaf | None
        if isinstance(child, _Tree):
            left = self._without_link(child, name)
        else:
            self._retire(child)
            links = [link for link in child.links if link.name != name]
            left = self._leaf(links) if links else None
        children = (*tree.children[:at], *([] if left is None else [left]), *tree.children[at + 1 :])
        return self._tree(children, tree.level) if children else None

    def _retire(self, node: _Tree | _Leaf) -> None:
        self._stale.append((node.address, node.size))

    def _place(self, size: int, image: bytes) -> int:
        address = self.space.take(size)
        self._fresh.append((address, size))
        self.space.write(address, image)
        return address

    def _leaf(self, links: Sequence[_Link]) -> _Leaf:
        entries = b"".join(struct.pack("<QQ24x", link.name_at, link.header) for link in links)
        image = struct.pack("<4sBBH", b"SNOD", 1, 0, len(links)) + entries
        return _Leaf(tuple(links), self._place(_LEAF_SIZE, image.ljust(_LEAF_SIZE, b"\0")))

    def _tree(self, children: Sequence[_Tree | _Leaf], level: int) -> _Tree:
        # A child's right key is the heap offset of its largest name; the first key is that of the empty name.
        pairs = b"".join(struct.pack("<QQ", child.address, child.last.name_at) for child in children)
        head = struct.pack("<4sBBHQQQ", b"TREE", 0, level, len(children), UNDEFINED, UNDEFINED, 0)
        return _Tree(tuple(children), level, self._place(_TREE_SIZE, (head + pairs).ljust(_TREE_SIZE, b"\0")))

    # names

    def _name_at(self, name: bytes) -> int:
        """Put a name into the heap, into a larger one if there is no room; a name that was there stays there."""
        if name in self._names:
            return self._names[name]
        text = _padded(name + b"\0")
        if self._heap_used + len(text) > self._heap_room:
            self._stale.append((self._heap, _HEAP_HEADER + self._heap_room))
            self._new_heap(2 * (self._heap_used + len(text)))
        # Behind what is in use: no link leads there yet.
        self.space.write(self._heap + _HEAP_HEADER + self._heap_used, text)
        self._names[name] = at = self._heap_used
        self._heap_used += len(text)
        return at

    def _new_heap(self, room: int) -> None:
        """Write a larger heap with every name at the offset that it has."""
        data = bytearray(max(room + 7 & ~7, 64))
        for name, at in self._names.items():
            data[at : at + len(name)] = name
        size = _HEAP_HEADER + len(data)
        address = self.space.take(size)
        head = struct.pack("<4s4xQQQ", b"HEAP", len(data), 1, address + _HEAP_HEADER)  # 1: nothing in it is free
        self.space.write(address, head + data)
        self._heap, self._heap_room = address, len(data)


def _child(tree: _Tree, name: bytes) -> int:
    """Return which child has, or is to have, a name."""
    at = bisect_left([child.last.name for child in tree.children], name)
    return max(min(at, len(tree.children) - 1), 0)


def _runs(items: Sequence[_Item], most: int) -> list[Sequence[_Item]]:
    return [items[at : at + most] for at in range(0, len(items), most)]


def _split(items: Sequence[_Item], most: int, at: int) -> list[Sequence[_Item]]:
    """Cut what is too long in two: in the middle, or at the end if that is where it grows."""
    if len(items) <= most:
        return [items]
    cut = most if at >= most else len(items) // 2
    return [items[:cut], items[cut:]]
