"""Saving in the background: a copy is taken first, in memory that is used again, and one thread writes it."""

from __future__ import annotations

import atexit
import functools
import importlib
import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping
from operator import attrgetter, eq
from typing import TYPE_CHECKING, Any, final
from weakref import ref

import numpy as np

from tmplcore.checkpoint.columns import Columns, Memory, identities
from tmplcore.checkpoint.files import select
from tmplcore.checkpoint.format import LazyVariable

if TYPE_CHECKING:
    from tmplcore.checkpoint.patterns import Selection
    from tmplcore.checkpoint.state import Place, State

__all__ = ["Pool", "Spare", "Worker"]

_dtype_of = attrgetter("dtype")
_shape_of = attrgetter("shape")

Variables = dict[str, "np.ndarray | LazyVariable"]


@final
class Pool:
    """Memory for one snapshot, used again for the next one.

    Its size is the size of the largest snapshot so far: names that come no more are dropped.
    """

    def __init__(self) -> None:
        self._arrays: dict[str, np.ndarray] = {}
        self._columns: _Copy | None = None

    @property
    def nbytes(self) -> int:
        """Bytes that it holds."""
        columns = 0 if self._columns is None else self._columns.nbytes
        return columns + sum(array.nbytes for array in self._arrays.values())

    def snapshot(
        self, state: State, chosen: Selection, *, copy: bool = True
    ) -> Mapping[str, np.ndarray | LazyVariable]:
        """Return the chosen values as they are now, safe from later changes.

        Args:
            state: What to copy.
            chosen: Which of it.
            copy: False if the caller promises not to change anything until the save is done.

        Raises:
            VariableMissingError: A pattern of `include` fits no name.
        """
        if copy and chosen.everything:
            if (columns := state.columns()) is not None:
                return self._copy_columns(columns)
            if state.plain is not None and (taken := self._copy_plain(state.plain)) is not None:
                return taken
        self._columns = None
        return self.copy(select(state.places, chosen), copy=copy)

    def _copy_columns(self, columns: Columns) -> Columns:
        """Copy arrays that lie in blocks, a block at a time."""
        self._arrays = {}
        if self._columns is None or not self._columns.is_of(columns):
            self._columns = _Copy(columns)
        return self._columns.filled(columns)

    def _copy_plain(self, arrays: Mapping[str, np.ndarray]) -> Columns | None:
        """Copy arrays without a line of Python for each; None if one has two names."""
        names, values = list(arrays), list(arrays.values())
        ids = np.sort(identities(values))
        if (ids[1:] == ids[:-1]).any():
            return None
        self._columns = None
        rooms = list(self._arrays.values())
        if (
            names != list(self._arrays)
            or list(map(_dtype_of, values)) != list(map(_dtype_of, rooms))
            or not all(map(eq, map(_shape_of, values), map(_shape_of, rooms)))
        ):
            rooms = [np.empty(value.shape, value.dtype) for value in values]
            self._arrays = dict(zip(names, rooms, strict=True))
        deque(map(np.copyto, rooms, values), maxlen=0)
        return Columns(names, rooms)

    def copy(self, places: Mapping[str, Place], *, copy: bool = True) -> Variables:
        """Return the values of places as they are now, one by one; `copy` as in `snapshot`."""
        from tmplcore.checkpoint.slots import Slot
        from tmplcore.checkpoint.state import value_of

        taken: Variables = {}
        kept: dict[str, np.ndarray] = {}
        twins: dict[int, np.ndarray] = {}
        originals = []  # held until the end: the id of an array that is gone may be another's
        for name, place in places.items():
            value = value_of(place)
            if not copy or (isinstance(place, Slot) and place.frozen and not _is_live(value)):
                taken[name] = value
                continue
            originals.append(value)
            if id(value) in twins:  # one array under two names stays one
                taken[name] = twins[id(value)]
                continue
            room = self._arrays.get(name)
            if room is None or room.shape != value.shape or room.dtype != value.dtype:
                room = np.empty(value.shape, value.dtype)
            if isinstance(value, LazyVariable):
                if value.dtype.hasobject:
                    room[...] = value[...]
                else:
                    value.read_into(room)
            else:
                np.copyto(room, value)
            taken[name] = kept[name] = twins[id(value)] = room
        self._arrays = kept
        return taken


@final
class Spare:
    """The memory of the last snapshot. A save takes it until its file is written, so that no two saves share it."""

    def __init__(self) -> None:
        self._pools: deque[Pool] = deque(maxlen=1)

    @property
    def nbytes(self) -> int:
        """Bytes that wait for the next snapshot."""
        return sum(pool.nbytes for pool in self._pools)

    def take(self) -> Pool:
        """Return the memory, or new memory while another save has it."""
        try:
            return self._pools.pop()
        except IndexError:
            return Pool()

    def give(self, pool: Pool) -> None:
        """Put memory back."""
        self._pools.append(pool)

    def clear(self) -> None:
        """Let go of the memory."""
        self._pools.clear()


