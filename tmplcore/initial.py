"""From the arguments shape, dtype and initializer to what a new variable starts as."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cache, partial
from types import FunctionType
from typing import Any, Final, NoReturn, final

import numpy as np

from tmplcore import dtypes
from tmplcore.arrays import to_numpy
from tmplcore.backend import InitialValue
from tmplcore.dtypes import DType, as_dtype
from tmplcore.errors import BackendError, InitializerError, InvalidArgumentError, InvalidTypeError
from tmplcore.expression import ArrayExpression
from tmplcore.random import begin, drawing, end
from tmplcore.shapes import TensorShape

__all__ = [
    "Constant",
    "InitialCall",
    "Start",
    "as_constant",
    "initial_call",
    "is_bundled",
    "is_constant",
    "refuse_dtype",
    "refuse_shape",
]

_INT32: Final = np.iinfo(np.int32)
_KINDS: Final = (str, bytes, bool, int, float, complex, range, np.generic, np.ndarray, ArrayExpression)
_TEXT: Final = frozenset({str, bytes})
_NUMBERS: Final = frozenset(_KINDS) - _TEXT
_KEPT_BYTES: Final = 64 << 10  # of a constant, for `initial_value`


def is_constant(initializer: Any) -> bool:
    """Tell whether an initializer is a value, not something to be called."""
    return initializer is not None and not callable(initializer)


@final
class Constant:
    """A value that a variable starts as, with the dtype that TensorFlow gives it."""

    __slots__ = ("dtype", "shape", "value")

    def __init__(self, value: Any, dtype: DType, shape: tuple[int, ...]) -> None:
        self.value = value
        self.dtype = dtype
        self.shape = shape


def as_constant(value: Any, dtype: DType | None = None) -> Constant:
    """Read a number, list, text, array, tensor or variable as TensorFlow would.

    Python's ints are int32 (int64 where they do not fit), its floats float32, and so are NumPy's int64 and float64 in a
    list; arrays keep their type.

    Args:
        value: The value.
        dtype: What Python's numbers and NumPy's arrays are to become.

    Raises:
        InvalidArgumentError: It is None, or lists of different lengths, or a tensor or variable of another dtype.
        InvalidTypeError: It is not an array, or its elements do not fit the dtype.
    """
    if value is None:
        raise InvalidArgumentError("None values not supported.", hint="an initializer has to return an array")
    if type(value) is np.ndarray and dtype is not None and value.dtype is dtype.dtype:
        return Constant(value, dtype, value.shape)
    if isinstance(value, ArrayExpression):
        own = _dtype_among(value)
        if dtype is not None and own is not None and own is not dtype:
            raise InvalidArgumentError(
                f"Tensor conversion requested dtype {dtype.name} for Tensor with dtype {own.name}: {value!r}",
                hint=f"make it with dtype={dtype.name!r}, or give its NumPy array, which is cast",
            )
        value = value.numpy().copy()
    if not (hasattr(value, "shape") and hasattr(value, "dtype")) or isinstance(value, np.generic):
        array, found = _from_python(value)
    elif isinstance(value, np.ndarray):
        array, found = to_numpy(value), as_dtype(value.dtype)
    else:
        return Constant(value, as_dtype(value.dtype), tuple(int(size) for size in value.shape))
    if dtype is not None and dtype is not found:
        if not isinstance(value, np.ndarray | np.generic):
            _check_kind(array, dtype, truths=not (isinstance(value, list | tuple) and _has_numpy_truths(value)))
        array = array.astype(dtype.as_numpy_dtype)
        found = dtype
    return Constant(array, found, array.shape)


def _from_python(value: Any) -> tuple[np.ndarray, DType]:
    kinds = _kinds(value)
    if kinds and kinds <= _TEXT:
        array = np.array(value, dtype=object)
        flat = [item.encode() if isinstance(item, str) else item for item in array.reshape(-1)]
        result = np.empty(len(flat), dtype=object)
        result[:] = flat
        return result.reshape(array.shape), dtypes.string
    if not kinds <= _NUMBERS:
        raise _unreadable(value)
    try:
        array = np.array(value, np.int64) if kinds == {range} else to_numpy(value)
    except ValueError as error:
        raise InvalidArgumentError(
            f"Can't convert non-rectangular Python sequence to Tensor: {error}", hint="make all rows equally long"
        ) from error
    if array.dtype.kind == "O":  # an int of more than 64 bits
        raise _unreadable(value)
    if ArrayExpression in kinds:
        found = _dtype_among(value) or dtypes.float32
        _check_kind(array, found)
    elif isinstance(value, np.generic):
        return array, as_dtype(array.dtype)
    else:  # NumPy's numbers in a list count as Python's
        found = as_dtype(array.dtype)
        if found is dtypes.float64:
            found = dtypes.float32
        elif found is dtypes.int64 and (array.size == 0 or (array.min() >= _INT32.min and array.max() <= _INT32.max)):
            found = dtypes.int32
    return array.astype(found.as_numpy_dtype), found


def _kinds(value: Any) -> set[type]:
    """Return what the leaves of nested lists are: text, numbers, arrays, our tensors and variables, or others."""
    if isinstance(value, list | tuple):
        return set[type]().union(*map(_kinds, value))
    return {next((kind for kind in _KINDS if isinstance(value, kind)), object)}


def _dtype_among(value: Any) -> DType | None:
    """Return the dtype of a tensor or variable, or of the first in nested lists; None if there is none."""
    if isinstance(value, list | tuple):
        return next((found for found in map(_dtype_among, value) if found is not None), None)
    dtype = getattr(value, "dtype", None) if isinstance(value, ArrayExpression) else None
    return None if dtype is None else as_dtype(dtype).base_dtype


def _unreadable(value: Any) -> InvalidTypeError:
    return InvalidTypeError(
        f"Failed to convert elements of {value!r} to Tensor: it is no number, text, or array of them",
        hint="an initializer is a number, a list, an array, or a function (shape, dtype) -> array",
    )


def _has_numpy_truths(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_numpy_truths, value))
    return isinstance(value, np.bool_)


def _check_kind(array: np.ndarray, dtype: DType, truths: bool = True) -> None:
    """Refuse Python numbers that TensorFlow does not turn into `dtype`: floats into integers, numbers into truths.

    Python's own truths become numbers, NumPy's in a list do not (`truths`).
    """
    kind = array.dtype.kind
    numbers = "iub" if truths else "iu"
    wrong = (
        (dtype.is_integer and kind not in numbers)
        or (dtype.is_floating and kind not in f"{numbers}f")
        or (dtype.is_bool and kind != "b")
        or (dtype is dtypes.string) != (kind == "O")
    )
    if wrong and array.size:
        first = array.reshape(-1)[0].item() if kind != "O" else array.reshape(-1)[0]
        raise InvalidTypeError(
            f"Expected {dtype.name}, but got {first!r} of type {type(first).__name__!r}.",
            hint=f"write the initial value as {dtype.name}",
        )


def refuse_shape(initializer: Any, shape: Any) -> None:
    """Refuse a shape beside a constant initializer.

    Raises:
        InitializerError: There are both.
    """
    if shape is not None and initializer is not None and not callable(initializer):
        raise InitializerError(
            "If initializer is a constant, do not specify shape.",
            hint="leave shape out, or use constant_initializer(value)",
        )


def refuse_dtype(initializer: Any, dtype: Any) -> None:
    """Refuse a dtype beside a constant initializer that has another one.

    Raises:
        InitializerError: They differ.
    """
    if dtype is None or not is_constant(initializer):
        return
    wanted, found = as_dtype(dtype).base_dtype, as_constant(initializer).dtype
    if wanted is not found:
        raise InitializerError(
            f"Initializer type '{found}' and explicit dtype '{wanted}' don't match.",
            hint="leave dtype out, or give the value in that dtype",
        )


@final
class InitialCall:
    """An initializer with what it will be called with; calling it gives the value.

    This is what variable creators see as `initial_value`.

    Attributes:
        initializer: A function.
        shape: The variable's shape, None if the value decides.
        dtype: The variable's dtype, None if the value decides.
        partition_info: What the function is told of the whole that the variable is a part of; None if it is no part.
        tells: Whether the function takes `partition_info`.
        bundled: Whether the function is one of ours.
    """

    __slots__ = ("bundled", "dtype", "initializer", "partition_info", "shape", "tells")

    def __init__(
        self,
        initializer: Callable[..., Any],
        shape: tuple[int, ...] | None,
        dtype: DType | None,
        partition_info: Any = None,
    ) -> None:
        self.initializer: Any = initializer
        self.shape = shape
        self.dtype = dtype
        self.partition_info = partition_info
        self.bundled = bundled = is_bundled(initializer)
        # Ours need not hear that there is nothing to tell.
        self.tells = partition_info is not None if bundled else shape is not None and _takes_partition_info(initializer)

    def __call__(self) -> Any:
        """Compute the value."""
        if self.shape is None:
            return self.initializer()
        if self.tells:
            return self.initializer(list(self.shape), dtype=self.dtype, partition_info=self.partition_info)
        return self.initializer(list(self.shape), dtype=self.dtype)

    def blocks(self) -> Iterator[np.ndarray] | None:
        """Compute the value by pieces, if the initializer can; else return None."""
        by_blocks = getattr(self.initializer, "blocks", None)
        if by_blocks is None or self.shape is None:
            return None
        told = {"partition_info": self.partition_info} if self.tells else {}
        pieces: Iterator[np.ndarray] = by_blocks(list(self.shape), dtype=self.dtype, **told)
        return pieces


def initial_call(
    name: str,
    initializer: Any,
    shape: TensorShape,
    dims: tuple[int, ...] | None,
    dtype: DType,
    partition_info: Any = None,
) -> InitialCall:
    """Return how a function or class as initializer, or none at all, is called for a new variable.

    Args:
        name: The variable's name.
        initializer: As it was passed.
        shape: The variable's shape.
        dims: The same as plain ints; None if it is not fully defined.
        dtype: The variable's dtype.
        partition_info: See `InitialCall`.

    Raises:
        InitializerError: The shape does not suffice, or there is no initializer for the dtype.
    """
    if initializer is None:
        initializer = _default_initializer(name, dtype)
    elif isinstance(initializer, type):
        initializer = initializer()
    if dims is None:
        if _needs_nothing(initializer):
            return InitialCall(initializer, None, None)
        raise InitializerError(
            "The initializer passed is not valid. It should be a callable with no arguments and the shape should not "
            "be provided or an instance of `tf.keras.initializers.*' and `shape` should be fully defined. "
            f"(variable {name}, shape {shape})",
            hint=f"give all dimensions: get_variable({name.rpartition('/')[2]!r}, shape=[...])",
        )
    return InitialCall(initializer, dims, dtype, partition_info)


def is_bundled(initializer: Any) -> bool:
    """Tell whether an initializer is one of ours: those depend on nothing but what they are called with."""
    return type(initializer).__module__.startswith("tmplcore.initializers")


@cache
def _defaults() -> tuple[Any, Any]:
    from tmplcore.initializers import GlorotUniform, Zeros

    return GlorotUniform(), Zeros()


def _default_initializer(name: str, dtype: DType) -> Any:
    uniform, zeros = _defaults()
    if dtype.is_floating:
        return uniform
    if dtype.is_integer or dtype.is_bool or dtype is dtypes.string:
        return zeros
    raise InitializerError(
        f"An initializer for variable {name} of {dtype} is required", hint="pass initializer=…; there is no default"
    )


def _parameters(function: Any) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # a builtin that does not say
        return []


def _needs_nothing(function: Any) -> bool:
    return not any(
        parameter.default is parameter.empty and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
        for parameter in _parameters(function)
    )


def _takes_partition_info(initializer: Any) -> bool:
    """Tell whether a function as initializer has a parameter of that name."""
    if type(initializer) is FunctionType and not initializer.__dict__:  # not worth the price of `inspect`, each time
        code = initializer.__code__
        return "partition_info" in code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return any(parameter.name == "partition_info" for parameter in _parameters(initializer))


@final
class Start(InitialValue):
    """What a variable of known name starts as; this is what its backend gets.

    Args:
        source: A constant, or a function without arguments.
        name: The variable's op name, on which random numbers depend.
        seed: The store's seed.
        dtype: The variable's dtype; None if the value decides.
        shape: The variable's shape; None if the value decides, or may be anything.
    """

    __slots__ = ("_dtype", "_name", "_seed", "_shape", "_source")

    def __init__(self, source: Any, name: str, seed: int, dtype: DType | None, shape: tuple[int, ...] | None) -> None:
        self._source = source
        self._name = name
        self._seed = seed
        self._dtype = dtype
        self._shape = shape

    @property
    def source(self) -> Any:
        """What it is computed from: an initializer's call, another function, or a constant."""
        return self._source

    def constant(self) -> Constant:
        """Compute the value, and check it."""
        source = self._source
        return source if isinstance(source, Constant) else self._read(self._drawn())

    def _drawn(self) -> Any:
        """Call the initializer, or function; random numbers are this variable's."""
        source = self._source
        if type(source) is InitialCall and source.bundled and not source.initializer.random:
            return source()
        token = begin(self._seed, self._name)
        try:
            return source()
        finally:
            end(token)

    def _read(self, value: Any) -> Constant:
        """Check what an initializer returned."""
        constant = as_constant(value, self._dtype)
        if self._shape is not None and constant.shape != self._shape:
            raise InitializerError(
                f"the initial value of variable {self._name} has shape {constant.shape}, but the shapes must be equal: "
                f"{self._shape} was asked for",
                hint="an initializer must return an array of the shape it is called with",
            )
        return constant

    def array(self) -> Any:
        """Return the whole value."""
        source = self._source
        if type(source) is Constant:
            return source.value
        value, dtype = self._drawn(), self._dtype
        if (
            dtype is not None
            and type(value) is np.ndarray
            and value.dtype is dtype.dtype
            and value.shape == self._shape
        ):
            return value  # as nearly all are
        return self._read(value).value

    def kept(self) -> Any:
        """Return the least that a variable must hold on to for `again`; no constant so large that it counts twice."""
        source = self._source
        if type(source) is InitialCall:
            usual = source.bundled and source.dtype is self._dtype and source.partition_info is None
            return source.initializer if usual else source
        if type(source) is Constant and getattr(source.value, "nbytes", 0) > _KEPT_BYTES:
            return partial(_dropped, self._name)
        return source

    @classmethod
    def again(cls, kept: Any, name: str, seed: int, dtype: DType, shape: tuple[int, ...] | None) -> Start:
        """Return what a variable of this name, dtype and shape started as."""
        return cls(InitialCall(kept, shape, dtype) if is_bundled(kept) else kept, name, seed, dtype, shape)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the value by pieces, if the initializer can make it so; else whole."""
        source = self._source
        pieces = None
        if isinstance(source, InitialCall):
            with drawing(self._seed, self._name):
                pieces = source.blocks()
        if pieces is None:
            yield to_numpy(self.array()).reshape(-1)
        else:
            yield from pieces


def _dropped(name: str) -> NoReturn:
    """Say why a constant is no longer there."""
    raise BackendError(
        f"the initial value of variable {name} was a constant of more than {_KEPT_BYTES} bytes, which is not "
        "kept beside the value",
        hint="keep the array that it was made from",
    )
