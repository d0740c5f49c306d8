"""Compressed variables: chunks through HDF5's filters, so that any HDF5 with the same filters reads them.

zstd is done here (shuffle, then zstd frames: the registered filter 32015); blosc2 (32026) runs through hdf5plugin on
a dataset in memory. Either way a stock h5py needs hdf5plugin to read them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import cramjam
import numpy as np
import xxhash

from tmpl_hdf5.native.blocks import BLOCK, read_exactly
from tmpl_hdf5.native.index import Packed
from tmpl_hdf5.native.structure import Filter
from tmplcore.checkpoint.format import Damage
from tmplcore.errors import DamagedError, MissingExtraError, SaveError, UnreadableError

if TYPE_CHECKING:
    from tmpl_hdf5.native.read import NativeReader

__all__ = ["check_packed", "chunk_origins", "chunk_shape", "codec_for", "filters_for", "pack_chunk", "unpack"]

CODECS = ("zstd", "blosc2")
_SHUFFLE, _ZSTD, _BLOSC2 = 2, 32015, 32026
_ZSTD_LEVEL = 3
_numbers = itertools.count()
_SMALLEST = 4096  # fewer bytes are stored as they are


def codec_for(name: str, size: int, rank: int, patterns: Mapping[str, str]) -> str | None:
    """Return the codec for a variable; the last pattern that matches decides. Small ones and scalars have none.

    Raises:
        SaveError: The codec is not known.
    """
    found = None
    for pattern, codec in patterns.items():
        if codec not in (*CODECS, "none"):
            raise SaveError(f"unknown compression {codec!r} for {pattern!r}", hint=f"use {', '.join(CODECS)} or none")
        if fnmatchcase(name, pattern):
            found = codec
    return None if found == "none" or size < _SMALLEST or rank == 0 else found


def filters_for(codec: str, chunk: tuple[int, ...], raw: np.dtype[Any]) -> tuple[Filter, ...]:
    """Return the HDF5 filters of a codec, in the order in which they are applied on writing."""
    if codec == "zstd":
        return (Filter(_SHUFFLE, "shuffle", (raw.itemsize,)), Filter(_ZSTD, "zstd", (_ZSTD_LEVEL,)))
    file, dataset = _in_memory(chunk, raw)
    with file:
        return (Filter(_BLOSC2, "blosc2", tuple(dataset.id.get_create_plist().get_filter(0)[2])),)


def chunk_shape(shape: tuple[int, ...], item: int) -> tuple[int, ...]:
    """Return the shape of chunks of about 4 MiB: whole trailing axes, a run of one axis, single indices before it."""
    chunk = list(shape)
    for axis in range(len(shape)):
        inner = math.prod(shape[axis + 1 :]) * item
        if inner <= BLOCK:
            runs = -(-shape[axis] * inner // BLOCK)
            chunk[axis] = -(-shape[axis] // runs)
            break
        chunk[axis] = 1
    return tuple(chunk)


def pack_chunk(chunk: np.ndarray, filters: tuple[Filter, ...]) -> bytes:
    """Return a chunk's stored bytes."""
    if filters[0].number == _SHUFFLE:
        item = filters[0].values[0]
        shuffled = np.ascontiguousarray(chunk.reshape(-1).view(np.uint8).reshape(-1, item).T)
        return bytes(cramjam.zstd.compress(memoryview(shuffled.reshape(-1)), filters[1].values[0]))
    return _through_hdf5(chunk)


def unpack(reader: NativeReader, row: int) -> np.ndarray:
    """Return a compressed variable as it is stored, decompressed.

    Raises:
        DamagedError: A chunk is not what was written.
    """
    stored, shape = reader.kind(row)
    out = np.empty(shape, stored.raw)
    flat = out.reshape(-1)
    at = 0
    for chunk, _ in unpacked_chunks(reader, row):
        flat[at : at + chunk.size] = chunk
        at += chunk.size
    return out


