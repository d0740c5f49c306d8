"""Have a foreign file examined by a process that may crash over it, so that this one does not."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Final, final

from tmplcore.errors import DamagedError, UntrustedError

__all__ = ["Examiner", "examined"]

# What an honest file of this size takes is a fifth of it on the machines that were tried.
_SECONDS: Final = 1.0
_SECONDS_PER_BYTE: Final = 2.0 / (1 << 20)
_BYTES: Final = 64 << 20
_BYTES_PER_BYTE: Final = 4

_PROGRAM: Final = """
import json, sys
sys.path[:] = json.loads(sys.stdin.readline())
from tmpl_hdf5.generic.examine import serve
serve()
"""


@final
class Examiner:
    """A process that opens files to see whether HDF5 survives it. It starts with the first one, in about 0.2 s."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._impossible = False

    def examine(self, path: Path, size: int) -> None:
        """Examine a file.

        Raises:
            DamagedError: HDF5 crashes on it, or does not come to an end.
            UntrustedError: It asks for what no checkpoint needs.
        """
        seconds = _SECONDS + size * _SECONDS_PER_BYTE
        limits = {"seconds": seconds, "bytes": _BYTES + size * _BYTES_PER_BYTE}
        question = json.dumps({"path": os.fspath(path.absolute()), "size": size, **limits})
        with self._lock:
            process = self._running()
            if process is None:  # no process can be started here: then it is opened as other programs open it
                return
            answer, status = "", 0
            try:
                answer = _ask(process, question)
                status = 0 if answer else process.wait()
            finally:
                if not answer:  # it is dead, or was interrupted and would answer whoever asks next
                    self._end()
        if not answer:
            raise _broken(path, status, seconds)
        if (verdict := json.loads(answer)) is not None:
            raise UntrustedError(f"{path}: {verdict[0]}", hint=verdict[1])

    def close(self) -> None:
        """End the process, if this one started it."""
        with self._lock:
            if self._owner == os.getpid():
                self._end()

    def _running(self) -> subprocess.Popen[str] | None:
        if self._owner == os.getpid():
            if self._process is not None or self._impossible:
                return self._process
        elif self._process is not None:  # of the process that this one was forked from, which waits for it itself
            self._process.returncode = 0
        self._owner = os.getpid()
        self._process = _start()
        self._impossible = self._process is None
        return self._process

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it has nothing to lose
            _close(process)


def _start() -> subprocess.Popen[str] | None:
    if not sys.executable:
        return None
    try:
        process = subprocess.Popen(  # noqa: S603  # our own program, in this Python
            [sys.executable, "-I", "-S", "-c", _PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except OSError:
        return None
    if _ask(process, json.dumps([entry for entry in sys.path if isinstance(entry, str)])):
        return process
    process.kill()
    _close(process)
    return None


def _ask(process: subprocess.Popen[str], line: str) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return ""
    return process.stdout.readline()


def _close(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):  # what was not written yet cannot be any more
            if pipe is not None:
                pipe.close()
    process.wait()


_EXAMINER: Final = Examiner()
atexit.register(_EXAMINER.close)


def examined(path: Path, size: int) -> None:
    """Have a file examined by this process's examiner; see `Examiner.examine`."""
    _EXAMINER.examine(path, size)


def _broken(path: Path, status: int, seconds: float) -> DamagedError:
    if -status == getattr(signal, "SIGPROF", None):
        problem = f"following its structure takes HDF5 more than {seconds:.0f} s"
    else:
        name = signal.Signals(-status).name if status < 0 else f"status {status}"
        problem = f"HDF5 crashes on its structure ({name})"
    return DamagedError(f"{path}: {problem}", hint="it is damaged, or made to do harm; get it again from where it was")
