"""Random initializers whose variance follows from the shape: variance scaling, Glorot, He, LeCun, orthogonal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from tmplcore.dtypes import DType, float32
from tmplcore.errors import InitializerError
from tmplcore.initializers.base import Initializer, Piece, full_shape, must_be_floating, working_type
from tmplcore.initializers.distributions import normal, uniform
from tmplcore.random import BLOCK, next_stream

__all__ = [
    "GlorotNormal",
    "GlorotUniform",
    "Orthogonal",
    "UniformUnitScaling",
    "VarianceScaling",
    "he_normal",
    "he_uniform",
    "lecun_normal",
    "lecun_uniform",
]


# The standard deviation of a standard normal distribution truncated to [-2, 2].
_TRUNCATED_DEVIATION = 0.87962566103423978


def _fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the fan-in and fan-out of weights: the last two axes, times the receptive field before them."""
    if len(shape) < 2:
        return (float(shape[0]),) * 2 if shape else (1.0, 1.0)
    field = math.prod(shape[:-2])
    return float(shape[-2] * field), float(shape[-1] * field)


def _variance_scaled(
    shape: tuple[int, ...], dtype: DType, partition_info: Any,
    *, scale: float, mode: str, distribution: str, seed: int | None,
) -> Piece:  # fmt: skip
    fan_in, fan_out = _fans(full_shape(shape, partition_info))
    fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[mode]
    variance = scale / max(1.0, fan)
    if distribution == "uniform":
        limit = math.sqrt(3.0 * variance)
        return uniform(shape, dtype, -limit, limit, seed)
    deviation = math.sqrt(variance)
    if distribution == "untruncated_normal":
        return normal(shape, dtype, 0.0, deviation, seed, truncated=False)
    return normal(shape, dtype, 0.0, deviation / _TRUNCATED_DEVIATION, seed, truncated=True)


_MODES = ("fan_in", "fan_out", "fan_avg")
_DISTRIBUTIONS = ("normal", "uniform", "truncated_normal", "untruncated_normal")


@final
@dataclass(frozen=True, eq=False)
class VarianceScaling(Initializer):
    """Random numbers of variance `scale / n`, where n is the number of a unit's inputs, outputs, or their mean.

    A shard of a partitioned variable is scaled by the fans of the whole variable.

    Args:
        scale: A positive factor.
        mode: `fan_in`, `fan_out` or `fan_avg`.
        distribution: `truncated_normal` (also called `normal`), `untruncated_normal` or `uniform`.
        seed: Used in place of the store's seed.
        dtype: A floating type.

    Raises:
        InitializerError: An argument is none of these.

    Example:
        >>> float(abs(VarianceScaling(3.0, distribution="uniform")([9, 4])).max()) <= 1.0  # sqrt(3 * 3 / 9)
        True
    """

    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"
    seed: int | None = None
    dtype: DType = float32

    def _check(self) -> None:
        if self.scale <= 0.0:
            raise InitializerError(
                f"Argument `scale` must be a positive float. Received: {self.scale}", hint="VarianceScaling(1.0)"
            )
        if self.mode not in _MODES:
            raise InitializerError(
                f"Argument `mode` should be one of {_MODES}. Received: {self.mode}",
                hint="VarianceScaling(mode='fan_in')",
            )
        lowered = self.distribution.lower()
        if lowered not in _DISTRIBUTIONS:
            raise InitializerError(
                f"Argument `distribution` should be one of {_DISTRIBUTIONS}. Received: {self.distribution}",
                hint="VarianceScaling(distribution='uniform')",
            )
        object.__setattr__(self, "distribution", lowered)
        must_be_floating(self.dtype)

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        return _variance_scaled(
            shape, dtype, partition_info,
            scale=self.scale, mode=self.mode, distribution=self.distribution, seed=self.seed,
        )  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class GlorotUniform(Initializer):
    """Uniform within ± sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio 2010). The default of `get_variable`.

    Example:
        >>> bool((abs(GlorotUniform()([100, 50])) < 0.2).all())  # sqrt(6 / 150)
        True
    """

    seed: int | None = None
    dtype: DType = float32

    scale: ClassVar[float] = 1.0
    mode: ClassVar[str] = "fan_avg"
    distribution: ClassVar[str] = "uniform"

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        return _variance_scaled(
            shape, dtype, partition_info,
            scale=self.scale, mode=self.mode, distribution=self.distribution, seed=self.seed,
        )  # fmt: skip


