"""Writes, of a large file in a second thread, while the caller prepares and hashes what comes next."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self, final

from tmpl_hdf5.native.blocks import start_writeback, write_at
from tmpl_hdf5.native.threads import Threads
from tmplcore.checkpoint.format import WriteOptions

__all__ = ["Pipe"]

_SMALLEST = 1 << 18  # bytes; fewer take less time to write than to hand over
# Bytes of a file; a smaller one is written as it is prepared. Two busy processors are worth little to it, and where a
# machine does not really give them, as many virtual ones do not, it takes two or three times as long.
_WORTH_A_THREAD = 128 << 20


@final
class Pipe:
    """Writes what it is given, in that order. A context manager: on leaving, all is written.

    Args:
        fd: The file.
        size: Its size. A small file is written without the second thread.
        options: Of a durable save, each write is on its way to the disk at once; progress is told from this thread.
    """

    def __init__(self, fd: int, size: int, options: WriteOptions) -> None:
        self._fd = fd
        self._threaded = size >= _WORTH_A_THREAD
        self._durable = options.durable
        self._progress = options.progress
        self._pool = Threads(1, "tmplcore-save")  # starts its thread with the first write
        self._waiting: deque[tuple[Future[None], int]] = deque()

    def write(self, data: Any, offset: int, *, counts: bool = True) -> None:
        """Write a C-contiguous buffer; returns when that has begun, so everything given before is written by then.

        It waits for the beginning because a thread that was only asked to write may have to wait for the interpreter,
        which a caller that is busy lends out every 5 ms (`sys.getswitchinterval`).

        Args:
            data: What to write; not to be changed before the next call returns.
            offset: Where in the file.
            counts: Whether it is data of variables, as progress counts it.
        """
        size = memoryview(data).nbytes
        if not self._threaded or (size < _SMALLEST and not self._waiting):
            self._put(data, offset, size)
            self._tell(size * counts)
            return
        begun = threading.Lock()
        begun.acquire()
        future = self._pool.submit(self._write, data, offset, size, begun)
        self._waiting.append((future, size * counts))
        begun.acquire()
        while self._waiting and self._waiting[0][0].done():
            self._take()

    def _write(self, data: Any, offset: int, size: int, begun: threading.Lock) -> None:
        begun.release()
        self._put(data, offset, size)

    def _put(self, data: Any, offset: int, size: int) -> None:
        write_at(self._fd, data, offset)
        if self._durable and size >= _SMALLEST:
            start_writeback(self._fd, offset, size)

    def _take(self) -> None:
        future, size = self._waiting.popleft()
        future.result()
        self._tell(size)

    def _tell(self, size: int) -> None:
        if self._progress is not None and size:
            self._progress(size)

    def stop(self) -> None:
        """Write no more of what was given; returns when nothing is being written."""
        self._pool.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            while self._waiting and kind is None:
                self._take()
        finally:
            self.stop()
