"""Which names are valid, and the registry that makes the names of ops, variables and name scopes unique.

The rules are those of TensorFlow's graph: names are unique without regard to case, and a clash is resolved by the first
free one of `name_1`, `name_2`, …
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import partial
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, final

from tmplcore.errors import InvalidNameError
from tmplcore.journal import Journal

__all__ = ["BESIDE_CALL", "ROOT", "OpNames", "OpPrefix", "check_name", "check_op_name"]

_WHOLE: Final = r"^[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*$"
_INNER: Final = r"^[A-Za-z0-9_.\\/>-]*$"
_INNER_FIRST: Final = "_\\/>-"  # what an inner name may begin with and a whole one may not
_is_root_name: Final = re.compile(_WHOLE).fullmatch
_is_inner_name: Final = re.compile(_INNER).fullmatch

BESIDE_CALL: Final = MappingProxyType({"initializer": 1, "assign": 1, "read": 1})
"""The ops that TensorFlow makes beside a variable with an initializer: their names are as taken here as there."""
_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})

FORGET_AFTER: Final = 10_000
"""How many name scopes must have closed after one before the numbering inside it may be forgotten."""
FORGOTTEN_AT_ONCE: Final = 500
"""How many are forgotten in one go: it is cheaper so."""


def check_name(name: str, prefix: str = "") -> None:
    """Refuse a name that an op or a scope below the name scope `prefix` may not have.

    Raises:
        InvalidNameError: It has a character that is not allowed there.

    Example:
        >>> check_name("layer_1/kernel")
        >>> check_name("_hidden", prefix="model/")
        >>> check_name("_hidden")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
            ...
        tmplcore.errors.InvalidNameError: '_hidden' is not a valid root scope name. ...
    """
    if prefix:
        if _is_inner_name(name) is None:
            raise InvalidNameError(
                f"{name!r} is not a valid scope name. A scope name has to match the following pattern: {_INNER}",
                hint="letters, digits and _ . \\ - / > are allowed",
            )
    elif _is_root_name(name) is None:
        raise InvalidNameError(
            f"{name!r} is not a valid root scope name. A root scope name has to match the following pattern: {_WHOLE}",
            hint="begin with a letter, a digit or '.', then letters, digits and _ . \\ - / >",
        )


def check_op_name(name: str, prefix: str) -> None:
    """Refuse a name that an op below the name scope `prefix` may not have.

    Raises:
        InvalidNameError: It has a character that is not allowed there, or the scope begins with one (as it may if its
            absolute name was opened inside another scope).
    """
    check_name(name, prefix)
    if prefix and prefix[0] in _INNER_FIRST:
        raise InvalidNameError(
            f"`{prefix}{name}` is not a valid node name. Accepted names conform to {_WHOLE}",
            hint=f"no op can be named in the name scope {prefix!r}: call it something that begins with a letter",
        )


@final
class OpPrefix:
    """The name scope that ops are named in. Its full name is put together when somebody asks for it.

    Most scopes are left without an op having been named in them, so a number is all that they take: see `OpNames.open`.

    Example:
        >>> OpPrefix.spelled("model/Dense/").text
        'model/Dense/'
    """

    __slots__ = ("_above", "_key", "_name", "_number", "_text")

    _text: str | None  # None until somebody asks
    _key: str | None  # the same in lower case, known whenever something was named in it
    _above: str | None  # the text is made of these three, unless it was given
    _name: str
    _number: int

    @classmethod
    def spelled(cls, text: str) -> OpPrefix:
        """Return the name scope that has this full name, with its trailing slash; empty for the root."""
        self = cls()
        self._text = text
        self._key = text.lower()
        return self

    @property
    def text(self) -> str:
        """The full name with its trailing slash; empty for the root."""
        text = self._text
        if text is None:
            name = f"{self._name}_{self._number}" if self._number else self._name
            text = self._text = f"{self._above}{name}/"
            self._key = text.lower()
        return text

    @property
    def key(self) -> str:
        """The text in lower case: names are unique without regard to case."""
        return self.text.lower() if self._key is None else self._key


ROOT: Final = OpPrefix.spelled("")
"""Outside all name scopes."""


class OpNames:
    """The op names of one graph.

    Names are kept by directory (the part before the last slash). What matters for numbering is one entry per *base
    name*, its next suffix: a name `a_7` that was given out because `a` was taken is not stored, it follows from the
    entry of `a`. So a scope that is opened a million times takes no more room than one that is opened twice. Of the
    names *inside* scopes that closed long ago (`FORGET_AFTER`) nothing is kept, unless a variable is among them.

    Nor is anything stored for most variables: that one has a name says that the name is taken, and those of the ops
    beside it (`vacant`, `_found`).

    Args:
        variables: What has the store's variables as its keys: their names in lower case.

    Example:
        >>> names = OpNames()
        >>> [names.claim(name) for name in ("a", "a", "A", "a_1", "a")]
        ['a', 'a_1', 'A_2', 'a_1_1', 'a_3']
    """

    __slots__ = ("_closed", "_directories", "_lock", "_numbered", "_pinned", "_variables")

    def __init__(self, variables: Mapping[str, object] = _NOTHING) -> None:
        self._variables = variables
        # By directory (lower case, with its trailing slash), by name (lower case): the next suffix.
        self._directories: dict[str, Mapping[str, int]] = {"": {}}
        self._closed: dict[str, None] = {}  # in the order of their closing
        self._pinned: set[str] = {""}
        # Base names of which some number was asked for by name, in whatever directory: it may be taken.
        self._numbered: set[str] = set()
        self._lock = threading.RLock()

    def open(self, name: str, around: OpPrefix, journal: Journal | None) -> OpPrefix:
        """Take the name of a new name scope.

        Args:
            name: The name that is wanted. With a slash at its end it is the absolute name of a scope that is opened
                again.
            around: The name scope around it.
            journal: Learns how to give the name back.

        Raises:
            InvalidNameError: The name has characters that it may not have.
        """
        key = name
        number = None
        if journal is None and around._key is not None:
            # The usual case: a name that was taken before, so it is valid, and whose next number is free. It takes no
            # lock (on CPython nothing else runs between look-up and store, as nothing is called there). Should two
            # threads be given one number here, they share a name scope; a variable's name the store makes unique.
            names: Any = self._directories.get(around._key)
            if names is not None:
                number = names.get(key)
                if number is None:  # else it is in lower case, as all that is kept
                    key = name.lower()
                    number = names.get(key)
                if number is not None:
                    if self._numbered and key in self._numbered and f"{key}_{number}" in names:
                        number = None
                    else:
                        try:
                            names[key] = number + 1
                        except TypeError:  # these names are shared, and not to be changed
                            number = None
        if number is None:
            check_name(name, around.text)
            key = name.lower()
            if name[-1] == "/":
                with self._lock:
                    self._closed.pop(key, None)
                return OpPrefix.spelled(name)
            if "/" in name:
                return OpPrefix.spelled(self.claim(name, around.text, journal) + "/")
            number = self._take(around.key, key, journal)
        prefix = OpPrefix()
        prefix._text = prefix._key = None
        prefix._above = around._text
        prefix._name = name
        prefix._number = number
        return prefix

    def claim(self, name: str, prefix: str = "", journal: Journal | None = None) -> str:
        """Take a valid name, or the first free one of `name_1`, `name_2`, …, and return it in full.

        Args:
            name: The name that is wanted, below the prefix.
            prefix: A name scope with its trailing slash; empty for the root.
            journal: Learns how to give the name back.
        """
        name = prefix + name
        place, key = _split(name)
        number = self._take(place, key, journal)
        return f"{name}_{number}" if number else name

    def _take(self, place: str, key: str, journal: Journal | None) -> int:
        """Take a name in a directory, or its first free number, and return that; 0 if the name itself was free."""
        self._lock.acquire()  # in half of the time that `with` takes
        try:
            names = self._directories.get(place)
            if type(names) is not dict:
                names = self._directories[place] = dict(self._found(place))
            before = names.get(key)
            numbered = _numbered(key) if before is None and key[-1:].isdecimal() else None
            if numbered is not None:
                self._numbered.add(numbered[0])
            number = 0
            if (
                before is not None
                or (place in self._pinned and place + key in self._variables)
                or _was_given(names, numbered)
            ):
                number = before or 1
                while f"{key}_{number}" in names:
                    number += 1
            names[key] = number + 1
        finally:
            self._lock.release()
        if journal is not None:
            journal.append(partial(self._give_back, place, key, before, number + 1))
        return number

    def peek(self, name: str, prefix: str = "") -> str:
        """Return what `claim` would, without taking it."""
        name = prefix + name
        place, key = _split(name)
        with self._lock:
            names = self._found(place)
            if not (
                key in names
                or (place in self._pinned and place + key in self._variables)
                or _was_given(names, _numbered(key))
            ):
                return name
            number = names.get(key, 1)
            while f"{key}_{number}" in names:
                number += 1
        return f"{name}_{number}"

    def has(self, name: str) -> bool:
        """Tell whether a name, in full, is taken."""
        return self.peek(name) != name

    def copy(self, variables: Mapping[str, object]) -> OpNames:
        """Return an independent registry with the same names taken, for a store that has the same variables."""
        other = OpNames(variables)
        with self._lock:
            other._directories = {
                place: dict(names) if type(names) is dict else names for place, names in self._directories.items()
            }
            other._closed = self._closed.copy()
            other._pinned = set(self._pinned)
            other._numbered = set(self._numbered)
        return other

    def vacant(self, name: str) -> str | None:
        """Return what a new variable is to be kept under, if its being there is all that has to be known of its names.

        Nothing is taken by this; that the variable is added takes the name and those beside it.

        Args:
            name: The variable's name, in full.

        Returns:
            The name in lower case. None if it is taken, is a scope's (ends in a slash), or looks like a numbered one,
            or if ops were named in its directory: then `claim`, `pin` and `place` are needed.
        """
        key = name.lower()
        if key == name:
            key = name  # one string less to keep for each variable
        end = key.rfind("/") + 1
        place, base = key[:end], key[end:]
        if (
            not base
            or key in self._variables
            or base in self._found(place)
            or (key[-1].isdecimal() and _numbered(base) is not None)
            or f"{key}/" in self._directories
        ):
            return None
        if place:
            self._pinned.add(place)
        return key

    def pin(self, name: str) -> None:
        """Never forget the numbering in the directory of `name`: a variable is named there."""
        if "/" in name:
            self._pinned.add(_split(name)[0])

    def place(self, directory: str, ops: Mapping[str, int], journal: Journal | None = None) -> None:
        """Put the ops that a new variable brings along into its directory, all at once.

        Args:
            directory: A prefix with its trailing slash: the variable's name, or a name scope below it.
            ops: Lower-case names, each with its next suffix. A read-only mapping is shared until something else is
                named in the directory, so that a constant one costs a single entry per variable.
            journal: Learns how to take them out again.
        """
        key = directory.lower()
        if journal is None and self._directories.setdefault(key, ops) is ops:
            return  # the usual case, which takes no lock: nothing was named there yet
        with self._lock:
            there = self._directories.get(key)
            self._directories[key] = {**ops, **there} if there else ops
        if journal is not None:
            journal.append(partial(self._put_back, key, there))

    def leave(self, prefix: OpPrefix) -> None:
        """Note that a name scope has closed."""
        key = prefix._key
        if key is None or key not in self._directories:
            return  # nothing was named in it
        closed = self._closed
        closed.pop(key, None)
        closed[key] = None
        if len(closed) > FORGET_AFTER + FORGOTTEN_AT_ONCE:
            with self._lock:
                for oldest in tuple(islice(closed, FORGOTTEN_AT_ONCE)):
                    del closed[oldest]
                    if oldest not in self._pinned:
                        self._directories.pop(oldest, None)

    def _found(self, place: str) -> Mapping[str, int]:
        """Return the names in a directory, those beside a variable included; not to be changed."""
        names = self._directories.get(place)
        if names is None:
            names = BESIDE_CALL if place[:-1] in self._variables else _NOTHING
        return names

    def _give_back(self, place: str, key: str, before: int | None, after: int) -> None:
        with self._lock:
            names = self._directories.get(place)
            if type(names) is not dict or names.get(key) != after:
                return  # somebody else has numbered on from here: their names stay unique
            if before is None:
                del names[key]
            else:
                names[key] = before
            if names == BESIDE_CALL and place[:-1] in self._variables:
                del self._directories[place]  # the variable says as much, as long as it is there

    def _put_back(self, place: str, names: Mapping[str, int] | None) -> None:
        with self._lock:
            if names is None:
                self._directories.pop(place, None)
            else:
                self._directories[place] = names


def _split(name: str) -> tuple[str, str]:
    """Return the directory of a name, with its trailing slash, and the name in it, both in lower case."""
    name = name.lower()
    end = name.rfind("/") + 1
    return name[:end], name[end:]


def _numbered(key: str) -> tuple[str, int] | None:
    """Return the base name and the number of a name that ends as numbered ones do."""
    base, underscore, suffix = key.rpartition("_")
    if not underscore or not suffix.isdecimal() or suffix[0] == "0":
        return None
    return base, int(suffix)


def _was_given(names: Mapping[str, int], numbered: tuple[str, int] | None) -> bool:
    """Tell whether a name was given out because the name without its number was taken."""
    return numbered is not None and names.get(numbered[0], 1) > numbered[1]
