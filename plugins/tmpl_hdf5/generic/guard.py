"""What an HDF5 file may ask for. h5py and libhdf5 do all of this silently; no checkpoint needs it.

Measured behaviour of stock h5py: external storage reads any file of the host, external links and virtual datasets
open other files, a 11 kB file may declare terabytes, and an unknown filter is a shared library loaded by path.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from h5py import h5d, h5l, h5o, h5z

from tmplcore.checkpoint.stored import is_array_shape
from tmplcore.errors import UntrustedError

__all__ = ["DEPTH", "LINKS", "check_dataset", "check_link", "object_address"]

LINKS = 1_000_000
"""Links in a file. A real checkpoint has a few hundred thousand at most."""

DEPTH = 256
"""Groups inside each other."""

_BOMB_BYTES = 256 << 20
_BOMB_RATIO = 1000
_FEW_CHUNKS = 10_000
_BUILT_IN = frozenset({1, 2, 3, 4, 5, 6, 32000})  # deflate, shuffle, fletcher32, szip, nbit, scale-offset, lzf
_PLUGIN = {307: "bzip2", 32001: "blosc", 32004: "lz4", 32008: "bitshuffle", 32015: "zstd", 32026: "blosc2"}


def check_link(path: str, kind: int) -> None:
    """Refuse links that are not hard links.

    Raises:
        UntrustedError: It leads elsewhere.
    """
    if kind == h5l.TYPE_HARD:
        return
    if kind == h5l.TYPE_SOFT:
        raise UntrustedError(
            f"{path!r} is a soft link, which may lead anywhere or in a circle", hint="h5copy or h5repack can resolve it"
        )
    raise UntrustedError(f"{path!r} is a link to another file", hint="copy what it refers to into one file")


def check_dataset(path: str, dataset: h5d.DatasetID, file_size: int) -> None:
    """Refuse datasets whose data is elsewhere, unproportioned, or needs code that is not here.

    Raises:
        UntrustedError: It says what.
    """
    creation = dataset.get_create_plist()
    if creation.get_external_count():
        name = creation.get_external(0)[0]
        raise UntrustedError(f"{path!r} has its data in another file, {name!r}")
    layout = creation.get_layout()
    if layout == h5d.VIRTUAL:
        raise UntrustedError(f"{path!r} is a virtual dataset, put together from other files")
    for number in range(creation.get_nfilters()):
        _check_filter(path, creation.get_filter(number)[0])
    declared = math.prod(dataset.shape or ()) * dataset.get_type().get_size()
    stored = dataset.get_storage_size()
    if layout == h5d.CHUNKED:
        bomb = declared > _BOMB_BYTES and declared > _BOMB_RATIO * stored
    else:
        bomb = declared > file_size and declared > 1 << 20
    if bomb or stored > file_size:
        raise UntrustedError(f"{path!r} declares {declared} bytes; the file has {file_size} and stores {stored} for it")
    if not is_array_shape(dataset.shape or (), dataset.get_type().get_size()):
        raise UntrustedError(f"{path!r} has the shape {dataset.shape}, which no array has")
    if layout == h5d.CHUNKED:
        chunk = creation.get_chunk()
        if (size := math.prod(chunk) * dataset.get_type().get_size()) > max(_BOMB_BYTES, file_size):
            raise UntrustedError(f"{path!r} has chunks of {size} bytes, each of which is read whole")
        _check_chunks(path, dataset.shape, chunk, file_size)


def _check_chunks(path: str, shape: tuple[int, ...], chunk: tuple[int, ...], file_size: int) -> None:
    """Refuse more chunks than a file of its size can hold; reading asks for each of them, there or not."""
    chunks = math.prod(-(-length // size) for length, size in zip(shape, chunk, strict=True))
    if chunks > max(_FEW_CHUNKS, file_size):
        raise UntrustedError(f"{path!r} declares {chunks} chunks; the file has {file_size} bytes")


def _check_filter(path: str, number: int) -> None:
    if number in _BUILT_IN:
        return
    name = _PLUGIN.get(number)
    if name is not None:
        try:
            importlib.import_module("hdf5plugin")  # registers its filters, so that none is looked up by path
        except ImportError:
            raise UntrustedError(
                f"{path!r} is compressed with {name}, which is not installed",
                hint="pip install 'tmplcore[compression]'",
            ) from None
        if h5z.filter_avail(number):
            return
    raise UntrustedError(f"{path!r} needs the filter plugin {number}, which is code from outside this file")


def object_address(identifier: Any) -> tuple[int, int]:
    """Return where an object's header is in its file, and how many links lead to it."""
    info = h5o.get_info(identifier)
    return info.addr, info.rc
