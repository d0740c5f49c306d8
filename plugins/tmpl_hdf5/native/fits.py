"""See whether very many arrays are as they should be: a thousand at a time, while they are in the processor's cache."""

from __future__ import annotations

from operator import attrgetter, eq
from typing import Any, Final

import numpy as np

__all__ = ["AT_ONCE", "are_plain", "are_ready", "fit"]

AT_ONCE: Final = 1000
"""So many objects stay in the cache from one step to the next, and few tuples do not wake the garbage collector."""

_shape_of: Final = attrgetter("shape")
_dtype_of: Final = attrgetter("dtype")
_rank_of: Final = attrgetter("ndim")
_is_plain: Final = attrgetter("flags.carray")  # C order, aligned, writable


def fit(arrays: list[Any], shapes: list[tuple[int, ...]], dtypes: list[np.dtype[Any]], *, plain: bool) -> bool:
    """Tell whether up to a thousand arrays have these shapes and dtypes; `plain` ones are of NumPy's own class."""
    if list(map(_dtype_of, arrays)) != dtypes:
        return False
    shape, count = shapes[0], len(shapes)
    if plain and len(shape) == 1 and shapes.count(shape) == count:
        # The usual case where there are very many: two numbers, for which no tuple has to be made.
        return list(map(_rank_of, arrays)).count(1) == count and list(map(len, arrays)).count(shape[0]) == count
    return all(map(eq, map(_shape_of, arrays), shapes))


def are_ready(arrays: list[Any], shapes: list[tuple[int, ...]], dtypes: list[np.dtype[Any]]) -> bool:
    """Tell whether up to a thousand arrays certainly fit and are plain, which NumPy sees faster than attributes tell.

    An iterator over all of them at once is made only of arrays that can be written to, of one shape and dtype, aligned,
    and contiguous along its last axis; it has one axis left if they are contiguous along all of them. NumPy 2.0 makes
    none of more than 64, and so is not sure.
    """
    shape, dtype, count = shapes[0], dtypes[0], len(shapes)
    if shapes.count(shape) != count or dtypes.count(dtype) != count:
        return False
    access = ["readwrite", "no_broadcast", "contig", "aligned"]
    try:
        joint = np.nditer(arrays, ["external_loop", "zerosize_ok"], access, dtypes, "C", "no", None, shape)
    except (TypeError, ValueError):
        return False
    return joint.ndim == 1


def are_plain(arrays: list[Any]) -> bool:
    """Tell whether arrays can be filled as they lie in memory."""
    return all(map(_is_plain, arrays))
