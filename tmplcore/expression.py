"""What makes a variable usable wherever its value is: operators, indexing and the protocols of the array libraries."""

from __future__ import annotations

import operator
import sys
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Final

import numpy as np

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


def unwrap(value: Any) -> Any:
    """Replace expressions by their values, also inside lists, tuples and dicts."""
    kind = type(value)
    if kind in _EXPRESSIONS:
        return value.value
    if kind is list:
        return [unwrap(item) for item in value]
    if kind is tuple:
        return tuple(unwrap(item) for item in value)
    if kind is dict:
        return {key: unwrap(item) for key, item in value.items()}
    return value


def _as_numpy(value: Any) -> Any:
    """Replace expressions by NumPy arrays."""
    return value.numpy() if type(value) in _EXPRESSIONS else value


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

    @property
    @abstractmethod
    def value(self) -> Any:
        """The backend's own array."""

    @abstractmethod
    def numpy(self) -> np.ndarray:
        """The value as a NumPy array."""

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

    # -- protocols -------------------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            if copy is False:
                raise ValueError(f"a copy is needed to turn {array.dtype} into {np.dtype(dtype)}")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        value = self.value
        if method == "__call__" and not kwargs:
            if type(value) is np.ndarray:
                if len(inputs) == 1:
                    return ufunc(value)
                a, b, *rest = inputs
                if not rest:
                    return ufunc(_as_numpy(a), value) if b is self else ufunc(value, _as_numpy(b))
            elif ufunc in _OPERATORS and not isinstance(value, np.ndarray):
                return _native(_OPERATORS[ufunc], value, [unwrap(value) for value in inputs])
        if "out" in kwargs:
            kwargs["out"] = tuple(_as_numpy(value) for value in kwargs["out"])
        return getattr(ufunc, method)(*(_as_numpy(value) for value in inputs), **unwrap(kwargs))

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if not kwargs and len(args) == 1 and args[0] is self:
            return func(self.value)
        return func(*unwrap(args), **unwrap(kwargs))

    @classmethod
    def __torch_function__(cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*unwrap(args), **unwrap(kwargs or {}))

    def __jax_array__(self) -> Any:
        value = self.value
        if "jax" in sys.modules and isinstance(value, np.ndarray):
            return sys.modules["jax"].numpy.asarray(value)
        return value

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.value.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> Any:
        return self.value.__dlpack_device__()
