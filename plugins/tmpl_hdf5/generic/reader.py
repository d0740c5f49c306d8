"""Read any HDF5 file as a tree of datasets."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, final

import h5py
import numpy as np
from h5py import h5d, h5g, h5s

from tmpl_hdf5.backend_attach import MARK
from tmpl_hdf5.generic.attributes import FAILURES, attribute, attributes
from tmpl_hdf5.generic.examiner import examined
from tmpl_hdf5.generic.guard import object_address
from tmpl_hdf5.generic.types import ForeignType, foreign_type
from tmpl_hdf5.generic.walk import bound_cache, datasets
from tmpl_hdf5.names import from_path
from tmpl_hdf5.native.dtypes import stored_type
from tmplcore.checkpoint.format import Damage, Format, LazyVariable, Metadata, Reader
from tmplcore.errors import (
    CheckpointNotFoundError,
    DamagedError,
    StorageLockedError,
    UnreadableError,
    VariableMissingError,
)

__all__ = ["HDF5Format", "HDF5Reader", "HDF5Variable"]


@final
class HDF5Variable(LazyVariable):
    """A dataset of an HDF5 file."""

    __slots__ = ("_alias_of", "_dataset", "_text_nbytes", "_trainable", "_type", "dtype", "name", "shape")

    def __init__(
        self, name: str, dataset: h5d.DatasetID, kind: ForeignType, alias_of: str | None, trainable: bool | None
    ) -> None:
        self.name = name
        self.shape = tuple(map(int, dataset.shape))
        self.dtype = kind.dtype
        self._dataset = dataset
        self._type = kind
        self._text_nbytes = int(dataset.get_storage_size()) if kind.dtype.hasobject else 0
        self._alias_of = alias_of
        self._trainable = trainable

    @property
    def alias_of(self) -> str | None:
        """The name of the variable under which the same data is listed first."""
        return self._alias_of

    @property
    def trainable(self) -> bool | None:
        """Whether an optimizer changes it: known of the variables in a live backend's working file."""
        return self._trainable

    @property
    def nbytes(self) -> int:
        """Bytes of the value."""
        return self._text_nbytes if self.dtype.hasobject else super().nbytes

    def __getitem__(self, index: Any) -> np.ndarray:
        region = _region(index, self.shape)
        if region is None or not self.shape or 0 in self.shape:
            out = self._read(h5s.ALL, self.shape)
            return out if index is Ellipsis else np.asarray(out[index])
        starts, counts, steps, kept = region
        if 0 in counts:
            return np.empty([counts[axis] for axis in kept], self.dtype)
        selection = self._dataset.get_space()
        selection.select_hyperslab(starts, counts, steps)
        return self._read(selection, counts).reshape([counts[axis] for axis in kept])

    def read_into(self, out: np.ndarray) -> None:
        """Read the whole value into an array."""
        if out.shape != self.shape or out.dtype != self.dtype:
            raise ValueError(f"{self.name!r} is {self.shape} {self.dtype}, the array is {out.shape} {out.dtype}")
        if self.dtype.hasobject or not out.flags.c_contiguous:
            out[...] = self[...]
        elif out.size:
            self._fill(out.view(self._type.raw), h5s.ALL, h5s.ALL)

    def _read(self, selection: Any, counts: tuple[int, ...]) -> np.ndarray:
        out = np.empty(counts, self._type.raw)
        if out.size:
            memory = h5s.ALL if selection is h5s.ALL else h5s.create_simple(counts)
            self._fill(out, memory, selection)
        if self.dtype.hasobject:
            plain = np.empty(out.shape, object)
            plain[...] = out
            return plain
        return out.view(self.dtype)

    def _fill(self, out: np.ndarray, memory: Any, selection: Any) -> None:
        try:
            self._dataset.read(memory, selection, out, mtype=self._type.memory)
        except FAILURES as error:
            raise DamagedError(f"variable {self.name!r} cannot be read: {error}") from error


