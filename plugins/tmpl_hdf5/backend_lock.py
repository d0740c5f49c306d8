"""One process at a time has a working file, and says who it is.

The lock is `flock` on the file itself, which HDF5 libraries respect too, and which ends with the process however it
ends. A note beside the file says who has it; it is only read when the lock is refused, so a stale one does no harm.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from tmplcore.errors import BackendError, StorageLockedError

__all__ = ["is_deleted", "lock", "owner", "unlock", "write_note"]


def lock(descriptor: int, path: Path) -> None:
    """Take the lock, or say who has it.

    Raises:
        StorageLockedError: Another process has the file, or this one has it open already.
        BackendError: The file system has no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageLockedError(
            f"{path} is in use by {owner(path)}",
            hint="one process at a time has a working file: wait until it ends, or give this one another path",
        ) from None
    except OSError as error:
        if error.errno in {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}:
            raise BackendError(
                f"{path} cannot be locked: {error.strerror}", hint="keep the working file on a local disk"
            ) from error
        raise


def write_note(path: Path) -> None:
    """Say beside the file who has it."""
    note = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "program": " ".join(sys.argv) or sys.executable,
    }
    new = _note(path).with_name(f".{path.name}.{os.getpid()}.lock")
    new.write_text(json.dumps(note))
    new.replace(_note(path))


def unlock(descriptor: int, path: Path) -> None:
    """Give the lock back, also on behalf of forked processes that inherited it."""
    with suppress(OSError):
        _note(path).unlink()
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def is_deleted(descriptor: int) -> bool:
    """Tell whether an open file was deleted, also where it keeps another name until it is closed."""
    if os.fstat(descriptor).st_nlink == 0:
        return True
    try:
        now = Path(f"/proc/self/fd/{descriptor}").readlink()
    except OSError:  # not Linux
        return False
    # FUSE tells the kernel that it is gone; NFS renames it.
    return (now.name.endswith(" (deleted)") and not now.exists()) or now.name.startswith(".nfs")


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def owner(path: Path) -> str:
    """Return who has a file whose lock was refused, as far as the note beside it says."""
    try:
        note = json.loads(_note(path).read_text()[:4096])
        pid, host, since, program = (str(note[key])[:200] for key in ("pid", "host", "since", "program"))
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, which left no note (an HDF5 tool that reads it?)"
    who = "this process" if pid == str(os.getpid()) and host == socket.gethostname() else f"process {pid} on {host}"
    return f"{who} since {since} ({program})"
