"""What every initializer is, and what several of them need."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

import numpy as np

from tmplcore.dtypes import DType, as_dtype, float32
from tmplcore.errors import InitializerError, InvalidTypeError
from tmplcore.random import BLOCK
from tmplcore.shapes import TensorShape

__all__ = ["Initializer", "Piece", "full_shape", "must_be_floating", "working_type"]


Piece = Callable[[int, int], np.ndarray]
"""`piece(block, count)`: the `count` elements of block number `block`, flat."""


@dataclass(frozen=True, eq=False, repr=True)
class Initializer(ABC):
    """What a new variable starts as. Subclass it, or pass any callable of the same signature.

    Subclasses are dataclasses with a field `dtype`, used when a call does not give one.

    Attributes:
        random: Whether values depend on the store's seed and the variable's name.
    """

    random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "dtype", as_dtype(getattr(self, "dtype", float32)))
        self._check()

    def _check(self) -> None:
        """Refuse wrong constructor arguments."""

    @abstractmethod
    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        """Check the request and return what computes it, block by block. Takes its random stream now."""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> np.ndarray:
        """Compute the whole value.

        Args:
            shape: A fully defined shape: integers, or whatever `TensorShape` takes.
            dtype: The element type; None for the initializer's own.
            partition_info: For a shard of a partitioned variable: `full_shape` and `var_offset` of the shard.

        Raises:
            InitializerError: The shape or the dtype does not suit this initializer.
            InvalidTypeError: The dtype cannot hold the values.
        """
        dims, of = self._request(shape, dtype)
        piece, size = self._pieces(dims, of, partition_info), math.prod(dims)
        if size <= BLOCK:
            return piece(0, size).reshape(dims)
        value = np.empty(size, of.dtype)
        for start in range(0, size, BLOCK):
            value[start : start + BLOCK] = piece(start // BLOCK, min(BLOCK, size - start))
        return value.reshape(dims)

    def blocks(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Iterator[np.ndarray]:
        """Compute the value in C order as flat pieces; joined they are what a call returns, bit for bit.

        The random stream is taken at the call, not when the first piece is asked for.
        """
        dims, of = self._request(shape, dtype)
        piece, size = self._pieces(dims, of, partition_info), math.prod(dims)
        return (piece(start // BLOCK, min(BLOCK, size - start)) for start in range(0, size, BLOCK))

    def _request(self, shape: Any, dtype: Any) -> tuple[tuple[int, ...], DType]:
        of: DType = self.dtype if dtype is None else as_dtype(dtype).base_dtype  # type: ignore[attr-defined]
        if not isinstance(shape, tuple | list) or not all(type(length) is int and length >= 0 for length in shape):
            shape = TensorShape(shape)
            if not shape.is_fully_defined():
                raise InitializerError(
                    f"{self!r} needs a fully defined shape, not {shape}", hint="give a length for each axis"
                )
            shape = shape.as_list()
        return tuple(shape), of

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain values; the dtype by its name."""
        config = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value.name if isinstance(value, DType) else value for name, value in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Make an initializer from what `get_config` returned."""
        return cls(**config)


def working_type(dtype: DType, sample: float) -> Any:
    """Return the type to draw in: float64 for itself, else float32, which is then rounded."""
    if dtype.is_floating:
        return np.float64 if dtype.dtype == np.float64 else np.float32
    raise InvalidTypeError(
        f"Expected {dtype.name}, but got {sample} of type 'float'.",
        hint="name an initializer for that type, such as zeros",
    )


def must_be_floating(dtype: DType) -> None:
    """Refuse a constructor's dtype that is not floating, in TensorFlow's words."""
    if not dtype.is_floating:
        raise InitializerError(
            f"Argument `dtype` is expected to be floating point. Received: {dtype!s}.",
            hint="leave dtype out: a variable's own dtype is what counts",
        )


def full_shape(shape: tuple[int, ...], partition_info: Any) -> tuple[int, ...]:
    """Return the shape of the whole variable that a shard belongs to."""
    return shape if partition_info is None else tuple(int(length) for length in partition_info.full_shape)
