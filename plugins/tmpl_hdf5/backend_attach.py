"""Read what a working file holds, through libhdf5, and refuse what is none."""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from h5py import h5d, h5g, h5o

from tmpl_hdf5.generic.guard import check_dataset, check_link, object_address
from tmpl_hdf5.names import from_path
from tmpl_hdf5.native.dtypes import stored_type
from tmplcore.errors import BackendError, UntrustedError

__all__ = ["MARK", "Links", "Stored", "check_mark", "read"]

MARK: Final = ("tmplcore", "live variables 1")
"""The attribute of the root group by which a working file is known."""

# Kinds of messages in object headers.
_ATTRIBUTE: Final = 0x0C
_CONTINUATION: Final = 0x10
_SYMBOL_TABLE: Final = 0x11

_MOST_BLOCKS: Final = 64  # of an object header; a working file needs one


@dataclass(slots=True)
class Stored:
    """A variable in the file.

    Attributes:
        path: Where it is, without the leading `/`.
        shape: Its shape.
        code: The name of its dtype, as in the native checkpoint format (`<f4`, `bfloat16`).
        trainable: Whether an optimizer changes it.
        offset: Where its data is.
        header: Where its object header is.
        mapped: Whether its memory was handed out, so that its place is not used again.
    """

    path: str
    shape: tuple[int, ...]
    code: str
    trainable: bool
    offset: int
    header: int = 0
    mapped: bool = False

    @property
    def dtype(self) -> np.dtype[Any]:
        """The dtype as the user knows it."""
        return stored_type(self.code).dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the data."""
        count = self.dtype.itemsize
        for length in self.shape:
            count *= length
        return count


@dataclass(slots=True)
class Links:
    """A group in the file: where its header and its pointers are, and the headers that its names lead to."""

    header: int
    pointers: int
    links: dict[bytes, int]


def read(path: Path, descriptor: int) -> tuple[dict[str, Stored], dict[str, Links]]:
    """Return the variables by name and the groups by path.

    Raises:
        BackendError: It is no working file, or it was changed into something that cannot be one.
    """
    try:
        with h5py.File(path, "r", locking=False) as file:
            _check_mark(path, file)
            variables: dict[str, Stored] = {}
            groups: dict[str, Links] = {}
            todo = [("", file["/"].id)]
            while todo:
                scope, group = todo.pop()
                items = _items(scope, group)
                header, _ = object_address(group)
                links = {name: object_address(item)[0] for name, item in items.items()}
                groups[scope] = Links(header, _pointers(descriptor, header), links)
                for name, item in items.items():
                    inner = f"{scope}/{name.decode()}" if scope else name.decode()
                    if isinstance(item, h5g.GroupID):
                        todo.append((inner, item))
                    elif isinstance(item, h5d.DatasetID):
                        variables[from_path(inner)] = _variable(inner, item, links[name], descriptor)
            return variables, groups
    except UntrustedError as error:
        raise BackendError(f"{path} cannot be a working file: {error}", hint=error.hint) from None
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, struct.error) as error:
        if isinstance(error, BackendError):
            raise
        raise _unreadable(path, error) from error


def check_mark(path: Path) -> None:
    """Make sure that a file is a working file, before it is replaced by an empty one.

    Raises:
        BackendError: It is something else, and not ours to replace.
    """
    if path.stat().st_size == 0:
        return
    try:
        with h5py.File(path, "r", locking=False) as file:
            _check_mark(path, file)
    except OSError as error:
        raise _unreadable(path, error) from error


def _check_mark(path: Path, file: h5py.File) -> None:
    if _text(file.attrs.get(MARK[0])) != MARK[1]:
        raise BackendError(
            f"{path} exists and is not a working file of the hdf5 backend",
            hint=f"give the backend another path, and put the values into it with: tmplctl restore {path}",
        )


def _unreadable(path: Path, error: Exception) -> BackendError:
    return BackendError(
        f"{path} cannot be read as a working file: {error}", hint="give the backend another path, or move the file away"
    )


def _text(value: Any) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else None


def _items(scope: str, group: h5g.GroupID) -> dict[bytes, Any]:
    kinds: dict[bytes, int] = {}
    group.links.iterate(lambda name, info: kinds.__setitem__(name, info.type), info=True)
    for name, kind in kinds.items():
        check_link(f"{scope}/{name.decode(errors='replace')}", kind)
    return {name: h5o.open(group, name) for name in kinds}


def _messages(descriptor: int, header: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield the messages of a version 1 object header: kind, address and body."""
    version, _, _, _, size = struct.unpack("<BBHII", os.pread(descriptor, 12, header))
    if version != 1 or size > 1 << 16:
        raise ValueError("an object is in a newer style of HDF5, which another program must have made")
    blocks = [(header + 16, size)]
    for start, length in blocks:
        data, at = os.pread(descriptor, min(length, 1 << 16), start), 0
        while at + 8 <= len(data):
            kind, inside = struct.unpack_from("<HH", data, at)
            if kind == _CONTINUATION and len(blocks) < _MOST_BLOCKS:
                blocks.append(struct.unpack_from("<QQ", data, at + 8))
            yield kind, start + at + 8, data[at + 8 : at + 8 + inside]
            at += 8 + inside


def _pointers(descriptor: int, header: int) -> int:
    """Return where in a group's object header the symbol-table message has its two addresses."""
    for kind, address, _ in _messages(descriptor, header):
        if kind == _SYMBOL_TABLE:
            return address
    raise ValueError("a group has no symbol table: another program must have made it")


def _attributes(descriptor: int, header: int) -> dict[str, bytes]:
    """Return the bytes of an object's attributes; libhdf5 needs 70 µs for each, and there are two per variable."""
    found = {}
    for kind, _, body in _messages(descriptor, header):
        if kind != _ATTRIBUTE:
            continue
        version, _, name, datatype, space = struct.unpack_from("<BBHHH", body)
        unit = 8 if version == 1 else 1  # the parts of later versions are not padded
        at = 9 if version == 3 else 8
        label = body[at : at + name].rstrip(b"\0").decode(errors="replace")
        at += -(-name // unit) * unit
        (size,) = struct.unpack_from("<I", body, at + 4)  # in the datatype
        at += sum(-(-part // unit) * unit for part in (datatype, space))
        found[label] = body[at : at + size]
    return found


def _variable(path: str, dataset: h5d.DatasetID, header: int, descriptor: int) -> Stored:
    file_size = os.fstat(descriptor).st_size
    check_dataset(path, dataset, file_size)
    attributes = _attributes(descriptor, header)
    if "dtype" not in attributes:
        raise ValueError(f"{path!r} has no attribute dtype: another program must have made it")
    code, trainable = attributes["dtype"].rstrip(b"\0").decode(), attributes.get("trainable", b"\1") != b"\0"
    shape = tuple(map(int, dataset.shape))
    kind = stored_type(code)
    size = math.prod(shape) * kind.dtype.itemsize
    offset = dataset.get_offset() or 0
    if dataset.get_type().get_size() != kind.dtype.itemsize or offset + size > file_size:
        raise ValueError(f"{path!r} does not have the bytes of {shape} {code}")
    if size and not (offset and dataset.get_create_plist().get_layout() == h5d.CONTIGUOUS):
        raise ValueError(f"{path!r} is not one run of bytes: another program must have made it")
    return Stored(path, shape, code, trainable, offset, header)