@final
@dataclass(frozen=True, eq=False)
class GlorotNormal(Initializer):
    """Truncated normal with standard deviation sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio 2010).

    Example:
        >>> GlorotNormal()([3, 3]).dtype
        dtype('float32')
    """

    seed: int | None = None
    dtype: DType = float32

    scale: ClassVar[float] = 1.0
    mode: ClassVar[str] = "fan_avg"
    distribution: ClassVar[str] = "truncated_normal"

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        return _variance_scaled(
            shape, dtype, partition_info,
            scale=self.scale, mode=self.mode, distribution=self.distribution, seed=self.seed,
        )  # fmt: skip


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal with standard deviation sqrt(2 / fan_in) (He et al. 2015)."""
    return VarianceScaling(2.0, "fan_in", "truncated_normal", seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform within ± sqrt(6 / fan_in) (He et al. 2015)."""
    return VarianceScaling(2.0, "fan_in", "uniform", seed)


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal with standard deviation sqrt(1 / fan_in) (LeCun et al. 1998)."""
    return VarianceScaling(1.0, "fan_in", "truncated_normal", seed)


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform within ± sqrt(3 / fan_in) (LeCun et al. 1998)."""
    return VarianceScaling(1.0, "fan_in", "uniform", seed)


@final
@dataclass(frozen=True, eq=False)
class UniformUnitScaling(Initializer):
    """Uniform within ± factor · sqrt(3 / n), n being the product of all axes but the last (Sussillo & Abbott 2014).

    Example:
        >>> float(abs(UniformUnitScaling()([3, 4])).max()) <= 1.0
        True
    """

    factor: float = 1.0
    seed: int | None = None
    dtype: DType = float32

    def _check(self) -> None:
        must_be_floating(self.dtype)

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        inputs = max(1.0, float(math.prod(full_shape(shape, partition_info)[:-1])))
        limit = math.sqrt(3.0 / inputs) * self.factor
        return uniform(shape, dtype, -limit, limit, self.seed)


def whole(value: np.ndarray) -> Piece:
    """Hand out a value that could not be computed by blocks."""
    flat = value.reshape(-1)
    return lambda block, count: flat[block * BLOCK : block * BLOCK + count]


@final
@dataclass(frozen=True, eq=False)
class Orthogonal(Initializer):
    """A random matrix with orthonormal rows or columns, whichever are fewer, uniform among them (Saxe et al. 2014).

    All axes but the last are taken together. The value is made whole, not by blocks. Its last bits depend on the
    linear algebra library.

    Args:
        gain: A factor.
        seed: Used in place of the store's seed.
        dtype: A floating type.

    Raises:
        InitializerError: The shape has fewer than two axes, or the dtype is not floating.

    Example:
        >>> value = Orthogonal()([4, 2])
        >>> bool(np.allclose(value.T @ value, np.eye(2), atol=1e-6))
        True
    """

    gain: float = 1.0
    seed: int | None = None
    dtype: DType = float32

    def _check(self) -> None:
        must_be_floating(self.dtype)

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        if len(shape) < 2:
            raise InitializerError(
                "The tensor to initialize, specified by argument `shape` must be at least two-dimensional. "
                f"Received shape={list(shape)}",
                hint="give two axes or more, or take another initializer",
            )
        work = working_type(dtype, 0.0)
        rows, columns = math.prod(shape[:-1]), shape[-1]
        stream = next_stream(self.seed)
        drawn = stream.generator(0).standard_normal((max(rows, columns), min(rows, columns)), dtype=work)
        q, r = np.linalg.qr(drawn)
        # Without the signs of r's diagonal q is not uniformly distributed (Mezzadri 2007).
        q *= np.where(np.diag(r) < 0, -1, 1).astype(work)
        return whole(np.ascontiguousarray(self.gain * (q.T if rows < columns else q)).astype(dtype.dtype))
