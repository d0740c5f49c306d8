"""What makes a variable usable wherever its value is: operators, indexing and the protocols of the array libraries."""

from __future__ import annotations

import operator
import sys
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from tmplcore.errors import InvalidTypeError

__all__ = ["ArrayExpression", "unwrap"]

# What Python itself calls when a native array that is not NumPy's meets a NumPy array.
_OPERATORS: Final[dict[Any, Callable[..., Any]]] = {
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.true_divide: operator.truediv,
    np.floor_divide: operator.floordiv,
    np.remainder: operator.mod,
    np.power: operator.pow,
    np.matmul: operator.matmul,
    np.less: operator.lt,
    np.less_equal: operator.le,
    np.greater: operator.gt,
    np.greater_equal: operator.ge,
    np.equal: operator.eq,
    np.not_equal: operator.ne,
    np.bitwise_and: operator.and_,
    np.bitwise_or: operator.or_,
    np.bitwise_xor: operator.xor,
    np.left_shift: operator.lshift,
    np.right_shift: operator.rshift,
}


# The classes of expressions: to look a type up is several times faster than `isinstance` with an abstract class.
_EXPRESSIONS: Final[set[type]] = set()

# How a value of a type loses its expressions; a type that is not here has none. Subclasses of list and tuple (torch's
# sizes, named tuples) are left alone.
_UNWRAP: Final[dict[type, Callable[[Any], Any]]] = {
    list: lambda value: [unwrap(item) for item in value],
    tuple: lambda value: tuple([unwrap(item) for item in value]),
    dict: lambda value: {key: unwrap(item) for key, item in value.items()},
}

_ABSENT: Final[Any] = object()
_ndarray: Final = np.ndarray


def unwrap(value: Any) -> Any:
    """Replace expressions by their values, also inside lists, tuples and dicts."""
    how = _UNWRAP.get(type(value))
    return value if how is None else how(value)


