"""Paths of a file, taken apart into groups and leaves, eight bytes at a time: no object for a path."""

from __future__ import annotations

from typing import Any, final

import numpy as np

__all__ = ["Texts", "Tree"]

Numbers = np.ndarray[Any, np.dtype[Any]]

_SLASH = ord("/")
_WORD = 8
# Looked at together: bytes, and pieces of text. What is made of so many stays in the cache and takes no new memory.
_PIECE = 1 << 16
_AT_ONCE = 1 << 13
_LONG = 128  # bytes; longer pieces are compared as Python's
_MASKS = np.frombuffer(b"".join(b"\xff" * n + bytes(_WORD - n) for n in range(_WORD + 1)), np.uint64)  # first n bytes


@final
class Texts:
    """Short pieces of one text, without NULs.

    Args:
        text: The text, and eight bytes more.
        starts: Where each piece begins.
        lengths: How many bytes it has.
    """

    __slots__ = ("_text", "_words", "lengths", "starts")

    def __init__(self, text: bytes, starts: Numbers, lengths: Numbers) -> None:
        self._text = text
        self.starts = starts
        self.lengths = lengths
        self._words = _words(text)

    def __getitem__(self, row: int) -> bytes:
        start = int(self.starts[row])
        return self._text[start : start + int(self.lengths[row])]

    def words(self, rows: Numbers | slice, number: int) -> Numbers:
        """Return the bytes from `8 * number` on of some pieces, as they are in memory; 0 beyond a piece."""
        left = self.lengths[rows] - _WORD * number
        places = np.minimum(self.starts[rows] + _WORD * number, len(self._words) - 1)
        return np.bitwise_and(self._words[places], _MASKS[np.minimum(np.maximum(left, 0), _WORD)])


@final
class Tree:
    """Paths, taken apart into groups and leaves. A link is one path, or one group in its parent.

    Args:
        parts: Parts of one text: the path of every link, UTF-8, without the leading `/`, a NUL before each and one at
            the end.

    Attributes:
        parents: The number of every group's parent: -1 of the root, number 0. None comes before its parent.
        links: The last part of every path, then that of every group but the root.
        order: The links, sorted by group and name.
        groups: The number of the group that each of the sorted links is in.
        is_clear: Whether no two links have the same path.
    """

    __slots__ = ("groups", "is_clear", "links", "order", "parents")

    def __init__(self, *parts: bytes) -> None:
        text = b"".join((*parts, bytes(_WORD)))
        letters = np.frombuffer(text, np.uint8, len(text) - _WORD)
        marks = _marks(letters)
        nuls = np.flatnonzero(letters[marks] == 0)
        starts, ends = marks[nuls[:-1]] + 1, marks[nuls[1:]]
        leaves = marks[nuls[1:] - 1] + 1  # behind the last slash, or the NUL before the path
        group, self.parents, scopes = _groups(text, starts, np.maximum(leaves - 1 - starts, 0))
        ends = np.concatenate((ends, scopes[1:]))
        leaves = np.concatenate((leaves, marks[np.searchsorted(marks, scopes[1:]) - 1] + 1))
        self.links = Texts(text, leaves, ends - leaves)
        group = np.concatenate((group, self.parents[1:]))
        self.order, self.is_clear = _sorted(group, self.links)
        self.groups = group[self.order]


def _sorted(group: Numbers, links: Texts) -> tuple[Numbers, bool]:
    """Return links in the order of groups and names, and whether no two are the same."""
    longest = int(links.lengths.max())
    if longest > _LONG:
        pairs = list(zip(group.tolist(), map(links.__getitem__, range(len(group))), strict=True))
        return np.array(sorted(range(len(pairs)), key=pairs.__getitem__), np.int64), len(set(pairs)) == len(pairs)
    keys = [np.empty(len(group), np.uint64) for _ in range(-(-longest // _WORD))]  # the last word first
    for number, key in enumerate(reversed(keys)):
        for start in range(0, len(group), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            key[part] = links.words(part, number).view(">u8")  # a number that is ordered as the bytes are
    keys.append(group)
    order = np.lexsort(keys)
    same = np.ones(len(order) - 1, bool)
    for key in keys:
        ordered = key[order]
        same &= ordered[1:] == ordered[:-1]
    return order, not same.any()


def _groups(text: bytes, starts: Numbers, lengths: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Number the groups; return the number of every path's scope, each group's parent, and where its path ends.

    Args:
        text: The paths.
        starts: Where each path begins.
        lengths: How many bytes of it are its scope.
    """
    new = [
        _differ_from_before(text, starts[at : at + _AT_ONCE], lengths[at : at + _AT_ONCE])
        for at in range(0, len(starts), _AT_ONCE)
    ]
    heads = np.flatnonzero(np.concatenate(new))
    numbers = {b"": 0}
    parents, ends, found = [-1], [0], []

    def add_outer(scope: bytes, start: int) -> int:
        missing = []
        while (scope := scope.rpartition(b"/")[0]) not in numbers:
            missing.append(scope)
        for scope in reversed(missing):
            parents.append(numbers[scope.rpartition(b"/")[0]])
            ends.append(start + len(scope))
            numbers[scope] = len(parents) - 1
        return len(parents) - 1

    for start, length in zip(starts[heads].tolist(), lengths[heads].tolist(), strict=True):
        scope = text[start : start + length]
        number = numbers.get(scope)
        if number is None:
            parent = numbers.get(scope.rpartition(b"/")[0])
            if parent is None:
                parent = add_outer(scope, start)
            number = numbers[scope] = len(parents)
            parents.append(parent)
            ends.append(start + length)
        found.append(number)
    group = np.repeat(np.array(found, np.int64), np.diff(np.append(heads, len(starts))))
    return group, np.array(parents, np.int64), np.array(ends, starts.dtype)


def _marks(letters: Numbers) -> Numbers:
    """Return where the NULs and the slashes are."""
    kind = np.int32 if len(letters) < 1 << 30 else np.int64
    found = []
    for start in range(0, len(letters), _PIECE):
        some = letters[start : start + _PIECE]
        found.append((np.flatnonzero((some == 0) | (some == _SLASH)) + start).astype(kind))
    return np.concatenate(found)


def _words(text: bytes) -> Numbers:
    """Return the eight bytes from each place of a text on."""
    return np.ndarray((len(text) - _WORD + 1,), np.uint64, text, 0, (1,))


def _differ_from_before(text: bytes, starts: Numbers, lengths: Numbers) -> Numbers:
    """Tell which pieces of a text are not certainly equal to the piece before; long ones are not looked at."""
    words = _words(text)
    last = words[starts + np.maximum(lengths - _WORD, 0)] & _MASKS[np.minimum(lengths, _WORD)]
    new = lengths > _LONG
    new[:1] = True
    new[1:] |= (lengths[1:] != lengths[:-1]) | (last[1:] != last[:-1])
    for at in range(0, min(int(lengths.max()), _LONG) - _WORD, _WORD):
        some = words[np.minimum(starts + at, len(words) - 1)]
        new[1:] |= (some[1:] != some[:-1]) & (lengths[1:] > at + _WORD)
    return new