@final
class _Copy:
    """Memory for a copy of columns that lie in blocks, laid out as they are."""

    def __init__(self, columns: Columns) -> None:
        memory = columns.memory
        assert memory is not None
        self._of = ref(memory)
        self._blocks = [np.zeros_like(block) for block in memory.blocks]
        places = zip(columns.arrays, memory.block.tolist(), memory.start.tolist(), strict=True)
        arrays = [
            np.empty(array.shape, array.dtype)
            if block < 0
            else np.ndarray(array.shape, array.dtype, self._blocks[block], start)
            for array, block, start in places
        ]
        self._alone = np.flatnonzero(memory.block < 0).tolist()
        self._columns = Columns(columns.names, arrays, Memory(self._blocks, memory.block, memory.start))
        self.nbytes = sum(block.nbytes for block in self._blocks) + sum(arrays[row].nbytes for row in self._alone)

    def is_of(self, columns: Columns) -> bool:
        """Tell whether these are the columns."""
        return columns.memory is not None and self._of() is columns.memory

    def filled(self, columns: Columns) -> Columns:
        """Copy the values, and return the copy."""
        assert columns.memory is not None
        for own, block in zip(self._blocks, columns.memory.blocks, strict=True):
            np.copyto(own, block)
        for row in self._alone:
            np.copyto(self._columns.arrays[row], columns.arrays[row])
        return self._columns


def _is_live(value: Any) -> bool:
    """Tell whether a value of a frozen slot can change after all; a lazy one of an immutable file cannot."""
    return isinstance(value, np.ndarray) and value.flags.owndata and value.flags.writeable


@final
class Worker:
    """Runs one job at a time in a thread of its own; a failure is raised at the next call.

    Python waits for the thread at exit. A failure that nobody has asked for by then is printed.
    """

    def __init__(self) -> None:
        # What is waited for, not the thread: Python 3.11 takes a thread for ended when Ctrl-C interrupts its `join`.
        self._done = threading.Event()
        self._done.set()
        self._error: BaseException | None = None
        self._what = ""
        self._lock = threading.RLock()  # a signal handler that saves may interrupt a call that waits

    @property
    def busy(self) -> bool:
        """Whether a job runs."""
        return not self._done.is_set()

    def wait(self) -> None:
        """Wait for the job that runs, and raise its failure, once.

        Raises:
            BaseException: What the job raised.
        """
        with self._lock:
            self._wait()

    def check(self) -> None:
        """Raise the failure of a job that is done, once; do not wait for one that runs."""
        if not self.busy:
            self.wait()

    def start(self, job: Callable[[], None], what: str) -> None:
        """Start a job after the one that runs; raises what that one raised.

        Args:
            job: The job.
            what: What it does, for messages.
        """
        with self._lock:
            self._wait()
            _wait_at_exit()
            _UNASKED.add(self)
            self._what = what
            self._done.clear()
            # Not a daemon: at exit Python waits for it, so that nothing is half saved.
            thread = threading.Thread(target=self._run, args=(job,), name=f"tmplcore: {what}", daemon=False)
            try:
                thread.start()
            except BaseException:
                self._done.set()
                raise

    def _wait(self) -> None:
        self._done.wait()
        _UNASKED.discard(self)
        error, self._error = self._error, None
        if error is not None:
            error.add_note(f"this was {self._what} in the background")
            raise error

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException as error:  # kept for whoever calls next
            self._error = error
        finally:
            self._done.set()


# Workers whose last job nobody has asked about yet.
_UNASKED: set[Worker] = set()


@functools.cache
def _wait_at_exit() -> None:
    """Let Python finish all jobs before it ends.

    It waits for threads anyway, but only after it has closed the thread pools that a job may need to write its file.
    What is registered later runs earlier, so those have to be imported first.
    """
    importlib.import_module("concurrent.futures.thread")
    register: Any = getattr(threading, "_register_atexit", atexit.register)
    register(_finish)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_forget)


def _forget() -> None:
    """Wait for nothing in a forked process: the threads stayed with the other one, and so did their jobs."""
    for worker in _UNASKED:
        worker._lock = threading.RLock()
        worker._done = threading.Event()
        worker._done.set()
    _UNASKED.clear()


def _finish() -> None:
    for worker in tuple(_UNASKED):
        try:
            worker.wait()
        except BaseException as error:  # the last chance to say it
            print(f"tmplcore: {worker._what} failed: {type(error).__name__}: {error}", file=sys.stderr)
