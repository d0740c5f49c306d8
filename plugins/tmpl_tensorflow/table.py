"""The sorted table that TensorFlow keeps its index in: LevelDB's file format, read from front to back.

Documented at https://github.com/google/leveldb/blob/main/doc/table_format.md (blocks, footer),
https://github.com/google/snappy/blob/main/format_description.txt (compression) and, for the masked checksum,
https://github.com/google/leveldb/blob/main/doc/log_format.md.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import cramjam
import google_crc32c

from tmpl_tensorflow.wire import varint
from tmplcore.checkpoint.stored import InputFile
from tmplcore.errors import DamagedError, UnreadableError

__all__ = ["FOOTER_SIZE", "MAGIC", "entries", "unmask"]

MAGIC = bytes.fromhex("57fb808b247547db")
FOOTER_SIZE = 48

_TRAILER = 5  # compression byte and checksum behind each block
_PLAIN, _SNAPPY = 0, 1
# A Snappy copy of 64 bytes takes 3, so no block grows by more than this.
_MOST_GROWTH = 22
# A writer cuts blocks at a few KiB (TensorFlow: 256 KiB); only one with a huge entry is larger.
_LARGEST_BLOCK = 256 << 20
# Keys share their beginnings with the one before; writers restart every 16 entries, so the keys of an honest table
# are at most 16 times as long as their block. Without a limit, a small file could name gigabytes of keys.
_MOST_KEY_BYTES_PER_BYTE = 32
_FREE_KEY_BYTES = 16 << 20


def unmask(crc: int) -> int:
    """Undo LevelDB's masking of a stored CRC-32C.

    Example:
        >>> unmask(0xA282EAD8)
        0
    """
    rotated = (crc - 0xA282EAD8) & 0xFFFFFFFF
    return (rotated >> 17 | rotated << 15) & 0xFFFFFFFF


def entries(file: InputFile) -> Iterator[tuple[bytes, bytes]]:
    """Yield all keys and values of a table, in order.

    Raises:
        UnreadableError: The file is not such a table.
        DamagedError: It is, but not as it was written.
    """
    if file.size < FOOTER_SIZE:
        raise DamagedError(
            f"{file.path}: {file.size} bytes are too few for a checkpoint index", hint="copy or download it again"
        )
    footer = file.read(file.size - FOOTER_SIZE, FOOTER_SIZE)
    if not footer.endswith(MAGIC):
        raise UnreadableError(
            f"{file.path}: does not end like a TensorFlow checkpoint index",
            hint="either it is something else, or it was cut short: copy or download it again",
        )
    try:
        yield from _entries(file, footer)
    except DamagedError as error:
        if str(file.path) in str(error):
            raise
        raise DamagedError(
            f"{file.path}: the checkpoint index is damaged: {error}", hint="copy or download it again"
        ) from error


def _entries(file: InputFile, footer: bytes) -> Iterator[tuple[bytes, bytes]]:
    _, _, place = _handle(footer, 0)
    offset, size, _ = _handle(footer, place)
    end, last, key_bytes = 0, None, 0
    for _, handle in _parse(_block(file, offset, size)):
        # A writer puts one block behind the other. Insisting on it keeps a file from naming one block again and again.
        block_offset, block_size, _ = _handle(handle, 0)
        if block_offset < end:
            raise DamagedError(f"the block at byte {block_offset} overlaps the one before")
        end = block_offset + block_size + _TRAILER
        for key, value in _parse(_block(file, block_offset, block_size)):
            if last is not None and key <= last:
                raise DamagedError(f"the key {key[:80]!r} is out of order")
            last = key
            key_bytes += len(key)
            if key_bytes > _FREE_KEY_BYTES + _MOST_KEY_BYTES_PER_BYTE * file.size:
                raise DamagedError("the keys are longer than a file of this size can honestly hold")
            yield key, value


def _handle(data: bytes, place: int) -> tuple[int, int, int]:
    """Read a block's offset and size; return them and the place behind."""
    offset, place = varint(data, place, len(data))
    size, place = varint(data, place, len(data))
    return offset, size, place


def _block(file: InputFile, offset: int, size: int) -> bytes:
    """Read a block, check its checksum, and expand it."""
    if offset + size + _TRAILER > file.size - FOOTER_SIZE or size > _LARGEST_BLOCK:
        raise DamagedError(f"a block of {size} bytes at byte {offset} cannot be in a file of {file.size}")
    raw = file.read(offset, size + _TRAILER)
    (stored,) = struct.unpack_from("<I", raw, size + 1)
    if google_crc32c.value(raw[: size + 1]) != unmask(stored):
        raise DamagedError(f"the checksum of the block at bytes {offset} to {offset + size} does not match")
    if raw[size] == _PLAIN:
        return raw[:size]
    if raw[size] != _SNAPPY:
        raise DamagedError(f"the block at byte {offset} has the unknown compression {raw[size]}")
    length, _ = varint(raw, 0, min(size, 5))
    if length > _MOST_GROWTH * size:
        raise DamagedError(f"the block at byte {offset} claims to expand from {size} to {length} bytes")
    try:
        return bytes(cramjam.snappy.decompress_raw(raw[:size]))
    except cramjam.DecompressionError as error:
        raise DamagedError(f"the block at byte {offset} cannot be expanded: {error}") from error


def _parse(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the keys and values of one block."""
    if len(block) < 4:
        raise DamagedError("a block is too short")
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
    stop = len(block) - 4 - 4 * restarts
    if stop < 0:
        raise DamagedError(f"a block of {len(block)} bytes names {restarts} restart points")
    key, place = b"", 0
    while place < stop:
        shared, place = varint(block, place, stop)
        unshared, place = varint(block, place, stop)
        length, place = varint(block, place, stop)
        if shared > len(key) or unshared + length > stop - place:
            raise DamagedError("an entry reaches beyond its block")
        key = key[:shared] + block[place : place + unshared]
        place += unshared
        yield key, block[place : place + length]
        place += length
