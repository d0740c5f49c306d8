"""Which names are valid, and the registry that makes the names of ops, variables and name scopes unique.

The rules are those of TensorFlow's graph: names are unique without regard to case, and a clash is resolved by the first
free one of `name_1`, `name_2`, …
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache, partial
from typing import Final

from tmplcore.errors import InvalidNameError
from tmplcore.journal import Journal

__all__ = ["OpNames", "check_name"]

_is_root_name: Final = lru_cache(4096)(re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*").fullmatch)
_is_inner_name: Final = lru_cache(4096)(re.compile(r"[A-Za-z0-9_.\\/>-]*").fullmatch)

FORGET_AFTER: Final = 10_000
"""How many name scopes must have closed after one before the numbering inside it may be forgotten."""


def check_name(name: str, prefix: str = "") -> None:
    """Refuse a name that an op or a scope below the name scope `prefix` may not have.

    Raises:
        InvalidNameError: It has a character that is not allowed there.

    Example:
        >>> check_name("layer_1/kernel")
        >>> check_name("_hidden", prefix="model/")
        >>> check_name("_hidden")
        Traceback (most recent call last):
            ...
        tmplcore.errors.InvalidNameError: '_hidden' is not a valid root scope name
    """
    if prefix:
        if _is_inner_name(name) is None:
            raise InvalidNameError(
                f"{name!r} is not a valid scope name",
                hint="letters, digits and _ . \\ - / > are allowed",
            )
    elif _is_root_name(name) is None:
        raise InvalidNameError(
            f"{name!r} is not a valid root scope name",
            hint="begin with a letter, a digit or '.', then letters, digits and _ . \\ - / >",
        )


class OpNames:
    """The op names of one graph.

    Names are kept by directory (the part before the last slash). What matters for numbering is one entry per *base
    name*, its next suffix: a name `a_7` that was given out because `a` was taken is not stored, it follows from the
    entry of `a`. So a scope that is opened a million times takes no more room than one that is opened twice. Of the
    names *inside* scopes that closed long ago (`FORGET_AFTER`) nothing is kept, unless a variable is among them.

    Example:
        >>> names = OpNames()
        >>> [names.claim(name) for name in ("a", "a", "A", "a_1", "a")]
        ['a', 'a_1', 'A_2', 'a_1_1', 'a_3']
    """

    __slots__ = ("_closed", "_directories", "_lock", "_pinned")

    def __init__(self) -> None:
        self._directories: dict[str, Mapping[str, int]] = {"": {}}
        self._closed: OrderedDict[str, None] = OrderedDict()
        self._pinned: set[str] = {""}
        self._lock = threading.RLock()

    def claim(self, name: str, journal: Journal | None = None) -> str:
        """Take `name`, or the first free one of `name_1`, `name_2`, …, and return it.

        Args:
            name: The full name that is wanted.
            journal: Learns how to give the name back.
        """
        directory, slash, leaf = name.rpartition("/")
        place = directory.lower()
        key = leaf.lower()
        with self._lock:
            names = self._writable(place)
            if not self._taken(names, key):
                names[key] = after = 1
                before = None
                unique = leaf
            else:
                before = names.get(key)
                number = self._free(names, key)
                names[key] = after = number + 1
                unique = f"{leaf}_{number}"
        if journal is not None:
            journal.append(partial(self._give_back, place, key, before, after))
        return f"{directory}{slash}{unique}"

    def peek(self, name: str) -> str:
        """Return what `claim` would, without taking it."""
        directory, slash, leaf = name.rpartition("/")
        key = leaf.lower()
        with self._lock:
            names = self._directories.get(directory.lower(), {})
            unique = f"{leaf}_{self._free(names, key)}" if self._taken(names, key) else leaf
        return f"{directory}{slash}{unique}"

    def copy(self) -> OpNames:
        """Return an independent registry with the same names taken."""
        other = OpNames()
        with self._lock:
            other._directories = {key: dict(names) for key, names in self._directories.items()}
            other._closed = self._closed.copy()
            other._pinned = set(self._pinned)
        return other

    def pin(self, name: str) -> None:
        """Never forget the numbering in the directory of `name`: a variable is named there."""
        self._pinned.add(name.lower().rpartition("/")[0])

    def place(self, directory: str, ops: Mapping[str, int], journal: Journal | None = None) -> None:
        """Put the ops that a new variable brings along into its directory, all at once.

        Args:
            directory: The variable's op name, or a name scope below it.
            ops: Lower-case names, each with its next suffix. A read-only mapping is shared until something else is
                named in the directory, so that a constant one costs a single entry per variable.
            journal: Learns how to take them out again.
        """
        key = directory.lower()
        with self._lock:
            there = self._directories.get(key)
            self._directories[key] = {**ops, **there} if there else ops
        if journal is not None:
            journal.append(partial(self._put_back, key, there))

    def leave(self, prefix: str) -> None:
        """Note that the name scope `prefix` (with its trailing slash) has closed."""
        key = prefix[:-1].lower()
        if key in self._directories:
            with self._lock:
                self._closed[key] = None
                self._closed.move_to_end(key)
                if len(self._closed) > FORGET_AFTER:
                    oldest, _ = self._closed.popitem(last=False)
                    if oldest not in self._pinned:
                        self._directories.pop(oldest, None)

    def enter(self, prefix: str) -> None:
        """Note that the name scope `prefix`, which was opened before, is open again."""
        with self._lock:
            self._closed.pop(prefix[:-1].lower(), None)

    def _writable(self, directory: str) -> dict[str, int]:
        names = self._directories.get(directory)
        if type(names) is dict:
            return names
        mine = self._directories[directory] = dict(names or {})
        return mine

    @staticmethod
    def _taken(names: Mapping[str, int], leaf: str) -> bool:
        if leaf in names:
            return True
        base, underscore, suffix = leaf.rpartition("_")
        if not underscore or not suffix.isdecimal() or suffix[0] == "0":
            return False
        return names.get(base, 1) > int(suffix)

    @classmethod
    def _free(cls, names: Mapping[str, int], key: str) -> int:
        number = names.get(key, 1)
        while cls._taken(names, f"{key}_{number}"):
            number += 1
        return number

    def _give_back(self, directory: str, key: str, before: int | None, after: int) -> None:
        with self._lock:
            names = self._writable(directory)
            if names.get(key) != after:
                return  # somebody else has numbered on from here: their names stay unique
            if before is None:
                del names[key]
            else:
                names[key] = before

    def _put_back(self, directory: str, names: Mapping[str, int] | None) -> None:
        with self._lock:
            if names is None:
                self._directories.pop(directory, None)
            else:
                self._directories[directory] = names
