"""Mapping a file, and when not to.

On a local file system a mapped file is memory: nothing is copied. On a network file system, or on one that a process
serves (FUSE), each page that is touched is a request of its own, so there a file is read, in large blocks by several
threads. `TMPL_MMAP=always` or `never` overrules that choice.
"""

from __future__ import annotations

import mmap
import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import final

from tmplcore.errors import InvalidArgumentError

__all__ = ["FileMap", "file_system", "is_mapped_well"]

_SWITCH = "TMPL_MMAP"
_REMOTE = frozenset(
    (
        *("9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs"),
        *("panfs", "pvfs2", "smb3", "smbfs", "virtiofs", "wekafs"),
    )
)


@final
class FileMap:
    """A file's bytes as memory that can only be read, mapped when they are first asked for.

    Args:
        descriptor: The open file; it stays the caller's.
        size: How many bytes of it.
    """

    __slots__ = ("_descriptor", "_is_better", "_lock", "_map", "_size")

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self._size = size
        self._lock = threading.Lock()
        self._map: mmap.mmap | None = None
        self._is_better: bool | None = None

    @property
    def is_better(self) -> bool:
        """Whether to map the file rather than to read it."""
        if self._is_better is None:
            self._is_better = is_mapped_well(file_system(os.fstat(self._descriptor).st_dev))
        return self._is_better

    def buffer(self) -> mmap.mmap:
        """Return the mapped file; arrays over it keep it."""
        with self._lock:
            if self._map is None:
                self._map = mmap.mmap(self._descriptor, self._size, access=mmap.ACCESS_READ)
            return self._map


def is_mapped_well(kind: str | None) -> bool:
    """Tell whether files on a kind of file system are better mapped than read.

    Args:
        kind: As `file_system` returns it.

    Raises:
        InvalidArgumentError: `TMPL_MMAP` is set to something else than `auto`, `always` or `never`.

    Example:
        >>> is_mapped_well("ext4"), is_mapped_well("nfs4"), is_mapped_well("fuse.sshfs")
        (True, False, False)
    """
    choice = os.environ.get(_SWITCH) or "auto"
    if choice not in ("auto", "always", "never"):
        raise InvalidArgumentError(f"{_SWITCH}={choice!r} means nothing", hint="it is auto, always or never")
    if choice != "auto":
        return choice == "always"
    return kind is None or not (kind in _REMOTE or kind.startswith("fuse"))


@lru_cache(maxsize=64)
def file_system(device: int, mounts: Path = Path("/proc/self/mountinfo")) -> str | None:
    """Return the kind of file system that a device number belongs to; None where the system does not say.

    Args:
        device: `st_dev` of a file.
        mounts: The system's list of mounts, as proc(5) describes it.
    """
    wanted = f"{os.major(device)}:{os.minor(device)}"
    try:
        lines = mounts.read_text(errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        fields, _, kind = line.partition(" - ")
        if fields.split()[2:3] == [wanted]:
            return kind.split()[0]
    return None
