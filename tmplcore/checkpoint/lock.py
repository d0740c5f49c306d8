"""A lock on a directory that outlives no process, works on network file systems, and needs no `flock`.

Who holds the lock has made the file `.lock`, complete with the owner in it, by linking it into place: that succeeds
for one process only. A lock whose owner is dead is removed by whoever finds it. Two that find it at once must not
remove the lock that one of them makes next, so the removal has a lock of its own: each announces itself in a file of
its own name, and goes on only if it is the only living one there. Whichever of two comes later sees the earlier.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import final

from tmplcore.checkpoint.commit import discard, link, temporary_name
from tmplcore.checkpoint.process import Process
from tmplcore.errors import LockedError, SaveError

__all__ = ["DirectoryLock"]

# A holder on another machine cannot be asked whether it lives; one that works longer than this refreshes its lock.
ABANDONED_SECONDS = 120.0

_WAIT_SECONDS = (0.001, 0.05)


@final
class DirectoryLock:
    """A lock on the checkpoints in a directory, held for moments: to delete, to tag.

    Saving and reading need no lock: a file appears whole, and never changes.

    Args:
        directory: The directory, which must exist when the lock is taken.
        name: The name of the lock file.
        timeout: How many seconds to wait for whoever holds it.

    Example:
        >>> import tempfile
        >>> lock = DirectoryLock(Path(tempfile.mkdtemp()))
        >>> with lock.held():
        ...     lock.path.exists()
        True
        >>> lock.path.exists()
        False
    """

    def __init__(self, directory: Path, name: str = ".lock", timeout: float = 30.0) -> None:
        self.path = directory / name
        self.timeout = timeout
        self._nonces: dict[int, str] = {}  # of the threads that hold the lock, or wait for it

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock for a block. A signal handler that interrupts the block in its thread shares it.

        Raises:
            LockedError: A living process kept it for longer than the timeout.
            SaveError: The directory cannot be written to.
        """
        thread = threading.get_ident()
        outer = self._nonces.get(thread)
        if outer is not None and self._read().get("nonce") == outer:
            yield
            return
        nonce = self._nonces[thread] = secrets.token_hex(8)
        try:
            self._acquire(nonce)
            yield
        finally:
            if self._read().get("nonce") == nonce:
                discard(self.path)
            if outer is None:
                del self._nonces[thread]
            else:
                self._nonces[thread] = outer

    def refresh(self) -> None:
        """Say that the holder is still at work; for blocks that may take minutes."""
        with contextlib.suppress(OSError):
            os.utime(self.path)

    def _acquire(self, nonce: str) -> None:
        deadline = time.monotonic() + self.timeout
        while not self._make(nonce):
            if self._stale() and self._break():
                continue
            if time.monotonic() > deadline:
                raise LockedError(
                    f"the directory {str(self.path.parent)!r} is locked by {self._holder()}",
                    hint=f"wait for it; if no such process runs any more, delete {str(self.path)!r}",
                )
            time.sleep(random.uniform(*_WAIT_SECONDS))  # noqa: S311  # spreads those who wait, guards no secret

    def _make(self, nonce: str) -> bool:
        """Make the lock file, complete, if there is none."""
        record = {"owner": Process.current().token, "nonce": nonce, "pid": os.getpid(), "since": time.time()}
        draft = temporary_name(self.path)
        try:
            draft.write_text(json.dumps(record), encoding="utf-8")
            try:
                link(draft, self.path)
            except FileExistsError:
                return False
            except OSError:  # no hard links here: the file is there before its content is, which `_stale` allows for
                return self._make_empty(draft)
            else:
                return True
        except OSError as error:
            raise SaveError(
                f"the directory {str(self.path.parent)!r} cannot be locked: {error.strerror}",
                hint="it must exist and be writable",
            ) from error
        finally:
            discard(draft)

    def _make_empty(self, draft: Path) -> bool:
        try:
            descriptor = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
        except FileExistsError:
            return False
        with os.fdopen(descriptor, "wb") as file:
            file.write(draft.read_bytes())
        return True

    def _read(self) -> dict[str, object]:
        try:
            record = json.loads(self.path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) else {}

    def _stale(self) -> bool:
        owner = Process.parse(str(self._read().get("owner", "")))
        alive = owner.alive() if owner is not None else None
        return _abandoned(self.path) if alive is None else not alive

    def _break(self) -> bool:
        """Remove a lock whose owner is dead; return False if somebody else is at it."""
        prefix = f"{self.path.name}-breaker-"
        mine = self.path.with_name(f"{prefix}{secrets.token_hex(4)}-{Process.current().token}")
        try:
            mine.touch(exist_ok=False)
            for other in self.path.parent.glob(f"{prefix}*"):
                if other == mine:
                    continue
                owner = Process.parse(other.name.removeprefix(prefix)[9:])
                alive = owner.alive() if owner is not None else None
                if alive or (alive is None and not _abandoned(other)):
                    return False
                discard(other)
            if self._stale():  # still: nobody but the one breaker can have removed it and made another
                discard(self.path)
            return True
        finally:
            discard(mine)  # before any waiting: who waits must not keep the others from it

    def _holder(self) -> str:
        record = self._read()
        pid, since = record.get("pid"), record.get("since")
        when = f" since {time.strftime('%H:%M:%S', time.localtime(since))}" if isinstance(since, int | float) else ""
        return f"process {pid}{when}" if pid is not None else "another process"


def _abandoned(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_SECONDS
    except OSError:  # gone, which is the opposite of abandoned
        return False
