"""A variable that lies in several boxes of its global shape, as the one variable that it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, final

import numpy as np

from tmplcore.checkpoint.format import Box, LazyVariable
from tmplcore.checkpoint.stored import element_index
from tmplcore.errors import SaveError

__all__ = ["ShardedVariable", "overlap", "pieces"]


def overlap(box: Box, other: Box) -> tuple[tuple[slice, ...], tuple[slice, ...]] | None:
    """Return where two boxes meet, as an index into each of them; None if they do not.

    Example:
        >>> overlap(Box((0,), (4,)), Box((3,), (4,)))
        ((slice(3, 4, None),), (slice(0, 1, None),))
    """
    inner, outer = [], []
    for start, size, other_start, other_size in zip(box.offset, box.shape, other.offset, other.shape, strict=True):
        low, high = max(start, other_start), min(start + size, other_start + other_size)
        if low >= high:
            return None
        inner.append(slice(low - start, high - start))
        outer.append(slice(low - other_start, high - other_start))
    return tuple(inner), tuple(outer)


def pieces(shape: tuple[int, ...], itemsize: int, max_bytes: int) -> Iterator[tuple[slice, ...]]:
    """Cut an array in C order into boxes of at most `max_bytes` (at least one element) each.

    Yields:
        The index of each: one slice of step 1 per axis.

    Example:
        >>> [tuple((s.start, s.stop) for s in index) for index in pieces((3, 4), 1, 8)]
        [((0, 2), (0, 4)), ((2, 3), (0, 4))]
    """
    if 0 in shape or math.prod(shape) * itemsize <= max_bytes:
        yield tuple(slice(0, size) for size in shape)
        return
    axis, inner = 0, math.prod(shape[1:]) * itemsize
    while inner > max_bytes:
        axis += 1
        inner = math.prod(shape[axis + 1 :]) * itemsize
    run = max(1, max_bytes // inner)
    for lead in np.ndindex(*shape[:axis]):
        for start in range(0, shape[axis], run):
            yield (
                *(slice(place, place + 1) for place in lead),
                slice(start, min(start + run, shape[axis])),
                *(slice(0, size) for size in shape[axis + 1 :]),
            )


@final
class ShardedVariable(LazyVariable):
    """The whole of a variable whose parts are elsewhere: the shards of a partitioned variable.

    Args:
        name: Its name.
        shape: The global shape.
        dtype: The type of an element.
        parts: Where each part is in the whole, and its value.
        trainable: Whether an optimizer changes it.

    Raises:
        SaveError: The parts do not fill the whole.
    """

    __slots__ = ("_parts", "_trainable", "dtype", "name", "shape")

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        parts: Sequence[tuple[Box, np.ndarray | LazyVariable]],
        *,
        trainable: bool | None = None,
    ) -> None:
        self.name = name
        self.shape = shape
        self.dtype = dtype
        self._parts = tuple(parts)
        self._trainable = trainable
        if sum(math.prod(box.shape) for box, _ in parts) != math.prod(shape):
            raise SaveError(
                f"{name!r} has shape {shape} and is partitioned, but only {len(parts)} of its parts were given",
                hint="give all parts, or the partitioned variable itself",
            )

    @property
    def trainable(self) -> bool | None:
        """Whether an optimizer changes it."""
        return self._trainable

    @property
    def boxes(self) -> tuple[Box, ...]:
        """The parts."""
        return tuple(box for box, _ in self._parts)

    def _region(self, want: Box) -> np.ndarray:
        out = np.empty(want.shape, self.dtype)
        for box, part in self._parts:
            if found := overlap(box, want):
                inner, outer = found
                out[outer] = part[inner]
        return out

    def __getitem__(self, index: Any) -> np.ndarray:
        split = element_index(index, len(self.shape))
        if split is None:
            return np.asarray(self[...][index])
        axes, result = split
        starts: list[int] = []
        shape: list[int] = []
        rest: list[int | slice] = []
        for length, item in zip(self.shape, axes, strict=True):
            if isinstance(item, slice):
                taken = range(length)[item]
                low, high = (min(taken), max(taken) + 1) if taken else (0, 0)
                # The same elements, seen from `low`; a slice that runs down to the first one has no stop.
                stop = taken.stop - low if taken.stop >= low else None
                rest.append(slice(taken.start - low, stop, taken.step) if taken else slice(0, 0))
            else:
                if not -length <= item < length:
                    raise IndexError(f"index {item} is out of bounds for an axis of size {length}")
                low = item % length
                high = low + 1
                rest.append(0)
            starts.append(low)
            shape.append(high - low)
        return np.asarray(self._region(Box(tuple(starts), tuple(shape)))[tuple(rest)][result])

    def read_into(self, out: np.ndarray) -> None:
        """Fill `out` part by part."""
        for box, part in self._parts:
            place = out[tuple(slice(start, start + size) for start, size in zip(box.offset, box.shape, strict=True))]
            place[...] = part[...]
