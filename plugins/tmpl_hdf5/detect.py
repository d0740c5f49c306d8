"""Tell by its bytes whether a file is HDF5, and whether it is a native checkpoint."""

from __future__ import annotations

import struct
from pathlib import Path

__all__ = ["is_hdf5", "is_native"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_INDEX_LAYOUT = 96 + 16 + 24 + 24 + 16 + 8  # in the first object header, behind superblock 0
_MAGIC = b"tmplidx\0"


def is_hdf5(path: Path) -> bool:
    """Tell whether a file is HDF5. The signature may stand at 0, 512, 1024, 2048, … behind a user block."""
    try:
        if not path.is_file():  # opening a pipe would wait for its other end
            return False
        with path.open("rb") as file:
            at, size = 0, file.seek(0, 2)
            while at + 8 <= min(size, 1 << 24):
                file.seek(at)
                if file.read(8) == _SIGNATURE:
                    return True
                at = max(512, 2 * at)
    except (OSError, ValueError):
        pass
    return False


def is_native(path: Path) -> bool:
    """Tell whether a file is a native checkpoint: its first object is an index.

    A native checkpoint that was cut short still counts, so that it is called damaged and not unknown: then what
    remains of its first object has to do.
    """
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_INDEX_LAYOUT + 18)
            if head[:9] != _SIGNATURE + b"\0" or head[_INDEX_LAYOUT : _INDEX_LAYOUT + 2] != b"\3\1":
                return False
            (at,) = struct.unpack_from("<Q", head, _INDEX_LAYOUT + 2)
            if at < 1 << 62 and file.seek(0, 2) > at:
                file.seek(at)
                return file.read(8) == _MAGIC
            return head[_INDEX_LAYOUT - 8 : _INDEX_LAYOUT - 4] == b"\x08\x00\x18\x00"
    except (OSError, ValueError, struct.error):
        return False
