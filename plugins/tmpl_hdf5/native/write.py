"""Write a native checkpoint: plan the file (or take the last plan again), then structure, data, index, metadata."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from tmpl_hdf5.native import index as index_format
from tmpl_hdf5.native.blocks import BLOCK, fallocate, flat_blocks, write_at
from tmpl_hdf5.native.direct import SMALLEST, write_direct
from tmpl_hdf5.native.dtypes import StoredType
from tmpl_hdf5.native.index import ALIGNMENT, Packed
from tmpl_hdf5.native.layouts import Layout, find_layout
from tmpl_hdf5.native.metadata import encode_meta
from tmpl_hdf5.native.packing import chunk_origins, pack_chunk
from tmpl_hdf5.native.pipe import Pipe
from tmpl_hdf5.native.plan import Plan, round_up
from tmpl_hdf5.native.small import write_small
from tmpl_hdf5.native.text import Text
from tmplcore.checkpoint.columns import Columns, Memory
from tmplcore.checkpoint.format import LazyVariable, Metadata, WriteOptions
from tmplcore.errors import SaveError

__all__ = ["write"]

Value = np.ndarray | LazyVariable


def write(path: Path, variables: Mapping[str, Value], meta: Metadata, options: WriteOptions) -> None:
    """Write a checkpoint at a path that does not exist yet. See `tmplcore.checkpoint.format.Format.write`."""
    memory = None
    if isinstance(variables, Columns):
        names, values, memory = variables.names, variables.arrays, variables.memory
    else:
        names, values = list(variables), list(variables.values())
    text = encode_meta(meta)
    layout, texts = find_layout(names, values, memory, len(text), options)
    try:
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise SaveError(f"cannot create {path}: {error.strerror}") from error
    try:
        try:
            _fill(path, fd, layout, values, memory, texts, text, options)
            if options.durable:
                os.fsync(fd)
        finally:
            os.close(fd)
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise SaveError(
                f"cannot write {path}: {error.strerror or error}", hint="make room and save again"
            ) from error
        raise


def _fill(
    path: Path,
    fd: int,
    layout: Layout,
    values: list[Any],
    memory: Memory | None,
    texts: dict[int, Text],
    meta: bytes,
    options: WriteOptions,
) -> None:
    plan = layout.plan
    fallocate(fd, plan.header.size)
    hashes = np.zeros(len(values), np.uint64)
    with Pipe(fd, plan.header.size, options) as pipe:
        if not plan.packings:
            pipe.write(plan.image, 0, counts=False)
        write_small(
            pipe,
            layout.runs if layout.is_for(memory) else layout.batches,
            values,
            [] if memory is None else memory.blocks,
            hashes,
            layout.foreign,
            lambda row: raw_array(values[row], plan.kinds[plan.types[row]][0], texts.get(row)),
        )
        for row in _write_directly(path, fd, plan, values, texts, hashes, options):
            _write_large(pipe, plan, row, values[row], texts.get(row), hashes)
        _write_packed(pipe, plan, values, texts, hashes)
        for row, first in plan.aliases.items():
            hashes[row] = hashes[first]
        hashes[plan.sizes == 0] = xxhash.xxh3_64_intdigest(b"")
        header = replace(plan.header, meta_hash=xxhash.xxh3_64_intdigest(meta))
        at = header.index
        for part in index_format.encode(
            header, plan.offsets, hashes, plan.types, plan.flags(options.trainable), plan.tail
        ):
            pipe.write(part, at, counts=False)
            at += memoryview(part).nbytes
        pipe.write(meta, header.meta, counts=False)
    if plan.packings:
        os.ftruncate(fd, plan.header.size)
        write_at(fd, plan.image, 0)


def _write_directly(
    path: Path,
    fd: int,
    plan: Plan,
    values: list[Any],
    texts: dict[int, Text],
    hashes: np.ndarray,
    options: WriteOptions,
) -> list[int]:
    """Write large arrays around the page cache if that pays; return the large rows that are still to be written."""
    rows = plan.large.tolist()
    direct = [
        row
        for row in rows
        if row not in texts
        and isinstance(values[row], np.ndarray)
        and values[row].flags.c_contiguous
        and values[row].dtype.isnative
    ]
    if not options.durable or int(plan.sizes[direct].sum()) < SMALLEST:
        return rows
    arrays = [raw_array(values[row], plan.kinds[plan.types[row]][0], None) for row in direct]
    found = write_direct(path, fd, arrays, plan.offsets[direct].tolist(), options.progress)
    if found is None:
        return rows
    hashes[direct] = found
    os.ftruncate(fd, plan.header.size)
    return [row for row in rows if row not in set(direct)]


def _write_large(pipe: Pipe, plan: Plan, row: int, value: Value, text: Text | None, hashes: np.ndarray) -> None:
    stored, _ = plan.kinds[plan.types[row]]
    at, end = int(plan.offsets[row]), int(plan.offsets[row] + plan.sizes[row])
    digest = xxhash.xxh3_64()
    for block in value_blocks(value, stored, text):
        digest.update(block)
        pipe.write(block, at)
        at += block.nbytes
    if at != end:
        raise SaveError(f"variable {plan.names[row]!r} changed its size while it was being saved")
    hashes[row] = digest.intdigest()


def _write_packed(pipe: Pipe, plan: Plan, values: list[Any], texts: dict[int, Text], hashes: np.ndarray) -> None:
    """Compress variables chunk by chunk, and write each behind the last."""
    at = plan.header.size
    packed = {}
    for row, packing in plan.packings.items():
        stored, shape = plan.kinds[plan.types[row]]
        source = (
            values[row] if isinstance(values[row], LazyVariable) else raw_array(values[row], stored, texts.get(row))
        )
        content, stored_hash = xxhash.xxh3_64(), xxhash.xxh3_64()
        places = []
        for origin in chunk_origins(shape, packing.chunk):
            index = tuple(slice(start, start + length) for start, length in zip(origin, packing.chunk, strict=True))
            part = raw_array(source[index], stored, None)
            content.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8))
            if part.shape != packing.chunk:  # a chunk at the edge is stored whole
                whole = np.zeros(packing.chunk, part.dtype)
                whole[tuple(slice(length) for length in part.shape)] = part
                part = whole
            data = pack_chunk(part, packing.filters)
            stored_hash.update(data)
            at = round_up(at, ALIGNMENT)
            pipe.write(data, at)
            places.append((at, len(data)))
            at += len(data)
        hashes[row] = content.intdigest()
        packed[row] = Packed.of(packing.chunk, packing.filters, np.array(places), stored_hash.intdigest())
    if packed:
        plan.set_packed(packed, at)


def value_blocks(value: Value, stored: StoredType, text: Text | None) -> Any:
    """Yield a value's stored bytes in C order, as flat arrays."""
    if text is not None:
        source = flat_blocks(text.array)
    elif isinstance(value, LazyVariable):
        source = value.blocks(BLOCK)
    else:
        source = flat_blocks(value)
    for block in source:
        yield raw_array(block, stored, None)


def raw_array(value: Value, stored: StoredType, text: Text | None) -> np.ndarray:
    """Return a value as an array that can be written as it is."""
    array = text.array if text is not None else np.asarray(value[...] if isinstance(value, LazyVariable) else value)
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return np.ascontiguousarray(array).reshape(array.shape).view(stored.raw)
