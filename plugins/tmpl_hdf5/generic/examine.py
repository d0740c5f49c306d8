"""What is done to a foreign file in a process of its own before it is opened in ours.

libhdf5 2.0 crashes, hangs or takes any amount of memory on some files that a few changed bytes make out of ordinary
ones (a B-tree node that is its own child is enough). Here it may: the process has limits, and whoever asked learns how
it ended. Nothing is handed over but the verdict.
"""

from __future__ import annotations

import json
import math
import re
import signal
import sys
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5g, h5s

from tmpl_hdf5.generic.attributes import FAILURES, attributes
from tmpl_hdf5.generic.types import foreign_type
from tmpl_hdf5.generic.walk import bound_cache, datasets
from tmplcore.checkpoint.sharded import pieces
from tmplcore.errors import UntrustedError

__all__ = ["examine", "serve"]

_NO_MEMORY = re.compile(r"alloc|memory", re.IGNORECASE)
_MEGABYTE = 1 << 20


def serve() -> None:
    """Examine the files that are named on the standard input, a line of JSON each, until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks, who ends this, too
    print("ready", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        _limit(asked["seconds"], asked["bytes"])
        try:
            examine(asked["path"], asked["size"])
            answer = None
        except UntrustedError as error:
            answer = [str(error), error.hint]
        except Exception:  # nothing that a process dies of: whoever asked will see
            answer = None
        print(json.dumps(answer), flush=True)


def examine(path: str, size: int) -> None:
    """Do with a file all that makes libhdf5 follow pointers in it: its tree, the places of its chunks, its texts.

    What is damaged in an ordinary way is left to be found again by whoever asked.

    Args:
        path: The file.
        size: Its bytes.

    Raises:
        UntrustedError: It breaks a rule, or it takes more memory than it may.
    """
    try:
        with h5py.File(path, "r", locking="best-effort") as file:
            bound_cache(file.id)
            attributes(h5g.open(file.id, b"/"), _refuse_memory)
            for name, dataset in datasets(file.id, size):
                try:
                    _follow(dataset)
                except FAILURES as error:
                    _refuse_memory(error, repr(name))
    except UntrustedError:
        raise
    except FAILURES as error:
        _refuse_memory(error, "its structure")


def _follow(dataset: h5d.DatasetID) -> None:
    if dataset.get_create_plist().get_layout() == h5d.CHUNKED:
        dataset.chunk_iter(lambda _: None)
    if dataset.get_space().get_simple_extent_type() == h5s.NULL or dataset.get_type().dtype.kind != "O":
        return
    kind = foreign_type(dataset.get_type())
    for region in pieces(dataset.shape, 16, _MEGABYTE):
        counts = tuple(part.stop - part.start for part in region)
        selection = h5s.ALL
        if counts:
            selection = dataset.get_space()
            selection.select_hyperslab(tuple(part.start for part in region), counts)
        if math.prod(counts):
            memory = h5s.create_simple(counts) if counts else h5s.ALL
            dataset.read(memory, selection, np.empty(counts, kind.raw), mtype=kind.memory)


def _refuse_memory(error: BaseException, what: str) -> None:
    if isinstance(error, MemoryError) or _NO_MEMORY.search(str(error)):
        raise UntrustedError(f"{what} takes more memory than a file of this size should: {error}") from None


def _limit(seconds: float, extra: int) -> None:
    try:
        import resource
    except ImportError:  # not Unix: then only crashes are kept away
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends the process: the time is that of its own work
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit: Any = _address_space() + extra
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123  # pathlib is one more import here
            return int(file.read().split()[0]) * 4096
    except OSError:
        return 1 << 40
