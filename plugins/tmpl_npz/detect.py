"""Telling NumPy's files by their first bytes."""

from __future__ import annotations

import zipfile
from pathlib import Path

__all__ = ["NPY_MAGIC", "is_npy", "is_npz"]

NPY_MAGIC = b"\x93NUMPY"
_ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")  # a member, or the end of an empty archive


def is_npy(path: Path) -> bool:
    """Tell whether `path` is an .npy file, damaged or not. Never raises."""
    start = _start(path)
    return start.startswith(NPY_MAGIC) or (start == b"" and path.suffix == ".npy" and _is_file(path))


def is_npz(path: Path) -> bool:
    """Tell whether `path` is an .npz file, damaged or not. Never raises.

    Other formats are zip files too; an .npz has arrays and nothing else.
    """
    if not _start(path).startswith(_ZIP_MAGIC):
        return path.suffix == ".npz" and _is_file(path) and _start(path) == b""
    if path.suffix == ".npz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False
    return bool(names) and all(name.endswith(".npy") for name in names)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _start(path: Path) -> bytes:
    """Return the first bytes; none if it is no regular file or cannot be read."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(len(NPY_MAGIC))
    except (OSError, ValueError):
        return b""
