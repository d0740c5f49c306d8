"""Read what a working file holds, through libhdf5, and refuse what is none."""

from __future__ import annotations

import math
import os
import struct
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

__all__ = ["MARK", "Links", "Stored", "read"]

MARK: Final = ("tmplcore", "live variables 1")
"""The attribute of the root group by which a working file is known."""


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
            if _text(file.attrs.get(MARK[0])) != MARK[1]:
                raise BackendError(
                    f"{path} exists and is not a working file of the hdf5 backend",
                    hint=f"give the backend another path, and put the values into it with: tmplctl restore {path}",
                )
            variables: dict[str, Stored] = {}
            groups: dict[str, Links] = {}
            todo = [("", file["/"].id)]
            while todo:
                scope, group = todo.pop()
                groups[scope] = _links(descriptor, scope, group)
                for name in groups[scope].links:
                    inner = f"{scope}/{name.decode()}" if scope else name.decode()
                    item = h5o.open(group, name)
                    if isinstance(item, h5g.GroupID):
                        todo.append((inner, item))
                    elif isinstance(item, h5d.DatasetID):
                        variables[from_path(inner)] = _variable(inner, item, os.fstat(descriptor).st_size)
            return variables, groups
    except UntrustedError as error:
        raise BackendError(f"{path} cannot be a working file: {error}", hint=error.hint) from None
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, struct.error) as error:
        if isinstance(error, BackendError):
            raise
        raise BackendError(f"{path} cannot be read as a working file: {error}") from error


def _text(value: Any) -> str | None:
    return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else None


def _links(descriptor: int, scope: str, group: h5g.GroupID) -> Links:
    header, _ = object_address(group)
    kinds: dict[bytes, int] = {}
    group.links.iterate(lambda name, info: kinds.__setitem__(name, info.type), info=True)
    for name, kind in kinds.items():
        check_link(f"{scope}/{name.decode(errors='replace')}", kind)
    links = {name: object_address(h5o.open(group, name))[0] for name in kinds}
    return Links(header, _pointers(descriptor, header), links)


def _pointers(descriptor: int, header: int) -> int:
    """Return where in a group's version 1 object header the symbol-table message has its two addresses."""
    version, _, _, _, size = struct.unpack("<BBHII", os.pread(descriptor, 12, header))
    if version != 1 or size > 1 << 16:
        raise ValueError("a group is in a newer style of HDF5, which another program must have made")
    blocks = [(header + 16, size)]
    for start, length in blocks:
        data, at = os.pread(descriptor, length, start), 0
        while at + 8 <= len(data) and len(blocks) < 64:
            kind, inside = struct.unpack_from("<HH", data, at)
            if kind == 0x11:
                return start + at + 8
            if kind == 0x10:
                blocks.append(struct.unpack_from("<QQ", data, at + 8))
            at += 8 + inside
    raise ValueError("a group has no symbol table: another program must have made it")


def _variable(path: str, dataset: h5d.DatasetID, file_size: int) -> Stored:
    check_dataset(path, dataset, file_size)
    attributes = h5py.Dataset(dataset).attrs
    code, trainable = _text(attributes.get("dtype")), attributes.get("trainable", True)
    if code is None:
        raise ValueError(f"{path!r} has no attribute dtype: another program must have made it")
    shape = tuple(map(int, dataset.shape))
    kind = stored_type(code)
    size = math.prod(shape) * kind.dtype.itemsize
    offset = dataset.get_offset() or 0
    if dataset.get_type().get_size() != kind.dtype.itemsize or offset + size > file_size:
        raise ValueError(f"{path!r} does not have the bytes of {shape} {code}")
    if size and not (offset and dataset.get_create_plist().get_layout() == h5d.CONTIGUOUS):
        raise ValueError(f"{path!r} is not one run of bytes: another program must have made it")
    return Stored(path, shape, code, bool(np.all(trainable)), offset, object_address(dataset)[0], False)
