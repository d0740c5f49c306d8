"""Initializers that are not random: zeros, ones, given values, the identity."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.dtypes import DType, float32
from tmplcore.errors import InitializerError, InvalidTypeError
from tmplcore.initializers.base import Initializer, Piece, full_shape, must_be_floating, working_type
from tmplcore.random import BLOCK

__all__ = ["Constant", "Identity", "Ones", "Zeros"]


def _filled(value: Any, dtype: DType) -> Piece:
    return lambda block, count: np.full(count, value, dtype.dtype)


@final
@dataclass(frozen=True, eq=False)
class Zeros(Initializer):
    """Zeros; False for bool, empty text for strings.

    Example:
        >>> Zeros()([2])
        array([0., 0.], dtype=float32)
    """

    random: ClassVar[bool] = False
    dtype: DType = float32

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        if dtype.dtype.hasobject:
            return _filled(b"", dtype)
        return lambda block, count: np.zeros(count, dtype.dtype)


@final
@dataclass(frozen=True, eq=False)
class Ones(Initializer):
    """Ones; True for bool.

    Example:
        >>> Ones()([2])
        array([1., 1.], dtype=float32)
    """

    random: ClassVar[bool] = False
    dtype: DType = float32

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        if dtype.dtype.hasobject:
            raise InvalidTypeError("Expected string, but got 1 of type 'int'.", hint="Constant('text') fills with text")
        return _filled(1, dtype)


@final
@dataclass(frozen=True, eq=False)
class Constant(Initializer):
    """Given values, in C order; the last one is repeated if there are fewer than elements.

    Args:
        value: A number, text, list or NumPy array. Python numbers must suit the dtype; arrays are cast to it.
        dtype: The element type if a call gives none.
        verify_shape: Refuse a value of another shape than the variable's instead of repeating.

    Raises:
        InvalidTypeError: `value` is nothing of that kind, or its numbers do not suit the dtype.
        InitializerError: There are more values than elements.

    Example:
        >>> Constant([1.0, 2.0])([4])
        array([1., 2., 2., 2.], dtype=float32)
    """

    random: ClassVar[bool] = False
    value: Any = 0
    dtype: DType = float32
    verify_shape: bool = False

    def _check(self) -> None:
        if not (np.isscalar(self.value) or isinstance(self.value, list | tuple | np.ndarray | np.generic)):
            raise InvalidTypeError(
                f"Invalid type for initial value={self.value} of type: {type(self.value).__name__}. "
                "Expected Python scalar, list or tuple of values, or numpy.ndarray.",
                hint="Constant(numpy.asarray(value))",
            )

    def __call__(
        self, shape: Any, dtype: Any = None, partition_info: Any = None, verify_shape: bool | None = None
    ) -> np.ndarray:
        """Compute the whole value; `verify_shape` overrides the constructor's."""
        if verify_shape is None or verify_shape == self.verify_shape:
            return Initializer.__call__(self, shape, dtype, partition_info)
        return Constant(self.value, self.dtype, verify_shape)(shape, dtype, partition_info)

    def get_config(self) -> dict[str, Any]:
        """Return `value` and `dtype`; as in TensorFlow `verify_shape` is not part of it."""
        return {"value": self.value, "dtype": self.dtype.name}

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        value = _cast(self.value, dtype)
        size = math.prod(shape)
        if self.verify_shape and value.shape != shape:
            raise InvalidTypeError(
                f"Expected Tensor's shape: {shape}, but got {value.shape}.",
                hint="verify_shape=False repeats the last element",
            )
        if value.size > size and value.ndim:
            raise InitializerError(
                f"Too many elements provided. Takes at most {size}, but got {value.size}.",
                hint="give the variable the shape of the value, or give fewer values",
            )
        flat = value.reshape(-1) if value.size else np.zeros(1, dtype.dtype)

        def piece(block: int, count: int) -> np.ndarray:
            given = flat[block * BLOCK : block * BLOCK + count]
            return np.concatenate([given, np.full(count - given.size, flat[-1], dtype.dtype)])

        return piece


# What Python values a dtype takes, by NumPy's kind letters: 1.5 is no int32, and 1 is no bool.
_SUITS = {"b": "b", "i": "iu", "u": "iu", "f": "iuf", "V": "iuf", "c": "iufc", "O": "USO"}


def _cast(value: Any, dtype: DType) -> np.ndarray:
    if isinstance(value, np.ndarray | np.generic):
        if dtype.dtype.hasobject != (value.dtype.kind in "USO"):
            raise InvalidTypeError(
                f"Expected {dtype.name}, but got values of type {value.dtype}.",
                hint="give values of that type, or another dtype",
            )
        return to_numpy(value, dtype.dtype)
    array = np.array(value, dtype=object) if dtype.dtype.hasobject else to_numpy(value)
    kind = "f" if dtype.is_floating else "i" if dtype.is_integer else dtype.dtype.kind
    wrong: list[Any] = [value]
    if dtype.dtype.hasobject:
        wrong = [item for item in array.reshape(-1) if not isinstance(item, str | bytes)]
    elif array.size == 0 or array.dtype.kind in _SUITS[kind]:
        wrong = []
    elif array.ndim:
        wrong = [item for item in array.reshape(-1).tolist() if np.array(item).dtype.kind not in _SUITS[kind]]
    if wrong:
        raise InvalidTypeError(
            f"Expected {dtype.name}, but got {wrong[0]} of type {type(wrong[0]).__name__!r}.",
            hint="give a value of that type, or another dtype",
        )
    return to_numpy(array, dtype.dtype)


@final
@dataclass(frozen=True, eq=False)
class Identity(Initializer):
    """The identity matrix, cut off or filled up with zeros where it is not square.

    Args:
        gain: What stands on the diagonal.
        dtype: A floating type.

    Raises:
        InitializerError: The shape has not two axes, or the dtype is not floating.

    Example:
        >>> Identity(gain=2.0)([2, 3])
        array([[2., 0., 0.],
               [0., 2., 0.]], dtype=float32)
    """

    random: ClassVar[bool] = False
    gain: float = 1.0
    dtype: DType = float32

    def _check(self) -> None:
        must_be_floating(self.dtype)

    def _pieces(self, shape: tuple[int, ...], dtype: DType, partition_info: Any) -> Piece:
        if len(full_shape(shape, partition_info)) != 2:
            raise InitializerError(
                "The tensor to initialize, specified by argument `shape` must be at least two-dimensional. "
                f"Received shape={list(shape)}",
                hint="an identity matrix has exactly two axes",
            )
        if not (dtype.is_complex or (dtype.is_integer and isinstance(self.gain, int))):
            working_type(dtype, 1.0)
        down, right = (0, 0) if partition_info is None else (int(at) for at in partition_info.var_offset)
        columns = shape[1]

        def piece(block: int, count: int) -> np.ndarray:
            at = np.arange(block * BLOCK, block * BLOCK + count)
            value = np.zeros(count, dtype.dtype)
            value[at // max(columns, 1) + down == at % max(columns, 1) + right] = self.gain
            return value

        return piece
