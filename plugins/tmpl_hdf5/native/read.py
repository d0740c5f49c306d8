"""Read a native checkpoint by its index: no libhdf5, no walking of groups, nothing believed before it is checked."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, ItemsView, Iterable, Iterator, Mapping
from itertools import compress, repeat
from pathlib import Path
from typing import Any, final

import numpy as np
import xxhash

from tmpl_hdf5.native.blocks import read_exactly, read_into
from tmpl_hdf5.native.check import check_meta, check_padding, check_rows
from tmpl_hdf5.native.fits import AT_ONCE, are_plain, are_ready, fit
from tmpl_hdf5.native.index import HEADER_SIZE, Header, Index, index_place
from tmpl_hdf5.native.mapping import FileMap
from tmpl_hdf5.native.metadata import decode_meta
from tmpl_hdf5.native.packing import unpack
from tmpl_hdf5.native.plan import LARGE
from tmpl_hdf5.native.scatter import fill, views
from tmpl_hdf5.native.text import decode_text
from tmpl_hdf5.native.variable import NativeVariable
from tmplcore.checkpoint.format import Damage, LazyVariable, Metadata, Reader
from tmplcore.checkpoint.stored import InputFile, StoredArray
from tmplcore.errors import (
    CheckpointNotFoundError,
    DamagedError,
    RestoreError,
    UnreadableError,
    VariableMissingError,
)

__all__ = ["NativeReader"]

_SMALLEST_BOMB = 64 << 20
_HEAD = 16 << 10  # bytes that are read first: structure and index of a file of a few dozen variables
_MOST_HEAD = 1 << 20  # bytes of structure and index that are read together: those of a few thousand
# A pipe in place of a file is not waited for.
_FLAGS = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@final
class NativeReader(Reader):
    """An open native checkpoint.

    Attributes:
        index: Its decoded index.
    """

    format = "tmplcore"
    hashed = True

    def __init__(self, path: Path, *, damaged: bool = False) -> None:
        self.path = path
        self._fd = -1
        self._map: FileMap | None = None
        try:
            self._fd = os.open(path, _FLAGS)
        except FileNotFoundError:
            raise CheckpointNotFoundError(f"there is no checkpoint at {path}") from None
        except OSError as error:
            raise UnreadableError(f"{path} cannot be read: {error.strerror}") from error
        self._rows: dict[str, int] | None = None
        try:
            about = os.fstat(self._fd)
            if not stat.S_ISREG(about.st_mode):
                raise UnreadableError("it is not a file")
            self.size = about.st_size
            head = self._head()
            self.index = self._decoded(head, getattr(about, "st_blocks", 1 << 40) * 512)
            problems = self.structure_damage(head)
            if problems and not damaged:
                hint = "if it was edited with an HDF5 tool on purpose, read it as --format hdf5"
                if self.size < self.index.header.size:
                    hint = "it was cut short: tmplctl verify says what is whole, and --salvage writes that"
                raise DamagedError(problems[0].problem, hint=hint, damage=problems)
        except EOFError as error:
            self.close()
            raise DamagedError(f"{path} is cut short: {error}") from None
        except UnreadableError as error:
            self.close()
            error.args = (f"{path}: {error}",)
            raise
        except BaseException:
            self.close()
            raise

    def _head(self) -> bytes:
        """Return the first bytes of the file; of one that is not large, all up to the end of the index."""
        head = os.pread(self.fd, _HEAD, 0)
        at, size = index_place(head)
        if len(head) < at + size <= _MOST_HEAD:
            head += os.pread(self.fd, at + size - len(head), len(head))
        return head

    def _decoded(self, head: bytes, allocated: int) -> Index:
        """Return the index, of a file that begins with `head` and takes that many bytes of the disk."""
        at, size = index_place(head)
        header = Header.unpack(self._bytes(at, HEADER_SIZE, head))
        if (at, size) != (header.index, header.index_size) or size > max(_SMALLEST_BOMB, 8 * allocated):
            raise DamagedError("the sizes in its index cannot be")
        return Index.decode(header, self._bytes(at, size, head))

    def _bytes(self, at: int, size: int, head: bytes) -> bytes:
        return head[at : at + size] if at + size <= len(head) else read_exactly(self.fd, size, at)

    def structure_damage(self, head: bytes = b"") -> list[Damage]:
        """Check the size of the file and the hash of its structure; return what is wrong.

        Args:
            head: The file's first bytes, as far as they have just been read.
        """
        header = self.index.header
        found = []
        if self.size != header.size:
            found.append(self.damage(None, f"the file has {self.size} bytes and should have {header.size}"))
        if self._structure_hash(header.structure, head) != header.structure_hash:
            problem = "the structure is not what was written: the hash differs"
            found.append(self.damage(None, problem, 0, header.structure))
        return found

    def damage(self, name: str | None, problem: str, start: int | None = None, stop: int | None = None) -> Damage:
        """Return a finding in this file."""
        return Damage(name, problem, str(self.path), start, stop)

    def _structure_hash(self, size: int, head: bytes) -> bytes:
        if size <= len(head):
            return xxhash.xxh3_128_digest(memoryview(head)[:size])
        digest = xxhash.xxh3_128()
        buffer = memoryview(bytearray(min(1 << 20, size)))
        for start in range(0, size, len(buffer)):
            view = buffer[: min(len(buffer), size - start)]
            read_into(self.fd, view, start)
            digest.update(view)
        return digest.digest()

    @property
    def meta(self) -> Metadata:
        """What the checkpoint says of itself."""
        header = self.index.header
        try:
            text = read_exactly(self.fd, header.meta_size, header.meta)
        except EOFError as error:
            raise DamagedError(f"{self.path} is cut short: {error}") from None
        if xxhash.xxh3_64_intdigest(text) != header.meta_hash:
            raise DamagedError(f"{self.path}: the metadata is not what was written: the hash differs")
        return decode_meta(text)

    def __getitem__(self, name: str) -> NativeVariable:
        row = self._positions().get(name)
        if row is None:
            raise VariableMissingError(f"{self.path} has no variable {name!r}")
        stored, shape = self.kind(row)
        return NativeVariable(self, row, name, shape, stored.dtype)

    def __contains__(self, name: object) -> bool:
        return name in self._positions()

    def __iter__(self) -> Iterator[str]:
        return iter(self.index.names)

    def __len__(self) -> int:
        return self.index.header.rows

    def items(self) -> ItemsView[str, LazyVariable]:
        """Names and variables, made as they are asked for."""
        return _Items(self)

    def _positions(self) -> dict[str, int]:
        if self._rows is None:
            names = self.index.names
            rows = dict(zip(names, range(len(names)), strict=True))
            if len(rows) != len(names):
                raise DamagedError(f"{self.path}: its index has a name twice")
            self._rows = rows
        return self._rows

    def kind(self, row: int) -> Any:
        """Return the stored type and the shape of a row."""
        return self.index.kinds[self.index.types[row]]

    def variables(self) -> Iterator[NativeVariable]:
        """Yield all variables, fast."""
        return map(NativeVariable, repeat(self), range(len(self)), self.index.names, *self.columns())

    def columns(self) -> tuple[list[tuple[int, ...]], list[np.dtype[Any]]]:
        """Return shapes and dtypes; see `Reader.columns`."""
        if len(self.index.kinds) == 1:
            [(stored, shape)] = self.index.kinds
            return [shape] * len(self), [stored.dtype] * len(self)
        return self._expanded(self.index.types)

    def lists(self, names: Collection[str]) -> bool:
        """Compare names as text, of which none has to be taken apart; see `Reader.lists`."""
        return self.index.is_listed(names)

    def _expanded(self, types: np.ndarray, *, raw: bool = False) -> tuple[list[Any], list[Any]]:
        """Return the shapes and the dtypes (those stored, if `raw`) of rows, of which the types are given."""
        kinds = self.index.kinds
        shapes = [shape for _, shape in kinds]
        dtypes = [stored.raw if raw else stored.dtype for stored, _ in kinds]
        if len(kinds) == 1:
            return shapes * len(types), dtypes * len(types)
        numbers = types.tolist()
        return list(map(shapes.__getitem__, numbers)), list(map(dtypes.__getitem__, numbers))

    @property
    def aliases(self) -> dict[str, str]:
        """Second names, and the first; see `Reader.aliases`."""
        names = self.index.names
        return {names[row]: names[first] for row, first in sorted(self.index.aliases.items())}

    @property
    def fd(self) -> int:
        """The open file."""
        if self._fd < 0:
            raise ValueError(f"the checkpoint {self.path} is closed")
        return self._fd

    def read_row(self, row: int) -> np.ndarray:
        """Read a whole variable."""
        stored, shape = self.kind(row)
        out = np.empty(shape, stored.raw)
        self._fill(np.array([row]), [out], verify=False)
        return self._finished(row, out)

    def read_slice(self, row: int, index: Any) -> np.ndarray:
        """Read a part of a variable: only the pages that hold it."""
        stored, shape = self.kind(row)
        if stored.is_text or 0 in shape or row in self.index.packed:
            return np.asarray(self.read_row(row)[index])
        if self._mapping().is_better:
            return np.array(self._mapped(np.array([row]))[0][index], copy=True)
        with InputFile.of(self.path, self.fd) as file:
            name, at = self.index.names[row], int(self.index.offsets[row])
            return StoredArray(name, shape, stored.dtype, file, at)[index]

    def read(
        self, names: Iterable[str] | None = None, *, mapped: bool = False, verify: bool = False
    ) -> dict[str, np.ndarray]:
        """Return arrays; see `Reader.read`."""
        names = None if names is None else list(names)
        rows = self._numbers(names)
        wanted = self.index.names if names is None else names
        index = self.index
        types = index.types[rows]
        if mapped and self._mapping().is_better:
            there = index.sizes[rows] > 0
            there &= ~_any([stored.is_text for stored, _ in index.kinds], types)
            there &= ~index.is_packed[rows]
            if verify:
                self._refuse(list(check_rows(self, rows[there])), ())
            arrays = self._mapped(rows[there])
            if len(arrays) == len(rows):
                return dict(zip(wanted, arrays, strict=True))
            others = self.read([wanted[n] for n in np.flatnonzero(~there).tolist()], verify=verify)
            for other in others.values():
                other.flags.writeable = False
            found = dict(zip((wanted[n] for n in np.flatnonzero(there).tolist()), arrays, strict=True)) | others
            return {name: found[name] for name in wanted}
        shapes, raws = self._expanded(types, raw=True)
        outs = list(map(np.empty, shapes, raws))
        self._refuse(self._fill(rows, outs, verify=verify), ())
        for number in np.flatnonzero(_any([stored.raw != stored.dtype for stored, _ in index.kinds], types)).tolist():
            outs[number] = self._finished(int(rows[number]), outs[number])
        for out in outs if mapped else ():
            out.flags.writeable = False
        return dict(zip(wanted, outs, strict=True))

    def read_into(self, targets: Mapping[str, np.ndarray], *, verify: bool = False) -> None:
        """Fill arrays; see `Reader.read_into`. Nothing is touched unless all of them fit and can be written to."""
        outs = list(targets.values())
        rows = self._numbers(targets)
        types = self.index.types[rows]
        shapes, dtypes = self._expanded(types)
        are_all_plain = True
        for start in range(0, len(outs), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            if are_ready(outs[part], shapes[part], dtypes[part]):
                continue
            if not fit(outs[part], shapes[part], dtypes[part], plain=False):
                for name, out, shape, dtype in zip(targets, outs, shapes, dtypes, strict=True):
                    if out.shape != shape or out.dtype != dtype:
                        raise ValueError(f"{name!r} is {shape} {dtype}, the array is {out.shape} {out.dtype}")
            are_all_plain = are_all_plain and are_plain(outs[part])
        is_text = [stored.is_text for stored, _ in self.index.kinds]
        if are_all_plain and not any(is_text):
            self._fill_named(rows, outs, targets, verify=verify)
            return
        for name, out in zip(targets, outs, strict=True):
            if not out.flags.writeable:
                raise ValueError(f"the array {name!r} is read-only")
        # Text, and arrays that are not one run of memory: through copies, which are read (and verified) first.
        copied = [is_text[kind] or not out.flags.carray for kind, out in zip(types.tolist(), outs, strict=True)]
        copies = self.read(compress(targets, copied), verify=verify)
        self.fill({name: out for name, out in targets.items() if name not in copies}, verify=verify)
        for name, value in copies.items():
            targets[name][...] = value

    def fill(self, arrays: Mapping[str, np.ndarray], *, verify: bool = False) -> None:
        """Fill arrays that fit; see `Reader.fill`."""
        self._fill_named(self._numbers(arrays), list(arrays.values()), arrays, verify=verify)

    def _fill_named(self, rows: np.ndarray, outs: list[np.ndarray], names: Iterable[str], *, verify: bool) -> None:
        odd = _any([stored.raw != stored.dtype for stored, _ in self.index.kinds], self.index.types[rows])
        for number in np.flatnonzero(odd).tolist():  # what has no buffer of its own dtype: bfloat16, times
            outs[number] = outs[number].view(self.kind(int(rows[number]))[0].raw)
        try:
            damage = self._fill(rows, outs, verify=verify)
        except DamagedError as error:
            error.overwritten = tuple(names)
            raise
        self._refuse(damage, names)

    def _finished(self, row: int, out: np.ndarray) -> np.ndarray:
        """Return what was read as the user knows it."""
        stored, _ = self.kind(row)
        if stored.is_text:
            return decode_text(out, stored, self.index.lengths.get(row))
        return out if out.dtype == stored.dtype else out.view(stored.dtype)

    def _numbers(self, names: Collection[str] | None) -> np.ndarray:
        """Return the rows of some variables; of all, for None."""
        if names is None or self.index.is_listed(names):
            return np.arange(len(self))
        try:
            return np.array(list(map(self._positions().__getitem__, names)), np.int64)
        except KeyError as error:
            raise VariableMissingError(f"{self.path} has no variable {error.args[0]!r}") from None

    def _fill(self, numbers: np.ndarray, outs: list[np.ndarray], *, verify: bool) -> list[Damage]:
        """Fill arrays of the stored types; return those whose hash differs."""
        index = self.index
        damage = []
        for number, row in enumerate(numbers.tolist()) if index.packed else ():
            if row in index.packed:
                outs[number][...] = unpack(self, row)
                if verify:
                    damage += list(check_rows(self, np.array([row])))
        sizes = index.sizes[numbers]
        plain = (sizes > 0) & ~index.is_packed[numbers]
        places = np.flatnonzero(plain)
        offsets = index.offsets[numbers[places]]
        if (np.diff(offsets) < 0).any():
            order = np.argsort(offsets, kind="stable")
            places, offsets = places[order], offsets[order]
        buffers = outs if np.array_equal(places, np.arange(len(outs))) else list(map(outs.__getitem__, places.tolist()))
        try:
            hashes = fill(self.fd, offsets, sizes[places], buffers, LARGE, hashed=verify)
        except EOFError as error:
            raise DamagedError(f"{self.path} is cut short: {error}", hint="tmplctl verify says what is whole") from None
        if hashes is not None:
            bad = numbers[places[hashes != index.hashes[numbers[places]]]]
            found = list(check_rows(self, bad))
            if len(found) < len(bad):
                self._refuse_changed([index.names[row] for row in bad.tolist()], {one.name for one in found})
            damage += found
        return damage

    def _refuse_changed(self, names: list[str], damaged: Collection[str | None]) -> None:
        intact = [name for name in names if name not in damaged]
        shown = ", ".join(map(repr, intact[:5])) + (", …" if len(intact) > 5 else "")
        raise RestoreError(
            f"{self.path} is intact, but {shown} changed while being read: the arrays do not hold what was read",
            hint="either the target has arrays that share memory and the checkpoint has different values for them "
            "(leave one out with exclude), or something else writes to them",
        )

    def _mapped(self, numbers: np.ndarray) -> list[np.ndarray]:
        """Return variables with data as read-only arrays over the mapped file."""
        if not len(numbers):
            return []
        index = self.index
        if int((index.offsets[numbers] + index.sizes[numbers]).max(initial=0)) > self.size:
            raise DamagedError(f"{self.path} is cut short", hint="tmplctl verify says what is whole")
        kinds = [(stored.dtype, shape) for stored, shape in index.kinds]
        return views(self._mapping().buffer(), 0, kinds, index.types[numbers], index.offsets[numbers])

    def _mapping(self) -> FileMap:
        if self._map is None:
            self._map = FileMap(self.fd, self.size)
        return self._map

    def differs(self, row: int) -> Damage:
        """Return the finding that the hash of a variable differs."""
        at = int(self.index.offsets[row])
        problem = "the data is not what was written: the hash differs"
        return self.damage(self.index.names[row], problem, at, at + int(self.index.sizes[row]))

    def _refuse(self, damage: list[Damage], overwritten: Iterable[str]) -> None:
        if damage:
            names = ", ".join(repr(found.name) for found in damage[:5]) + (", …" if len(damage) > 5 else "")
            raise DamagedError(
                f"{self.path}: {names}: {damage[0].problem}",
                hint="restore an earlier step; tmplctl verify --salvage writes what is intact",
                damage=damage,
                overwritten=overwritten,
            )

    def verify(
        self, names: Iterable[str] | None = None, *, jobs: int = 1, progress: Callable[[int], None] | None = None
    ) -> Iterator[Damage]:
        """Check every byte of the file, or the structure and some variables; see `Reader.verify`."""
        yield from self.structure_damage()
        yield from check_meta(self)
        rows = self._numbers(None if names is None else list(names))
        yield from check_rows(self, rows, jobs=jobs, progress=progress)
        if names is None:
            yield from check_padding(self)

    def close(self) -> None:
        """Give the file back."""
        fd, self._fd = self._fd, -1
        self._map = None
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()


def _any(of_kind: list[bool], types: np.ndarray) -> np.ndarray:
    """Return what is true of the kinds of rows, for each row."""
    return np.array(of_kind, bool)[types] if of_kind else np.zeros(len(types), bool)


class _Items(ItemsView[str, LazyVariable]):
    """Items without a look-up each."""

    _mapping: NativeReader

    def __iter__(self) -> Iterator[tuple[str, LazyVariable]]:
        return zip(self._mapping.index.names, self._mapping.variables(), strict=True)
