"""Content hashes as checkpoints write them: `algorithm:hex` of the little-endian bytes in C order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import xxhash

from tmplcore.checkpoint.output import little_endian

__all__ = ["content", "digest_of", "hasher"]


def hasher(algorithm: str) -> Any:
    """Return a new hash object with `update` and `hexdigest`, or None for an algorithm that is not known here."""
    if algorithm in ("xxh3_64", "xxh3_128"):
        return getattr(xxhash, algorithm)()
    if algorithm in ("sha256", "blake2b"):
        return hashlib.new(algorithm)
    return None


def content(array: np.ndarray) -> memoryview:
    """Return the bytes of an array that are hashed, without a copy where they are in that order already."""
    return little_endian(np.ascontiguousarray(array)).reshape(-1).view(np.uint8).data


def digest_of(blocks: Iterable[np.ndarray], algorithm: str) -> str | None:
    """Return the digest of a value that is given in pieces; None if the algorithm is not known.

    Example:
        >>> digest_of([np.arange(2, dtype="uint8"), np.arange(2, 4, dtype="uint8")], "xxh3_64")
        'xxh3_64:60dab036a58211f2'
    """
    hash_ = hasher(algorithm)
    if hash_ is None:
        return None
    for block in blocks:
        hash_.update(content(block))
    return f"{algorithm}:{hash_.hexdigest()}"
