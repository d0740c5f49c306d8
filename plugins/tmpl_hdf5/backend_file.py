"""The working file of the HDF5 backend: its space, its lock, its structure, and the map on it."""

from __future__ import annotations

import mmap
import os
import struct
import threading
import weakref
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import Literal, final

import numpy as np

from tmpl_hdf5.backend_attach import MARK, Stored, check_mark, read
from tmpl_hdf5.backend_lock import is_deleted, lock, unlock, write_note
from tmpl_hdf5.backend_structure import (
    EOF_AT,
    ROOT_AT,
    Group,
    dataset_header,
    superblock,
    text_attribute,
    truth_attribute,
)
from tmpl_hdf5.names import VALUE, check_names
from tmpl_hdf5.native.dtypes import stored_type
from tmplcore.checkpoint.commit import put, temporary_name
from tmplcore.errors import BackendError, ExistsError

__all__ = ["WorkingFile"]

_SLAB = 64 << 10  # taken from the file at once, for structure or for small arrays; more in a larger file
_LARGE = 1 << 20  # bytes from which an array has pages of its own
_ALIGN = 64  # what NumPy, JAX and vector instructions want
_WINDOW = 4 << 20  # small arrays share maps of this size
_NEW = 0o666


@final
class WorkingFile:
    """An HDF5 file that holds variables while they change.

    At every moment it is a whole file that any HDF5 reader opens. See `tmpl_hdf5.backend_structure` for how.

    Args:
        path: The file.
        existing: What to do if it exists: `attach` to it, `overwrite` it, or call it an `error`.

    Raises:
        StorageLockedError: Another process has it.
        BackendError: It exists and is to be an error, or it is no working file.
    """

    def __init__(self, path: Path, existing: Literal["attach", "overwrite", "error"]) -> None:
        self.path = path
        self._mutex = threading.RLock()  # no code of others runs while it is held
        self.stored: dict[str, Stored] = {}
        self._groups: dict[str, Group] = {}
        self._free: dict[int, list[int]] = defaultdict(list)
        self._free_data: dict[int, list[int]] = defaultdict(list)
        self._slab = self._data_slab = (0, 0)
        self._maps: dict[tuple[int, int], mmap.mmap] = {}
        self._windows: dict[int, tuple[int, np.ndarray]] = {}
        self._process = os.getpid()
        if existing == "error" and path.exists():
            raise BackendError(f"{path} exists already", hint='use existing="attach" or "overwrite", or another path')
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = self._open(existing)
            self._release = weakref.finalize(self, _release, self._descriptor, path, self._process)
            try:
                write_note(path)
            except BaseException:
                self._release()
                raise
        except OSError as error:
            raise BackendError(
                f"{path} cannot be opened as a working file: {error.strerror} ({error.filename or path})",
                hint="give the backend a path in a directory that can be written to",
            ) from error

    # opening and closing

    def _open(self, existing: str) -> int:
        while True:
            try:
                descriptor = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                descriptor = None
            except IsADirectoryError:
                raise BackendError(
                    f"{self.path} is a directory", hint="name a file in it, as in path=…/run.h5"
                ) from None
            if descriptor is None:
                # To be opened as any other file: where a hard link is taken for another file (some FUSE file systems),
                # what was opened before it was made would be locked for nobody else.
                self._make(existing)
                continue
            try:
                lock(descriptor, self.path)
                with suppress(FileNotFoundError):
                    if os.path.samestat(os.fstat(descriptor), self.path.stat()):
                        if existing == "overwrite" or os.fstat(descriptor).st_size == 0:
                            check_mark(self.path)
                            new = self._remake()
                            os.close(descriptor)
                            return new
                        self._attach(descriptor)
                        return descriptor
                os.close(descriptor)  # it was replaced while this process waited at its door
            except BaseException:
                os.close(descriptor)
                raise

    def _make(self, existing: str) -> None:
        """Make an empty working file, whole from the first moment on."""
        new, descriptor = self._empty()
        try:
            try:
                self._trim()
            finally:
                os.close(descriptor)
            put(new, self.path)
        except ExistsError:
            if existing == "error":
                raise BackendError(f"{self.path} was made by another process just now", hint="try again") from None
        finally:
            new.unlink(missing_ok=True)
        self._groups.clear()

    def _remake(self) -> int:
        """Put an empty working file in the place of one that is locked; return its descriptor, locked."""
        new, descriptor = self._empty()
        try:
            lock(descriptor, self.path)
            new.replace(self.path)
        except BaseException:
            os.close(descriptor)
            raise
        finally:
            new.unlink(missing_ok=True)
        return descriptor

    def _empty(self) -> tuple[Path, int]:
        """Write an empty working file beside its place; return its path and its descriptor."""
        new = temporary_name(self.path)
        descriptor = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, _NEW)
        try:
            self._descriptor, self._end = descriptor, ROOT_AT
            os.pwrite(descriptor, superblock(ROOT_AT), 0)
            root = self._groups[""] = Group(self, attributes=[text_attribute(*MARK)])
            assert root.header == ROOT_AT
        except BaseException:
            os.close(descriptor)
            new.unlink(missing_ok=True)
            raise
        return new, descriptor

    def _attach(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._end = os.fstat(descriptor).st_size
        self.stored, groups = read(self.path, descriptor)
        for name, found in groups.items():
            self._groups[name] = Group(self, found.header, found.pointers, found.links.items())
        self._note_end()

    @property
    def closed(self) -> bool:
        """Whether the file was given back."""
        return not self._release.alive

    def flush(self) -> None:
        """Bring everything to the disk: msync, then fsync.

        Raises:
            BackendError: The file was deleted meanwhile.
        """
        with self._mutex:
            maps = list(self._maps.values())
        for view in maps:
            view.flush()
        os.fsync(self._descriptor)
        self._must_exist()

    def close(self) -> None:
        """Flush and give the file back. Arrays that were handed out stay readable.

        Raises:
            BackendError: The file was deleted meanwhile. It is given back all the same.
        """
        if self.closed:
            return
        try:
            if os.getpid() == self._process:
                self._trim()
                self.flush()
        finally:
            self._maps.clear()
            self._windows.clear()
            self._release()

    def _must_exist(self) -> None:
        if is_deleted(self._descriptor):
            raise BackendError(
                f"{self.path} was deleted while it was in use: its variables end with this process",
                hint="the values can still be read: save them with tmplcore.checkpoint.save",
            )

    def _must_own(self) -> None:
        if os.getpid() != self._process:
            raise BackendError(
                f"{self.path} belongs to process {self._process}, from which this one was forked: "
                "values can be read and written here, variables cannot be made or deleted",
                hint="make the variables before forking, or start the other process by spawn",
            )

    # space

    def take(self, size: int) -> int:
        """Return the address of unused bytes for structure."""
        if self._free[size]:
            return self._free[size].pop()
        at, end = self._slab
        rounded = size + 7 & ~7
        if at + rounded > end:
            room = max(self._room(), rounded)
            at = self._extend(room, 8)
            end = at + room
        self._slab = (at + rounded, end)
        return at

    def give(self, address: int, size: int) -> None:
        """Use this space again for structure of the same size."""
        self._free[size].append(address)

    def write(self, address: int, data: bytes) -> None:
        """Write structure in one system call."""
        if os.pwrite(self._descriptor, data, address) != len(data):
            raise BackendError(f"{self.path}: the disk took only a part of a write")

    def _take_data(self, size: int) -> int:
        rounded = size + _ALIGN - 1 & -_ALIGN
        if self._free_data[rounded]:
            return self._free_data[rounded].pop()
        if rounded >= _LARGE:
            return self._extend(rounded, mmap.PAGESIZE)
        at, end = self._data_slab
        if at + rounded > end:
            room = max(self._room(), rounded)
            at = self._extend(room, mmap.PAGESIZE)
            end = at + room
        self._data_slab = (at + rounded, end)
        return at

    def _room(self) -> int:
        return min(max(_SLAB, self._end // 4), _LARGE) & -mmap.PAGESIZE

    def _extend(self, size: int, align: int) -> int:
        """Make the file longer, with room on the disk so that the map can never meet a full one."""
        start = self._end + align - 1 & -align
        try:
            os.posix_fallocate(self._descriptor, self._end, start + size - self._end)
        except OSError as error:
            os.ftruncate(self._descriptor, self._end)
            raise BackendError(
                f"{self.path} cannot grow by {size} bytes: {error.strerror}", hint="make room on the disk"
            ) from error
        self._end = start + size
        self._note_end()
        return start

    def _trim(self) -> None:
        """Give the unused end of the file back."""
        for at, end in sorted([self._slab, self._data_slab], reverse=True):
            if end == self._end > at:
                self._end = at
        self._slab = self._data_slab = (0, 0)
        self._note_end()
        os.ftruncate(self._descriptor, self._end)

    def _note_end(self) -> None:
        self.write(EOF_AT, struct.pack("<Q", self._end))

    # variables

    def reserve(self, name: str, shape: tuple[int, ...], code: str, trainable: bool) -> Stored:
        """Take room for a variable that is not in the structure yet."""
        self._must_own()
        self._must_exist()
        new = Stored(name, shape, code, trainable, 0)
        with self._mutex:
            if new.nbytes:
                new.offset = self._take_data(new.nbytes)
        return new

    def discard(self, stored: Stored) -> None:
        """Give back the room of a variable that is not, or no longer, in the structure."""
        with self._mutex:
            if stored.nbytes and not stored.mapped:
                self._free_data[stored.nbytes + _ALIGN - 1 & -_ALIGN].append(stored.offset)

    def publish(self, name: str, stored: Stored) -> None:
        """Make a variable, whose data is written, part of the file; an older one of that name is replaced."""
        kind = stored_type(stored.code)
        attributes = (
            truth_attribute("trainable", stored.trainable, stored_type("|b1").message),
            text_attribute("dtype", stored.code),
        )
        image = dataset_header(stored.shape, kind.message, stored.offset, stored.nbytes, attributes)
        with self._mutex:
            stored.header = self.take(len(image))
            self.write(stored.header, image)
            stored.path = f"{name}/{VALUE}" if name in self._groups else name
            self._link(stored.path, stored.header)
            self.stored[name] = stored

    def check(self, name: str) -> None:
        """Refuse a name that has no path in an HDF5 file.

        Raises:
            InvalidNameError: It says why.
        """
        check_names([name])

    def withdraw(self, name: str) -> Stored:
        """Take a variable out of the file, with the groups that it leaves empty."""
        self._must_own()
        with self._mutex:
            stored = self.stored[name]
            path = stored.path
            emptied = []
            while True:
                scope, _, last = path.rpartition("/")
                if len(self._groups[scope].links) > 1 or not scope:
                    self._groups[scope].remove(last.encode())
                    break
                # The only one left in its group: the group goes too, by one change further up.
                emptied.append(scope)
                path = scope
            for scope in emptied:
                del self._groups[scope]
            return self.stored.pop(name)

    def _link(self, path: str, header: int) -> None:
        """Make an object reachable, by one change in the nearest group that exists."""
        made: dict[str, Group] = {}
        moved: tuple[str, Stored] | None = None
        while True:
            scope, _, last = path.rpartition("/")
            group = self._groups.get(scope)
            if group is not None:
                group.put(last.encode(), header)
                break
            present = [(last.encode(), header)]
            if scope in self.stored:  # a variable becomes a scope as well
                moved = (f"{scope}/{VALUE}", self.stored[scope])
                present.append((VALUE.encode(), self.stored[scope].header))
            made[scope] = Group(self, present=present)
            path, header = scope, made[scope].header
        self._groups.update(made)
        if moved is not None:
            moved[1].path = moved[0]

    # data

    def read(self, at: int, into: np.ndarray) -> None:
        """Fill a C-order array from the file."""
        view, done = _bytes(into), 0
        while done < len(view):
            got = os.preadv(self._descriptor, [view[done:]], at + done)
            if got == 0:
                raise BackendError(f"{self.path} ends at {at + done}, before its data")
            done += got

    def store(self, at: int, data: np.ndarray) -> None:
        """Write a C-order array to the file."""
        view, done = _bytes(data), 0
        while done < len(view):
            done += os.pwrite(self._descriptor, view[done:], at + done)

    def map(self, stored: Stored) -> np.ndarray:
        """Return the variable as an array on the mapped file. Small ones share maps."""
        stored.mapped = True
        if not stored.nbytes:
            return np.empty(stored.shape, stored.dtype)
        if self.closed:
            raise BackendError(f"{self.path} is closed", hint="read values before the backend is closed")
        with self._mutex:
            start, window = self._window(stored)
        raw = window[stored.offset - start : stored.offset - start + stored.nbytes]
        return raw.view(stored.dtype).reshape(stored.shape)

    def _window(self, stored: Stored) -> tuple[int, np.ndarray]:
        """Return a map that the variable lies in, and where that begins."""
        start = stored.offset // _WINDOW * _WINDOW
        stop = stored.offset + stored.nbytes
        if stop <= start + _WINDOW:
            length, window = self._windows.get(start, (0, None))
            if window is None or stop > start + length:
                length = min(start + _WINDOW, self._end) - start
                window = self._map(start, length)
                self._windows[start] = (length, window)
            return start, window
        start = stored.offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        return start, self._map(start, stop - start)

    def _map(self, start: int, length: int) -> np.ndarray:
        view = mmap.mmap(self._descriptor, length, offset=start)
        self._maps[start, length] = view
        return np.frombuffer(view, np.uint8)


def _bytes(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _release(descriptor: int, path: Path, process: int) -> None:
    if os.getpid() == process:  # and not a fork of it
        unlock(descriptor, path)
    os.close(descriptor)
