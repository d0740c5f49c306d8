"""Move many variables between a file and memory at once: neighbours in one system call, large ones in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import xxhash

from tmpl_hdf5.native.blocks import BLOCK, read_into

__all__ = ["as_bytes", "fill", "in_parallel", "neighbours", "views"]

_HOLE = 4096  # neighbours that are farther apart are read by themselves
_THREADS = min(4, os.cpu_count() or 1)
_PARALLEL = 8 << 20  # fewer bytes are not worth a thread
try:
    _VECTOR = min(1024, os.sysconf("SC_IOV_MAX"))
except (AttributeError, OSError, ValueError):
    _VECTOR = 16

Numbers = np.ndarray[Any, np.dtype[Any]]


def neighbours(offsets: Numbers, sizes: Numbers, limit: int) -> Iterator[tuple[int, int]]:
    """Yield runs (start, stop) of rows, sorted by offset, that lie close together; each of about `limit` bytes."""
    if not len(offsets):
        return
    ends = offsets + sizes
    gaps = offsets[1:] - ends[:-1]
    breaks = np.flatnonzero((gaps > _HOLE) | (gaps < 0)) + 1  # below 0: the same bytes under two names
    for first, last in zip(np.concatenate(([0], breaks)), np.concatenate((breaks, [len(offsets)])), strict=True):
        start, stop = int(first), int(last)
        while start < stop:
            cut = int(np.searchsorted(ends[start:stop], offsets[start] + limit, "right")) + start
            cut = min(max(cut, start + 1), stop)
            yield start, cut
            start = cut


def fill(fd: int, offsets: Numbers, sizes: Numbers, outs: list[Any], large: int, *, hashed: bool) -> Numbers | None:
    """Fill C-contiguous buffers from a file; they are sorted by offset.

    Args:
        fd: The file.
        offsets: Where each buffer's bytes are.
        sizes: How many they are, none 0.
        outs: The buffers.
        large: From this size on a buffer is read by itself.
        hashed: Return xxh3_64 of every buffer, taken while it is in the cache.

    Raises:
        EOFError: The file ends before.
    """
    hashes = np.zeros(len(outs), np.uint64) if hashed else None
    is_large = sizes >= large
    small = np.flatnonzero(~is_large)
    if len(small) == len(outs):
        _fill_small(fd, offsets, sizes, outs, hashes)
        return hashes
    if len(small):
        part = None if hashes is None else np.zeros(len(small), np.uint64)
        _fill_small(fd, offsets[small], sizes[small], [outs[row] for row in small.tolist()], part)
        if hashes is not None:
            hashes[small] = part
    rows = np.flatnonzero(is_large).tolist()

    def whole(row: int) -> None:
        digest = xxhash.xxh3_64()
        view, at = as_bytes(outs[row]), int(offsets[row])
        for start in range(0, len(view), BLOCK):
            block = view[start : start + BLOCK]
            read_into(fd, block, at + start)
            digest.update(block)
        hashes[row] = digest.intdigest()  # type: ignore[index]

    def block(job: tuple[int, int]) -> None:
        row, start = job
        read_into(fd, as_bytes(outs[row])[start : start + 2 * BLOCK], int(offsets[row]) + start)

    if hashed:
        in_parallel(whole, rows, int(sizes[rows].sum()))
    else:
        jobs = [(row, start) for row in rows for start in range(0, int(sizes[row]), 2 * BLOCK)]
        in_parallel(block, jobs, int(sizes[rows].sum()))
    return hashes


def in_parallel(work: Callable[[Any], None], jobs: Sequence[Any], size: int) -> None:
    """Do jobs in as many threads as the machine gains by; the first error is raised."""
    if size < _PARALLEL or len(jobs) < 2 or _THREADS < 2:
        for job in jobs:
            work(job)
        return
    with ThreadPoolExecutor(_THREADS, "tmplcore-read") as pool:
        for _ in pool.map(work, jobs):
            pass


def _fill_small(fd: int, offsets: Numbers, sizes: Numbers, outs: list[Any], hashes: Numbers | None) -> None:
    for start, stop in neighbours(offsets, sizes, 16 << 20):
        gaps = offsets[start + 1 : stop] - offsets[start : stop - 1] - sizes[start : stop - 1]
        _scatter(fd, offsets[start:stop], sizes[start:stop], outs[start:stop], gaps)
    if hashes is not None:
        hashes[:] = np.fromiter(map(xxhash.xxh3_64_intdigest, outs), np.uint64, len(outs))


def _scatter(fd: int, offsets: Numbers, sizes: Numbers, outs: list[Any], gaps: Numbers) -> None:
    """Fill neighbours with as few system calls as there can be."""
    if not hasattr(os, "preadv"):
        for out, at in zip(outs, offsets.tolist(), strict=True):
            read_into(fd, as_bytes(out), at)
        return
    buffers, step = outs, _VECTOR
    if gaps.any():
        waste = memoryview(bytearray(_HOLE))
        holes = [waste[:gap] for gap in range(int(gaps.max()) + 1)] if gaps.max() < 256 else None
        between = map(holes.__getitem__, gaps.tolist()) if holes is not None else (waste[:gap] for gap in gaps.tolist())
        buffers = [b""] * (2 * len(outs) - 1)
        buffers[::2], buffers[1::2] = outs, between
        step = _VECTOR // 2 * 2
    stride = step if buffers is outs else step // 2
    starts = offsets[::stride].tolist()
    last = offsets + sizes
    for number, at in enumerate(starts):
        batch = buffers[number * step : (number + 1) * step]
        stop = min((number + 1) * stride, len(outs))
        end = starts[number + 1] if number + 1 < len(starts) and buffers is not outs else int(last[stop - 1])
        if os.preadv(fd, batch, at) != end - at:
            for row in range(number * stride, stop):
                read_into(fd, as_bytes(outs[row]), int(offsets[row]))


def views(
    buffer: Any, base: int, kinds: list[tuple[np.dtype[Any], tuple[int, ...]]], types: Numbers, offsets: Numbers
) -> list[np.ndarray]:
    """Return arrays over a buffer; rows of one kind that lie at equal distances are cut from one array, fast.

    Args:
        buffer: The bytes.
        base: Where they begin in the file.
        kinds: Dtypes and shapes.
        types: The kind of every row, none of them empty.
        offsets: Where every row is in the file.
    """
    out: list[Any] = [None] * len(types)
    for kind in np.flatnonzero(np.bincount(types)).tolist():  # np.unique would import numpy.ma, 20 ms
        dtype, shape = kinds[kind]
        rows = np.flatnonzero(types == kind)
        places = (offsets[rows] - base).tolist()
        numbers = rows.tolist()
        steps = np.diff(offsets[rows])
        # A run of equal steps ends at the row behind its last step.
        cuts = (np.flatnonzero(np.diff(steps)) + 2).tolist() if len(steps) > 1 else []
        inner = np.ndarray(shape, dtype, buffer, 0).strides
        for first, stop in pairwise([0, *cuts, len(numbers)]):
            if shape and stop - first > 2 and steps[first] >= 0:
                block = np.ndarray((stop - first, *shape), dtype, buffer, places[first], (int(steps[first]), *inner))
                if numbers[stop - 1] - numbers[first] == stop - 1 - first:
                    out[numbers[first] : numbers[first] + len(block)] = block
                else:
                    for number, view in zip(numbers[first:stop], block, strict=True):
                        out[number] = view
            else:
                for number, place in zip(numbers[first:stop], places[first:stop], strict=True):
                    out[number] = np.ndarray(shape, dtype, buffer, place)
    return out


def as_bytes(buffer: Any) -> memoryview:
    """Return a buffer as a flat view of bytes."""
    if isinstance(buffer, np.ndarray):
        return memoryview(buffer.reshape(-1).view(np.uint8))
    return memoryview(buffer).cast("B")
