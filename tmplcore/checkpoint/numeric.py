"""How much two arrays differ, added up piece by piece."""

from __future__ import annotations

import math
from typing import Any, final

import numpy as np

from tmplcore.checkpoint.casting import is_float, is_inexact
from tmplcore.checkpoint.reports import Change

__all__ = ["Tally", "ulp_distance"]


@final
class Tally:
    """The difference between two arrays of one shape.

    Args:
        first: The dtype of the first.
        second: The dtype of the second.
        tolerance: Absolute difference that counts as none.
        relative: Difference relative to the first that counts as none.

    Example:
        >>> tally = Tally(np.dtype("float32"), np.dtype("float32"), 0.0, 0.0)
        >>> tally.add(np.float32([1, 2, np.nan]), np.float32([1, 2.5, np.nan]))
        >>> tally.changed, tally.max_abs, tally.max_ulp, tally.nonfinite
        (1, 0.5, 2097152, 0)
    """

    def __init__(self, first: np.dtype[Any], second: np.dtype[Any], tolerance: float, relative: float) -> None:
        self._same_dtype = first == second
        self._measurable = not (first.kind in "OSUMm" or second.kind in "OSUMm" or (first.fields or second.fields))
        self._ulps = self._same_dtype and is_float(first)
        self._tolerance, self._relative = tolerance, relative
        self.changed = 0
        self.nonfinite = 0
        self.max_abs = 0.0
        self.max_rel = 0.0
        self.max_ulp = 0
        self._squares = 0.0
        self._first_squares = 0.0

    def add(self, a: np.ndarray, b: np.ndarray) -> None:
        """Add a part of both."""
        if not self._measurable:
            self.changed += int(np.count_nonzero(np.asarray(a != b)))
            return
        exact = self._same_dtype and a.dtype.kind in "iu"
        x, y = _wide(a), _wide(b)
        finite = np.isfinite(x) & np.isfinite(y)
        with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
            distance = _integer_distance(a, b) if exact else np.abs(np.where(finite, x, 0) - np.where(finite, y, 0))
            size = np.abs(np.where(finite, x, 0))
            rest = ~finite & ~((x == y) | (np.isnan(x) & np.isnan(y)))
            if self._tolerance or self._relative:
                differing = rest | (distance > self._tolerance + self._relative * size)
            else:
                differing = _bits_differ(a, b) if self._same_dtype else rest | (finite & (x != y))
            self.changed += int(np.count_nonzero(differing))
            self.nonfinite += int(np.count_nonzero(rest))
            if a.size:
                self.max_abs = max(self.max_abs, float(distance.max()))
                ratio = np.where(distance > 0, distance / size, 0.0)
                self.max_rel = max(self.max_rel, float(ratio.max()))
            self._squares += float(np.sum(np.square(distance.astype(np.float64))))
            self._first_squares += float(np.sum(np.square(size.astype(np.float64))))
        if self._ulps and a.size:
            steps = np.where(finite, ulp_distance(a, b), 0)
            self.max_ulp = max(self.max_ulp, int(steps.max()))

    def filled(self, change: Change) -> Change:
        """Return the change with the numbers in it."""
        if not self._measurable:
            return change._replace(changed=self.changed)
        norm, first = math.sqrt(self._squares), math.sqrt(self._first_squares)
        return change._replace(
            changed=self.changed,
            nonfinite=self.nonfinite,
            max_abs=self.max_abs,
            max_rel=self.max_rel if math.isfinite(self.max_rel) else None,
            max_ulp=self.max_ulp if self._ulps else None,
            norm=norm,
            norm_rel=norm / first if first else None,
        )


def ulp_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return how many numbers of the dtype lie between each two elements, plus one if they differ.

    Floats of one sign are ordered as their bits are; zero and minus zero are one number.

    Example:
        >>> ulp_distance(np.float32([1.0, -0.0]), np.nextafter(np.float32([1.0, 0.0]), np.float32(2)))
        array([1, 1], dtype=uint64)
    """
    x, y = _ordered(a), _ordered(b)
    return _integer_distance(x, y)


def _ordered(a: np.ndarray) -> np.ndarray:
    bits = 8 * a.dtype.itemsize
    raw = np.ascontiguousarray(a).view(f"u{a.dtype.itemsize}").astype(np.uint64)
    sign = np.uint64(1 << (bits - 1))
    magnitude = (raw & (sign - np.uint64(1))).astype(np.int64)
    return np.where(raw & sign, -magnitude, magnitude)


def _integer_distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return |a - b| of integers; modulo 2^64 the larger minus the smaller is right, whatever overflows."""
    x, y = a.astype(np.uint64), b.astype(np.uint64)
    return np.where(a > b, x - y, y - x)


def _bits_differ(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    size = a.dtype.itemsize
    x, y = (np.ascontiguousarray(v).reshape(-1).view(np.uint8).reshape(-1, size) for v in (a, b))
    differing = (x != y).any(axis=1).reshape(a.shape)
    if is_inexact(a.dtype):  # every NaN is as good as any other
        differing &= ~(np.isnan(_wide(a)) & np.isnan(_wide(b)))
    return np.asarray(differing)


def _wide(a: np.ndarray) -> np.ndarray:
    return a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)
