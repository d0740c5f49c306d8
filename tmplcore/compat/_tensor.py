"""Values that take op names: `constant`, `zeros`, `random_normal` and their kind, as initial values and for losses.

TensorFlow makes an op for each, and the op's name is then taken. Here the value is a NumPy array at once, and the
name is taken all the same, so that what is made afterwards is called what it is called there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.dtypes import DType, as_dtype, float32, string
from tmplcore.errors import InvalidArgumentError, InvalidTypeError
from tmplcore.expression import ArrayExpression
from tmplcore.initial import as_constant
from tmplcore.initializers import RandomNormal, RandomUniform, TruncatedNormal
from tmplcore.naming import check_op_name
from tmplcore.random import drawing
from tmplcore.shapes import as_shape
from tmplcore.store import current_frame, get_default_store
from tmplcore.tensor import Operation, Tensor

__all__ = [
    "constant",
    "convert_to_tensor",
    "fill",
    "identity",
    "named",
    "ones",
    "ones_like",
    "operation",
    "random_normal",
    "random_uniform",
    "take_name",
    "truncated_normal",
    "zeros",
    "zeros_like",
]


def take_name(name: str) -> str:
    """Take an op name in the current name scope and return it, made unique."""
    frame = current_frame()
    frame.store.check_not_finalized()
    check_op_name(name, frame.prefix)
    return frame.store.names.open(name, frame.ops, frame.around.journal).text[:-1]


def operation(name: str, run: Callable[[], object] | None = None) -> Operation:
    """Return an op without a value; it takes its name in the current name scope."""
    store = get_default_store()
    made = Operation(take_name(name), store, run)
    store.note_op(made.name, made.type)
    return made


def _array(value: Any, dtype: Any = None) -> tuple[np.ndarray, DType]:
    """Read a value as TensorFlow reads it: Python's floats are float32 and its ints int32, arrays keep their type."""
    read = as_constant(value, None if dtype is None else as_dtype(dtype).base_dtype)
    return to_numpy(read.value), read.dtype


def _made(value: np.ndarray, dtype: DType, name: str) -> Tensor:
    return named(value, dtype, take_name(name))


def named(value: np.ndarray, dtype: DType, name: str) -> Tensor:
    """Return a value under an op name that was taken."""
    store = get_default_store()
    tensor = Tensor(value, dtype, name, store)
    store.note_op(name, "Const", tensor)
    return tensor


def constant(
    value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", verify_shape: bool = False
) -> Tensor:
    """Return a value that does not change.

    Args:
        value: A number, text, list or array.
        dtype: The type of an element; by default Python's floats are float32, its ints int32.
        shape: The shape; the last number is repeated to fill it.
        name: The op name, which is made unique.
        verify_shape: Refuse a value of another shape instead of repeating.

    Raises:
        InvalidTypeError: The value does not suit the dtype, or `shape` with `verify_shape`.
        InvalidArgumentError: There are more numbers than the shape has room for.
    """
    array, of = _array(value, dtype)
    if shape is not None:
        dims = _dims(shape)
        if dims != array.shape:
            if verify_shape:
                raise InvalidTypeError(
                    f"Expected Tensor's shape: {dims}, got {array.shape}.",
                    hint="verify_shape=False repeats the last element",
                )
            array = _filled(array, dims)
    return _made(array, of, name)