def unpacked_chunks(reader: NativeReader, row: int) -> Iterator[tuple[np.ndarray, bytes]]:
    """Yield the chunks of a variable, flat and in C order, and their stored bytes.

    Raises:
        DamagedError: A chunk cannot be decompressed.
    """
    stored, shape = reader.kind(row)
    entry = reader.index.packed[row]
    for origin, (at, size) in zip(chunk_origins(shape, entry.chunk), entry.places.tolist(), strict=True):
        try:
            data = read_exactly(reader.fd, size, at)
            chunk = _unpack_chunk(data, entry, stored.raw)
        except (EOFError, ValueError, OSError, RuntimeError, cramjam.DecompressionError) as error:
            name = reader.index.names[row]
            found = reader.damage(name, f"a compressed chunk cannot be read: {error}", at, at + size)
            raise DamagedError(f"{reader.path}: {name!r}: {found.problem}", damage=[found]) from None
        there = tuple(
            slice(min(part, length - start)) for start, part, length in zip(origin, entry.chunk, shape, strict=True)
        )
        yield chunk[there].reshape(-1), data


def check_packed(reader: NativeReader, row: int) -> list[Damage]:
    """Check the stored bytes of a compressed variable, and what they stand for."""
    entry = reader.index.packed[row]
    start, stop = int(entry.places[:, 0].min()), int(entry.places.sum(axis=1).max())
    name = reader.index.names[row]
    stored_digest, digest = xxhash.xxh3_64(), xxhash.xxh3_64()
    try:
        for chunk, data in unpacked_chunks(reader, row):
            stored_digest.update(data)
            digest.update(chunk.view(np.uint8))
    except DamagedError as error:
        return list(error.damage)
    except (UnreadableError, MissingExtraError) as error:
        return [reader.damage(name, f"cannot be read: {error}", start, stop)]
    if (stored_digest.intdigest(), digest.intdigest()) != (entry.stored_hash, int(reader.index.hashes[row])):
        return [reader.damage(name, "the data is not what was written: the hash differs", start, stop)]
    return []


def chunk_origins(shape: tuple[int, ...], chunk: tuple[int, ...]) -> Any:
    """Yield where in a variable each of its chunks begins, in C order."""
    counts = tuple(-(-length // part) for length, part in zip(shape, chunk, strict=True))
    for position in np.ndindex(*counts):
        yield tuple(number * part for number, part in zip(position, chunk, strict=True))


def _unpack_chunk(data: bytes, entry: Packed, raw: np.dtype[Any]) -> np.ndarray:
    size = math.prod(entry.chunk) * raw.itemsize
    numbers = [number for number, _ in entry.filters]
    if numbers == [_SHUFFLE, _ZSTD]:
        buffer = np.empty(size, np.uint8)
        if cramjam.zstd.decompress_into(data, buffer) != size:
            raise ValueError("it is shorter than it should be")
        if entry.filters[0][1] != (raw.itemsize,):
            raise ValueError("it was shuffled for another dtype")
        plain = np.ascontiguousarray(buffer.reshape(raw.itemsize, -1).T).reshape(-1)
        return plain.view(raw).reshape(entry.chunk)
    if numbers == [_BLOSC2]:
        return _from_hdf5(data, entry.chunk, raw)
    raise UnreadableError(f"it is compressed with the filters {numbers}, which this program does not use")


def _hdf5plugin() -> Any:
    try:
        import hdf5plugin
    except ImportError:
        raise MissingExtraError(
            "blosc2 needs hdf5plugin, which is not installed", hint="pip install 'tmplcore[compression]'"
        ) from None
    return hdf5plugin


def _in_memory(shape: tuple[int, ...], raw: np.dtype[Any]) -> Any:
    """Return an HDF5 file in memory with one dataset of one blosc2 chunk."""
    import h5py

    plugin = _hdf5plugin()
    # Files in memory have names too, and may not share one.
    file = h5py.File(f"chunk {next(_numbers)}", "w", driver="core", backing_store=False)
    dataset = file.create_dataset(
        "chunk", shape, raw, chunks=shape, **plugin.Blosc2(cname="zstd", clevel=3, filters=plugin.Blosc2.SHUFFLE)
    )
    return file, dataset


def _through_hdf5(chunk: np.ndarray) -> bytes:
    file, dataset = _in_memory(chunk.shape, chunk.dtype)
    with file:
        dataset[...] = chunk
        return bytes(dataset.id.read_direct_chunk((0,) * chunk.ndim)[1])


def _from_hdf5(data: bytes, shape: tuple[int, ...], raw: np.dtype[Any]) -> np.ndarray:
    file, dataset = _in_memory(shape, raw)
    with file:
        dataset.id.write_direct_chunk((0,) * len(shape), data)
        return np.asarray(dataset[...])
