"""Which process a file belongs to, and whether that process still lives.

The answer has to be right across restarts, reused process ids, containers and machines that share a directory, and
without `flock`, which network file systems lack. A process is named by where it runs, its id, and when it started.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Self

__all__ = ["Process"]

_TOKEN = re.compile(r"([0-9a-f]{12})-(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Process:
    """A process, named so that nothing else ever has the same name.

    Attributes:
        where: A hash of the host name, the boot, and the process-id namespace (a container has its own).
        pid: Its id there.
        start: When it started, in the kernel's clock ticks since boot; 0 where the system does not say.

    Example:
        >>> me = Process.current()
        >>> me.alive(), Process.parse(me.token) == me
        (True, True)
        >>> Process(me.where, me.pid, me.start + 1).alive()  # the id was taken by a later process
        False
        >>> Process("0" * 12, me.pid, me.start).alive() is None  # somewhere else: cannot be told from here
        True
    """

    where: str
    pid: int
    start: int

    @classmethod
    def current(cls) -> Self:
        """Return the calling process."""
        pid = os.getpid()
        return cls(_where(), pid, _start(pid) or 0)

    @classmethod
    def parse(cls, token: str) -> Self | None:
        """Return the process that a token names, or None if it is no token."""
        found = _TOKEN.fullmatch(token)
        return cls(found[1], int(found[2]), int(found[3])) if found else None

    @property
    def token(self) -> str:
        """The name, fit for a part of a file name."""
        return f"{self.where}-{self.pid}-{self.start}"

    def alive(self) -> bool | None:
        """Tell whether the process still runs; None if it ran where this process cannot look."""
        if self.where != _where():
            return None
        if Path("/proc/self/stat").exists():
            start = _start(self.pid)
            return start is not None and self.start in (0, start)
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it is there, and somebody else's
            return True
        return True


@functools.cache
def _where() -> str:
    boot = namespace = ""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        namespace = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: the host name has to do
        pass
    return hashlib.blake2s(f"{socket.gethostname()}\0{boot}\0{namespace}".encode()).hexdigest()[:12]


def _start(pid: int) -> int | None:
    """Return when a process started, None if there is none (a zombie runs no more, so it counts as none)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    state, *fields = stat.rpartition(")")[2].split()  # the name before it may hold blanks and parentheses
    return None if state in "ZXx" else int(fields[18])