def _with_values(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
    """Call a function with the values of expressions instead of them."""
    if kwargs:
        return function(*unwrap(args), **unwrap(kwargs))
    if len(args) == 2:  # written out, being what most operations have
        a, b = args
        if (how := _UNWRAP.get(type(a))) is not None:
            a = how(a)
        if (how := _UNWRAP.get(type(b))) is not None:
            b = how(b)
        return function(a, b)
    return function(unwrap(args[0])) if len(args) == 1 else function(*unwrap(args))


def _as_numpy(value: Any) -> Any:
    """Replace expressions by NumPy arrays."""
    return value.numpy() if type(value) in _EXPRESSIONS else value


def _outputs(arrays: tuple[Any, ...]) -> tuple[Any, ...]:
    """Replace expressions by the arrays that a result is written into."""
    return tuple([array.memory() if type(array) in _EXPRESSIONS else array for array in arrays])


def _native(function: Callable[..., Any], value: Any, operands: list[Any]) -> Any:
    """Apply an operator in the library of `value`; torch refuses NumPy arrays, so that they become tensors there."""
    try:
        return function(*operands)
    except TypeError:
        from array_api_compat import array_namespace

        asarray = array_namespace(value).asarray
        return function(*(asarray(item) if isinstance(item, np.ndarray) else item for item in operands))


def _off_tape(value: Any) -> Any:
    """Return a value without a gradient to lose, of which torch warns."""
    return value.detach() if hasattr(value, "detach") else value


class ArrayExpression:
    """Something with a `value` that stands for it in expressions and library calls.

    `==` is identity and hashing works, as TensorFlow 1's variables have it; `<` and its kind are elementwise. There
    is no iteration: `[w * 2 for w in variable]` is nearly always a mistake for `variables`.
    """

    # Abstract, but not by `ABCMeta`: `isinstance` would cost more than the operators around it.

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _EXPRESSIONS.add(cls)
        _UNWRAP[cls] = operator.attrgetter("value")

    @property
    @abstractmethod
    def value(self) -> Any:
        """The backend's own array."""

    @abstractmethod
    def numpy(self) -> np.ndarray:
        """The value as a NumPy array."""

    def memory(self) -> np.ndarray:
        """Return the memory of the value itself as a NumPy array, to write into.

        Raises:
            InvalidTypeError: What is written would not be seen: `numpy()` is a copy, or the value cannot change.
        """
        raise InvalidTypeError(
            f"nothing can be written into {self!r}, whose array is a copy or cannot change",
            hint="assign the result: variable.assign(…)",
        )

    # -- operators -------------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Any:
        return self.value + (other.value if type(other) in _EXPRESSIONS else other)

    def __radd__(self, other: Any) -> Any:
        return other + self.value

    def __sub__(self, other: Any) -> Any:
        return self.value - (other.value if type(other) in _EXPRESSIONS else other)

    def __rsub__(self, other: Any) -> Any:
        return other - self.value

    def __mul__(self, other: Any) -> Any:
        return self.value * (other.value if type(other) in _EXPRESSIONS else other)

    def __rmul__(self, other: Any) -> Any:
        return other * self.value

    def __truediv__(self, other: Any) -> Any:
        return self.value / (other.value if type(other) in _EXPRESSIONS else other)

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.value

    def __floordiv__(self, other: Any) -> Any:
        return self.value // (other.value if type(other) in _EXPRESSIONS else other)

    def __rfloordiv__(self, other: Any) -> Any:
        return other // self.value

    def __mod__(self, other: Any) -> Any:
        return self.value % (other.value if type(other) in _EXPRESSIONS else other)

    def __rmod__(self, other: Any) -> Any:
        return other % self.value

    def __pow__(self, other: Any) -> Any:
        return self.value ** (other.value if type(other) in _EXPRESSIONS else other)

    def __rpow__(self, other: Any) -> Any:
        return other**self.value

    def __matmul__(self, other: Any) -> Any:
        return self.value @ (other.value if type(other) in _EXPRESSIONS else other)

    def __rmatmul__(self, other: Any) -> Any:
        return other @ self.value

    def __and__(self, other: Any) -> Any:
        return self.value & (other.value if type(other) in _EXPRESSIONS else other)

    def __rand__(self, other: Any) -> Any:
        return other & self.value

    def __or__(self, other: Any) -> Any:
        return self.value | (other.value if type(other) in _EXPRESSIONS else other)

    def __ror__(self, other: Any) -> Any:
        return other | self.value

    def __xor__(self, other: Any) -> Any:
        return self.value ^ (other.value if type(other) in _EXPRESSIONS else other)

    def __rxor__(self, other: Any) -> Any:
        return other ^ self.value

    def __lshift__(self, other: Any) -> Any:
        return self.value << (other.value if type(other) in _EXPRESSIONS else other)

    def __rlshift__(self, other: Any) -> Any:
        return other << self.value

    def __rshift__(self, other: Any) -> Any:
        return self.value >> (other.value if type(other) in _EXPRESSIONS else other)

    def __rrshift__(self, other: Any) -> Any:
        return other >> self.value

    def __divmod__(self, other: Any) -> Any:
        return divmod(self.value, unwrap(other))

    def __rdivmod__(self, other: Any) -> Any:
        return divmod(other, self.value)

    def __neg__(self) -> Any:
        return -self.value

    def __pos__(self) -> Any:
        return +self.value

    def __abs__(self) -> Any:
        return abs(self.value)

    def __invert__(self) -> Any:
        return ~self.value

    def __lt__(self, other: Any) -> Any:
        return self.value < (other.value if type(other) in _EXPRESSIONS else other)

    def __le__(self, other: Any) -> Any:
        return self.value <= (other.value if type(other) in _EXPRESSIONS else other)

    def __gt__(self, other: Any) -> Any:
        return self.value > (other.value if type(other) in _EXPRESSIONS else other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= (other.value if type(other) in _EXPRESSIONS else other)

    def __getitem__(self, index: Any) -> Any:
        return self.value[index if type(index) is int else unwrap(index)]

    __iter__ = None  # else Python would try `self[0]`, `self[1]`, …
    __contains__ = None

    def __bool__(self) -> bool:
        return bool(_off_tape(self.value))

    def __int__(self) -> int:
        return int(_off_tape(self.value))

    def __float__(self) -> float:
        return float(_off_tape(self.value))

    def __complex__(self) -> complex:
        return complex(_off_tape(self.value))

    def __index__(self) -> int:
        return operator.index(_off_tape(self.value))

    def __round__(self, digits: int | None = None) -> Any:
        return round(_off_tape(self.value), digits)

    def __format__(self, specification: str) -> str:
        # `f"{w}"` names the variable, `f"{w:.3f}"` is about its value.
        return format(_off_tape(self.value), specification) if specification else str(self)

    # -- protocols -------------------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"a copy is needed to turn {array.dtype} into {np.dtype(dtype)}")
            return array.astype(dtype)
        return array.copy() if copy else array

    # NumPy and torch call these for every operation with an expression on the right, which is why the usual shapes of a
    # call are written out. What is left beside the call itself is their dispatch to Python (`benchmarks/interop.py`).

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, a: Any, b: Any = _ABSENT, /, *more: Any, **kwargs: Any
    ) -> Any:
        value = self.value
        if type(value) is _ndarray and method == "__call__" and not more:
            # Another expression beside this one is asked in its turn, by the call that is made here.
            if not kwargs:
                if b is self:
                    return ufunc(a, value)
                return ufunc(value) if b is _ABSENT else ufunc(value, b)
            if len(kwargs) == 1 and "out" in kwargs and b is self:  # `x += w`
                return ufunc(a, value, out=_outputs(kwargs["out"]))
        inputs = (a, *more) if b is _ABSENT else (a, b, *more)
        if method == "__call__" and not kwargs and ufunc in _OPERATORS and not isinstance(value, np.ndarray):
            return _native(_OPERATORS[ufunc], value, [unwrap(item) for item in inputs])
        for key, item in kwargs.items():
            kwargs[key] = _outputs(item) if key == "out" else unwrap(item)
        call = ufunc if method == "__call__" else getattr(ufunc, method)
        return call(*[_as_numpy(item) for item in inputs], **kwargs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        return _with_values(func, args, kwargs)

    @classmethod
    def __torch_function__(cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _with_values(func, args, kwargs)

    def __jax_array__(self) -> Any:
        value = self.value
        if "jax" in sys.modules and isinstance(value, np.ndarray):
            return sys.modules["jax"].numpy.asarray(value)
        return value

    def __dlpack__(self, **kwargs: Any) -> Any:
        try:
            return self.value.__dlpack__(**kwargs)
        except BufferError as error:  # torch, of a tensor with a gradient
            error.add_note(f"{self!r}: take its .value, or .value.detach()")
            raise

    def __dlpack_device__(self) -> Any:
        return self.value.__dlpack_device__()
