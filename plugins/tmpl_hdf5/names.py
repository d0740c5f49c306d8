"""How a variable's name becomes a path in an HDF5 file, and back.

A variable `scope/name` is the dataset `/scope/name`. An HDF5 path cannot be a dataset and a group at once, but
names can be prefixes of each other: TensorFlow's slot variables are called `dense/kernel/Adam`. Then the
*shorter* one moves: `dense/kernel` is stored at `/dense/kernel/.value`, and `dense/kernel/Adam` stays where it is.
The rule depends on the set of names alone. Both the checkpoint format and the live backend follow it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from tmplcore.errors import InvalidNameError

__all__ = ["OWN_GROUP", "VALUE", "check_names", "from_path", "group_paths", "to_path", "to_paths"]

VALUE = ".value"
"""Last part of the path of a variable whose name is a prefix of another's."""

OWN_GROUP = ".tmplcore"
"""The group at the root of a file that holds what is not a variable."""

_LONGEST = 0xFFFF
_SHORT = 2048
_PIECE = 1 << 16  # bytes that are looked at together: they stay in the processor's cache
_DOT, _SLASH = b"./"
# Every bad pattern, in a text where each name stands between two NULs. `.` and `..` parts and empty parts mean
# something else to HDF5 and to file systems; the last four are ours.
_BAD: tuple[tuple[bytes, str], ...] = (
    (b"\0\0", "is empty"),
    (b"\0/", "begins with '/'"),
    (b"/\0", "ends with '/'"),
    (b"//", "has an empty part"),
    (b"\0./", "has a part '.'"),
    (b"/./", "has a part '.'"),
    (b"/.\0", "has a part '.'"),
    (b"\0.\0", "is '.'"),
    (b"\0../", "has a part '..'"),
    (b"/../", "has a part '..'"),
    (b"/..\0", "has a part '..'"),
    (b"\0..\0", "is '..'"),
    (b"/.value\0", "ends with '/.value', which marks a variable that is also a scope"),
    (b"\0.value\0", "is '.value', which marks a variable that is also a scope"),
    (b"\0.tmplcore/", "begins with '.tmplcore', which belongs to the file format"),
    (b"\0.tmplcore\0", "is '.tmplcore', which belongs to the file format"),
)


def check_names(names: Sequence[str]) -> bytes:
    r"""Check names and return them as UTF-8, each with a NUL before it and one NUL at the end.

    Raises:
        InvalidNameError: A name has no path of its own in an HDF5 file.

    Example:
        >>> check_names(["a/w", "b"])
        b'\x00a/w\x00b\x00'
        >>> check_names(["a//w"])
        Traceback (most recent call last):
        tmplcore.errors.InvalidNameError: variable name 'a//w' has an empty part
    """
    try:
        text = "\0".join(["", *names, ""]).encode()
    except UnicodeEncodeError:
        name = next(name for name in names if not _encodable(name))
        raise _refused(name, "is not Unicode text (it has a lone surrogate)") from None
    if not names:
        return text
    nuls = _nuls(text) if len(text) > _SHORT else None
    if (text.count(b"\0") if nuls is None else len(nuls)) != len(names) + 1:
        raise _refused(next(name for name in names if "\0" in name), "has a NUL character")
    check_text(memoryview(text)[1:-1])
    if nuls is not None and (steps := np.diff(nuls)).max() > _LONGEST + 1:  # a name's bytes and one
        raise _refused(names[int(steps.argmax())][:40] + "…", f"is longer than {_LONGEST} bytes")
    return text


def _nuls(text: bytes) -> np.ndarray:
    """Return where the NULs are."""
    letters = np.frombuffer(text, np.uint8)
    pieces = range(0, len(text), _PIECE)
    return np.concatenate([np.flatnonzero(letters[start : start + _PIECE] == 0) + start for start in pieces])


def check_text(text: bytes | memoryview) -> None:
    """Check names that stand behind each other with a NUL between two.

    Raises:
        InvalidNameError: A name has no path of its own in an HDF5 file.
    """
    if len(text) > _SHORT:  # one pass says whether any pattern can be there, as a rule none
        everything = np.frombuffer(text, np.uint8)
        suspicious = bool(everything[0] in b"\0/." or everything[-1] in b"\0/")
        for start in range(0, len(text), _PIECE):
            letters = everything[start : start + _PIECE + 1]
            ends = (letters == 0) | (letters == _SLASH)
            after = letters[1:]
            suspicious = suspicious or bool((ends[:-1] & (ends[1:] | (after == _DOT))).any())
        if not suspicious:
            return
    padded = b"\0" + bytes(text) + b"\0"
    parts = padded.replace(b"/", b"\0")
    if b"\0\0" not in parts and b"\0." not in parts:
        return
    for pattern, problem in _BAD:
        at = padded.find(pattern)
        if at >= 0:
            start = padded.rfind(b"\0", 0, at + 1) + 1
            end = padded.find(b"\0", max(start, at + 1))
            raise _refused(padded[start:end].decode(errors="replace"), problem)


def group_paths(names: Iterable[str]) -> set[str]:
    """Return every proper prefix of the names: the scopes that are groups in the file.

    Example:
        >>> sorted(group_paths(["a/b/w", "a/v"]))
        ['a', 'a/b']
    """
    groups: set[str] = set()
    for name in names:
        scope = name.rpartition("/")[0]
        while scope and scope not in groups:
            groups.add(scope)
            scope = scope.rpartition("/")[0]
    return groups


def to_path(name: str, groups: set[str] | frozenset[str]) -> str:
    """Return the path of a variable, without the leading `/`, in a file that has these groups.

    Example:
        >>> to_path("dense/kernel", {"dense", "dense/kernel"})
        'dense/kernel/.value'
        >>> to_path("dense/kernel", {"dense"})
        'dense/kernel'
    """
    return f"{name}/{VALUE}" if name in groups else name


def to_paths(names: Sequence[str]) -> list[str]:
    """Return the paths of all variables of one file.

    Example:
        >>> to_paths(["dense/kernel", "dense/kernel/Adam"])
        ['dense/kernel/.value', 'dense/kernel/Adam']
    """
    groups = group_paths(names)
    if groups.isdisjoint(names):
        return list(names)
    return [to_path(name, groups) for name in names]


def from_path(path: str) -> str:
    """Return the name of the variable at a path.

    Example:
        >>> from_path("/dense/kernel/.value")
        'dense/kernel'
    """
    return path.removeprefix("/").removesuffix(f"/{VALUE}")


def _encodable(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _refused(name: str, problem: str) -> InvalidNameError:
    return InvalidNameError(f"variable name {name!r} {problem}", hint="give it another name, or rename it on the way")