def _filled(array: np.ndarray, dims: tuple[int, ...]) -> np.ndarray:
    size = int(np.prod(dims, dtype=np.int64))
    if array.size > size or (array.size == 0 and size):
        raise InvalidArgumentError(
            f"Too many elements provided. Needed at most {size}, but received {array.size}"
            if array.size
            else f"Cannot fill a shape of {size} elements with nothing",
            hint="give the shape of the value, or leave it out",
        )
    flat = array.reshape(-1)
    if array.size == size:
        return flat.reshape(dims)
    return np.concatenate([flat, np.full(size - array.size, flat[-1], array.dtype)]).reshape(dims)


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None, dtype_hint: Any = None
) -> Any:
    """Return `value` if it is a tensor; a variable's value; a `constant` of anything else.

    Args:
        value: What to convert.
        dtype: The type that is wanted.
        name: The op name, if a constant is made.
        preferred_dtype: Not needed.
        dtype_hint: Not needed.

    Raises:
        InvalidArgumentError: It is a tensor of another type.
    """
    if isinstance(value, ArrayExpression):
        of = getattr(value, "dtype", dtype)
        if dtype is not None and not as_dtype(dtype).is_compatible_with(of):
            raise InvalidArgumentError(
                f"Tensor conversion requested dtype {as_dtype(dtype).name} for Tensor with dtype {of.name}",
                hint="leave dtype out, or cast the value first",
            )
        return value
    return constant(value, dtype, name=name or "Const")


def identity(input: Any, name: str | None = None) -> Tensor:
    """Return the same value under another op name."""
    array, dtype = _array(input)
    return _made(array, dtype, name or "Identity")


def _dims(shape: Any) -> tuple[int, ...]:
    """Return a shape that must be fully known as plain ints."""
    known = as_shape(shape)
    known.assert_is_fully_defined()
    return tuple(int(size) for size in known.as_list() if size is not None)


def zeros(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """Return zeros; False for bool, empty text for strings."""
    of = as_dtype(dtype).base_dtype
    value: Any = np.full(_dims(shape), b"", np.dtype(object)) if of is string else np.zeros(_dims(shape), of.dtype)
    return _made(value, of, name or "zeros")


def ones(shape: Any, dtype: Any = float32, name: str | None = None) -> Tensor:
    """Return ones."""
    of = as_dtype(dtype).base_dtype
    return _made(np.ones(_dims(shape), of.dtype), of, name or "ones")


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Return zeros of a tensor's shape, and its dtype unless another is given."""
    array, of = _array(tensor)
    return zeros(array.shape, dtype or of, name or "zeros_like")


def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Return ones of a tensor's shape, and its dtype unless another is given."""
    array, of = _array(tensor)
    return ones(array.shape, dtype or of, name or "ones_like")


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """Return a tensor of one number."""
    array, of = _array(value)
    return _made(np.full(_dims(dims), array, of.dtype), of, name or "Fill")


def _drawn(initializer: Any, shape: Any, dtype: Any, name: str, last: str = "") -> Tensor:
    of = as_dtype(dtype).base_dtype
    store = get_default_store()
    taken = take_name(name)
    with drawing(store.seed, taken):
        return named(initializer(as_shape(shape).as_list(), dtype=of), of, taken + last)


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return normal random numbers, which depend on the store's seed (or `seed`) and the op name alone."""
    return _drawn(RandomNormal(mean, stddev, seed), shape, dtype, name or "random_normal")


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return normal random numbers of which none is more than two deviations off; see `random_normal`."""
    return _drawn(TruncatedNormal(mean, stddev, seed), shape, dtype, name or "truncated_normal")


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Return uniform random numbers from `minval` up to, not including, `maxval` (1 for floats); see `random_normal`.

    Raises:
        InvalidArgumentError: The dtype is an integer type and there is no `maxval`.
    """
    of = as_dtype(dtype).base_dtype
    if maxval is None:
        if of.is_integer:
            raise InvalidArgumentError(f"Must specify maxval for integer dtype {of!r}", hint="maxval=10")
        maxval = 1
    last = ""  # TensorFlow leaves out the ops that the plain limits 0 and 1 do not need
    if not of.is_integer and minval == 0 and isinstance(minval, int):
        last = "/RandomUniform" if maxval == 1 and isinstance(maxval, int) else "/Mul"
    return _drawn(RandomUniform(minval, maxval, seed), shape, of, name or "random_uniform", last)
