"""Check a native checkpoint: every byte of the file is covered by a hash, or has to be zero."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import xxhash

from tmpl_hdf5.native.blocks import BLOCK, read_exactly, read_into
from tmpl_hdf5.native.packing import check_packed
from tmpl_hdf5.native.plan import LARGE
from tmpl_hdf5.native.scatter import neighbours
from tmplcore.checkpoint.format import Damage

if TYPE_CHECKING:
    from tmpl_hdf5.native.read import NativeReader

__all__ = ["check_meta", "check_padding", "check_rows"]

Numbers = np.ndarray[Any, np.dtype[Any]]


def check_meta(reader: NativeReader) -> Iterator[Damage]:
    """Check the hash of the metadata."""
    header = reader.index.header
    start, stop = header.meta, header.meta + header.meta_size
    try:
        text = read_exactly(reader.fd, header.meta_size, header.meta)
    except (EOFError, OSError) as error:
        yield reader.damage(None, f"the metadata cannot be read: {error}", start, stop)
        return
    if xxhash.xxh3_64_intdigest(text) != header.meta_hash:
        yield reader.damage(None, "the metadata is not what was written: the hash differs", start, stop)


def check_rows(
    reader: NativeReader,
    numbers: Numbers,
    *,
    jobs: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Iterator[Damage]:
    """Check the hashes of some rows, in the order in which they lie in the file."""
    index = reader.index
    sizes = index.sizes
    packed = numbers[index.is_packed[numbers]].tolist()
    plain = numbers[(sizes[numbers] > 0) & ~index.is_packed[numbers]]
    plain = plain[np.argsort(index.offsets[plain], kind="stable")]
    small, large = plain[sizes[plain] < LARGE], plain[sizes[plain] >= LARGE]

    def run(part: Numbers) -> tuple[list[Damage], int]:
        return _check_run(reader, part), int(sizes[part].sum())

    def whole(row: int) -> tuple[list[Damage], int]:
        return _check_large(reader, row), int(sizes[row])

    def chunks(row: int) -> tuple[list[Damage], int]:
        return check_packed(reader, row), int(sizes[row])

    units: list[tuple[Callable[[Any], tuple[list[Damage], int]], Any]] = []
    units += [(run, small[a:b]) for a, b in neighbours(index.offsets[small], sizes[small], 2 * BLOCK)]
    units += [(whole, row) for row in large.tolist()] + [(chunks, row) for row in packed]
    with ThreadPoolExecutor(max(1, jobs), "tmplcore-verify") as pool:
        apply = pool.map if jobs > 1 else map
        for damage, size in apply(lambda unit: unit[0](unit[1]), units):
            yield from damage
            if progress is not None:
                progress(size)


def check_padding(reader: NativeReader) -> Iterator[Damage]:
    """Check that every byte between the parts of the file is zero."""
    index, header = reader.index, reader.index.header
    plain = (index.sizes > 0) & ~index.is_packed
    starts = [index.offsets[plain]]
    stops = [starts[0] + index.sizes[plain]]
    for entry in index.packed.values():
        starts.append(entry.places[:, 0])
        stops.append(entry.places.sum(axis=1))
    starts.append(np.array([0, header.index, header.meta, header.size]))
    stops.append(
        np.array([header.structure, header.index + header.index_size, header.meta + header.meta_size, header.size])
    )
    start, stop = np.concatenate(starts), np.concatenate(stops)
    order = np.argsort(start, kind="stable")
    start, stop = start[order], np.maximum.accumulate(stop[order])
    holes = np.flatnonzero(start[1:] > stop[:-1])
    for first, last in zip(stop[holes].tolist(), start[holes + 1].tolist(), strict=True):
        for at in range(first, min(last, reader.size), BLOCK):
            end = min(at + BLOCK, last, reader.size)
            if any(read_exactly(reader.fd, end - at, at)):
                yield reader.damage(None, "padding is not zero", at, end)


def _check_run(reader: NativeReader, rows: Numbers) -> list[Damage]:
    index = reader.index
    offsets, sizes = index.offsets[rows], index.sizes[rows]
    base = int(offsets[0])
    stop = int((offsets + sizes).max())
    there = min(stop, reader.size)
    data = memoryview(bytearray(max(there - base, 0)))
    try:
        read_into(reader.fd, data, base)
    except (EOFError, OSError):
        return [found for row in rows.tolist() for found in _check_large(reader, row)]
    damage = []
    for row, at, size in zip(rows.tolist(), (offsets - base).tolist(), sizes.tolist(), strict=True):
        if at + size > len(data):
            damage.append(_missing(reader, row))
        elif xxhash.xxh3_64_intdigest(data[at : at + size]) != int(index.hashes[row]):
            damage.append(reader.differs(row))
    return damage


def _check_large(reader: NativeReader, row: int) -> list[Damage]:
    at, size = int(reader.index.offsets[row]), int(reader.index.sizes[row])
    digest = xxhash.xxh3_64()
    buffer = memoryview(bytearray(min(size, BLOCK)))
    try:
        for start in range(0, size, BLOCK):
            view = buffer[: min(BLOCK, size - start)]
            read_into(reader.fd, view, at + start)
            digest.update(view)
    except EOFError:
        return [_missing(reader, row)]
    except OSError as error:
        return [reader.damage(reader.index.names[row], f"cannot be read: {error.strerror}", at, at + size)]
    return [] if digest.intdigest() == int(reader.index.hashes[row]) else [reader.differs(row)]


def _missing(reader: NativeReader, row: int) -> Damage:
    at, size = int(reader.index.offsets[row]), int(reader.index.sizes[row])
    return reader.damage(reader.index.names[row], "bytes are missing: the file ends before them", at, at + size)
