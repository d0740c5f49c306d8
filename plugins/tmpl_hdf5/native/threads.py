"""Threads for writing, which do without threads where Python gives none any more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, final

__all__ = ["Threads"]

T = TypeVar("T")


@final
class Threads(ThreadPoolExecutor):
    """A pool of threads whose `submit` does the work itself if no thread can be started.

    Python 3.12 starts none from the moment on when the main thread has ended, though it waits for those that run: a
    save in the background that begins to write just then would be lost.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Run a function in a thread, or now."""
        future: Future[T] = Future()
        taken = threading.Lock()

        def run() -> None:
            # The pool keeps a job in its queue even if it cannot start a thread for it.
            if not taken.acquire(blocking=False) or not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        try:
            super().submit(run)
        except RuntimeError:
            if self._shutdown:
                raise
            run()
        return future
