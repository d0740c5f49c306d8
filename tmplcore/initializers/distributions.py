"""Uniform and normal numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from tmplcore.dtypes import DType, float32
from tmplcore.errors import InitializerError
from tmplcore.initializers.base import Initializer, Piece, must_be_floating, working_type
from tmplcore.random import BLOCK, next_stream

__all__ = ["RandomNormal", "RandomUniform", "TruncatedNormal", "normal", "uniform"]


def _part(parameter: Any, shape: tuple[int, ...], block: int, count: int) -> Any:
    """Return a parameter for one block: a number as it is, an array broadcast against the shape."""
    if np.ndim(parameter) == 0:
        return parameter
    return np.broadcast_to(parameter, shape).flat[block * BLOCK : block * BLOCK + count]


def _check_kind(dtype: DType) -> None:
    """Refuse a type in which there is no uniform distribution."""
    if not (dtype.is_floating or dtype.name in {"int32", "int64"}):
        raise InitializerError(
            f"Argument `dtype` got invalid value {dtype!s}. Accepted dtypes are the floating ones, int32 and int64.",
            hint=f"name an initializer for {dtype.name}, such as zeros",
        )


def uniform(shape: tuple[int, ...], dtype: DType, low: Any, high: Any, seed: int | None) -> Piece:
    """Numbers in [low, high)."""
    _check_kind(dtype)
    work = working_type(dtype, 0.0)
    stream = next_stream(seed)

    def piece(block: int, count: int) -> np.ndarray:
        least, most = (np.asarray(_part(bound, shape, block, count), work) for bound in (low, high))
        drawn = stream.generator(block).random(count, dtype=work)
        value = np.asarray(drawn * (most - least) + least).astype(dtype.dtype)
        # Rounding to few bits can reach the upper end, which does not belong to the interval.
        top = most.astype(dtype.dtype)
        reached = (value >= top) & (most > least)
        if reached.any():
            below = np.nextafter(top, least.astype(dtype.dtype))
            value = np.where(reached, below, value)
        return value

    return piece


def normal(
    shape: tuple[int, ...], dtype: DType, mean: Any, deviation: Any, seed: int | None, *, truncated: bool
) -> Piece:
    """Normal numbers; truncated means that those beyond two deviations are drawn again."""
    work = working_type(dtype, 0.0)
    stream = next_stream(seed)

    def piece(block: int, count: int) -> np.ndarray:
        generator = stream.generator(block)
        drawn = generator.standard_normal(count, dtype=work)
        while truncated:
            beyond = np.flatnonzero(np.abs(drawn) > 2)
            if beyond.size == 0:
                break
            drawn[beyond] = generator.standard_normal(beyond.size, dtype=work)
        middle, scale = (np.asarray(_part(given, shape, block, count), work) for given in (mean, deviation))
        return np.asarray(drawn * scale + middle).astype(dtype.dtype)

    return piece


@final
@dataclass(frozen=True, eq=False)
class RandomUniform(Initializer):
    """Uniform numbers in [minval, maxval).

    Args:
        minval: The lower end.
        maxval: The upper end; 1 for floating types if None, and required for integers.
        seed: Used in place of the store's seed.
        dtype: A floating type, int32 or int64.

    Raises:
        InitializerError: An integer type without `maxval`, or a type that is neither.

    Example:
        >>> value = RandomUniform(-1, 1)([1000])
        >>> bool((-1 <= value).all() and (value < 1).all())
        True
    """

    minval: Any = 0.0
    maxval: Any = None
    seed: int | None = None
    dtype: DType = float32

    def _check(self) -> None:
        if self.dtype.is_integer and self.maxval is None:
            raise InitializerError(f"Must specify maxval for integer dtype {self.dtype!r}", hint="RandomUniform(0, 10)")

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        if dtype.is_floating:
            return uniform(shape, dtype, self.minval, 1.0 if self.maxval is None else self.maxval, self.seed)
        _check_kind(dtype)
        if self.maxval is None:
            raise InitializerError(f"Must specify maxval for integer dtype {dtype!r}", hint="RandomUniform(0, 10)")
        if np.any(np.asarray(self.minval) >= np.asarray(self.maxval)):
            raise InitializerError(f"Need minval < maxval, got {self.minval} >= {self.maxval}", hint="exchange the two")
        stream, low, high = next_stream(self.seed), self.minval, self.maxval

        def piece(block: int, count: int) -> np.ndarray:
            bounds: list[Any] = [_part(bound, shape, block, count) for bound in (low, high)]
            return np.asarray(
                stream.generator(block).integers(bounds[0], bounds[1], size=count, dtype=dtype.as_numpy_dtype)
            )

        return piece


@final
@dataclass(frozen=True, eq=False)
class RandomNormal(Initializer):
    """Normal numbers.

    Args:
        mean: The mean: a number, or an array that broadcasts to the shape.
        stddev: The standard deviation, likewise.
        seed: Used in place of the store's seed.
        dtype: A floating type.

    Raises:
        InitializerError: The dtype is not floating.

    Example:
        >>> RandomNormal(seed=1)([2, 3]).shape
        (2, 3)
    """

    mean: Any = 0.0
    stddev: Any = 1.0
    seed: int | None = None
    dtype: DType = float32

    def _check(self) -> None:
        must_be_floating(self.dtype)

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        return normal(shape, dtype, self.mean, self.stddev, self.seed, truncated=False)


@final
@dataclass(frozen=True, eq=False)
class TruncatedNormal(Initializer):
    """Normal numbers, where those more than two standard deviations from the mean are drawn again.

    Args:
        mean: The mean before truncation.
        stddev: The standard deviation before truncation; afterwards it is 0.8796 of that.
        seed: Used in place of the store's seed.
        dtype: A floating type.

    Raises:
        InitializerError: The dtype is not floating.

    Example:
        >>> bool((abs(TruncatedNormal(stddev=0.5)([1000])) <= 1).all())
        True
    """

    mean: Any = 0.0
    stddev: Any = 1.0
    seed: int | None = None
    dtype: DType = float32

    def _check(self) -> None:
        must_be_floating(self.dtype)

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        return normal(shape, dtype, self.mean, self.stddev, self.seed, truncated=True)