@final
class HDF5Reader(Reader):
    """An open HDF5 file; every dataset is a variable, named by its path.

    Args:
        path: The file.
        damage: What is known to be wrong with it, for `verify` to report.
    """

    format = "hdf5"

    def __init__(self, path: Path, *, damage: tuple[Damage, ...] = ()) -> None:
        self.path = path
        self._damage = damage
        if not path.exists():
            raise CheckpointNotFoundError(f"there is no checkpoint at {path}")
        if not path.is_file():  # opening a pipe would wait for its other end
            raise UnreadableError(f"{path} is not a file")
        size = path.stat().st_size
        examined(path, size)
        try:
            self._file = h5py.File(path, "r", locking="best-effort")
        except BlockingIOError as error:
            from tmpl_hdf5.backend_lock import owner

            raise StorageLockedError(
                f"{path} is in use by {owner(path)}",
                hint="a working file is read when its process has ended; checkpoints can be read at any time",
            ) from error
        except OSError as error:
            if "truncated file" in str(error):
                hint = "copy or download it again"
                raise DamagedError(f"{path}: the file was cut short: {error}", hint=hint) from error
            raise UnreadableError(f"{path} cannot be read as HDF5: {error}") from error
        try:
            bound_cache(self._file.id)
            self._variables, self._skipped = _variables(self._file.id, size)
        except UnreadableError as error:
            self.close()
            raise type(error)(f"{path}: {error}", hint=error.hint) from None
        except FAILURES as error:
            self.close()
            raise DamagedError(f"{path}: its structure cannot be read: {error}") from error

    @property
    def meta(self) -> Metadata:
        """The attributes of the root group, and what of the file is not a variable."""
        provenance: dict[str, Any] = {}
        if found := attributes(h5g.open(self._file.id, b"/")):
            provenance["attributes"] = found
        if self._skipped:
            provenance["skipped"] = dict(self._skipped)
        return Metadata(provenance=provenance)

    def __getitem__(self, name: str) -> LazyVariable:
        try:
            return self._variables[name]
        except KeyError:
            raise VariableMissingError(f"{self.path} has no variable {name!r}") from None

    def __contains__(self, name: object) -> bool:
        return name in self._variables

    def __iter__(self) -> Iterator[str]:
        return iter(self._variables)

    def __len__(self) -> int:
        return len(self._variables)

    def verify(
        self, names: Iterable[str] | None = None, *, jobs: int = 1, progress: Callable[[int], None] | None = None
    ) -> Iterator[Damage]:
        """Read everything: HDF5 keeps no hashes, but filters notice some damage. See `Reader.verify`."""
        yield from self._damage
        yield from super().verify(names, jobs=jobs, progress=progress)

    def close(self) -> None:
        """Give the file back."""
        self._variables = {}
        with contextlib.suppress(*FAILURES):  # libhdf5 stumbles once more over what is damaged
            self._file.close()


@final
class HDF5Format(Format):
    """Any HDF5 file: Keras weights, a live backend's working file, what other tools wrote."""

    name = "hdf5"
    suffixes = (".h5", ".hdf5")

    def open(self, path: Path) -> Reader:
        """Open a checkpoint."""
        return HDF5Reader(path)


def _variables(file: Any, file_size: int) -> tuple[dict[str, HDF5Variable], dict[str, str]]:
    """Return the variables of a file by name, and what is none and why."""
    found = sorted(datasets(file, file_size), key=lambda item: item[0])
    variables: dict[str, HDF5Variable] = {}
    skipped: dict[str, str] = {}
    firsts: dict[int, str] = {}
    working = attribute(h5g.open(file, b"/"), MARK[0].encode()) == MARK[1].encode()
    for path, dataset in found:
        name = from_path(path)
        try:
            if dataset.get_space().get_simple_extent_type() == h5s.NULL:
                raise TypeError("no data at all")
            kind = foreign_type(dataset.get_type())
        except FAILURES as error:
            skipped[name] = f"not a variable: it holds {error}"
            continue
        address, links = object_address(dataset)
        first = firsts.setdefault(address, name) if links > 1 else name
        trainable = None
        if working:
            kind, trainable = _named_type(dataset, kind), _trainable(dataset)
        variables[name] = HDF5Variable(name, dataset, kind, None if first == name else first, trainable)
    return variables, skipped


def _named_type(dataset: h5d.DatasetID, kind: ForeignType) -> ForeignType:
    """Return the type that a working file's attribute names, where HDF5 has none like it (int4 is bytes)."""
    if kind.dtype != np.uint8 or not isinstance(code := attribute(dataset, b"dtype"), bytes):
        return kind
    try:
        named = stored_type(code.decode())
    except ValueError:
        return kind
    return ForeignType(named.dtype, kind.raw, kind.memory) if named.raw == kind.raw else kind


def _trainable(dataset: h5d.DatasetID) -> bool | None:
    value = attribute(dataset, b"trainable")
    return bool(value) if isinstance(value, np.bool_) else None


def _region(index: Any, shape: tuple[int, ...]) -> Any:
    """Return basic indexing as starts, counts, steps and the axes that stay; None if it is something else."""
    parts = index if isinstance(index, tuple) else (index,)
    if sum(part is Ellipsis for part in parts) > 1:
        return None
    if Ellipsis in parts:
        at = next(number for number, part in enumerate(parts) if part is Ellipsis)
        parts = (*parts[:at], *[slice(None)] * (len(shape) - len(parts) + 1), *parts[at + 1 :])
    parts = (*parts, *[slice(None)] * (len(shape) - len(parts)))
    if len(parts) != len(shape):
        return None
    starts, counts, steps, kept = [], [], [], []
    for axis, (part, length) in enumerate(zip(parts, shape, strict=True)):
        if isinstance(part, slice):
            start, stop, step = part.indices(length)
            if step < 1:
                return None
            starts.append(start)
            counts.append(len(range(start, stop, step)))
            steps.append(step)
            kept.append(axis)
        elif isinstance(part, int | np.integer) and -length <= part < length:
            starts.append(int(part) % length)
            counts.append(1)
            steps.append(1)
        else:
            return None
    return tuple(starts), tuple(counts), tuple(steps), kept
