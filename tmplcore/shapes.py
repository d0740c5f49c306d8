"""TensorFlow's shapes: a known shape is a tuple of `Dimension`s (ints), an unknown one is a type of its own.

>>> shape = TensorShape([2, 3])
>>> shape == (2, 3), shape.as_list(), shape[0].value, 1 + shape[1]
(True, [2, 3], 2, Dimension(4))
>>> TensorShape(None).is_compatible_with([4, 4]), TensorShape([None, 3]).is_compatible_with([2, 3])
(True, True)
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final, NoReturn, final

from tmplcore.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["Dimension", "TensorShape", "as_dimension", "as_shape", "as_shape_and_dims"]


class Dimension(int):
    """The length of one axis: an int that also answers `.value`, as TensorFlow 1's does.

    `Dimension(None)` is the length that is not known; comparing with it gives None, and arithmetic with it gives
    it back. Sums, differences, products, `//` and `%` of known ones are `Dimension`s again; where the result
    is negative, or the operation is one that only integers have, it is a plain number.

    Args:
        value: An integer, another `Dimension`, or None.

    Raises:
        InvalidArgumentError: It is negative.
        InvalidTypeError: It is not an integer.
    """

    __slots__ = ()

    def __new__(cls, value: Any = None) -> Dimension:  # noqa: PYI034 - the unknown one is a subclass
        """Return a dimension; the unknown one is a single object."""
        if value is None or value is _UNKNOWN:
            return _UNKNOWN
        try:
            if isinstance(value, bool):
                raise TypeError
            number = operator.index(value)
        except TypeError:
            raise InvalidTypeError(
                f"Dimension value must be integer or None or have an __index__ method, got value {value!r} "
                f"with type {type(value)!r}",
                hint="lengths are whole numbers: n // 2, not n / 2",
            ) from None
        if number < 0:
            raise InvalidArgumentError(
                f"Dimension {number} must be >= 0", hint="None stands for a length that is not known"
            )
        return int.__new__(cls, number)

    @property
    def value(self) -> int | None:
        """The length as a plain int, or None if it is not known."""
        return int(self)

    def is_compatible_with(self, other: Any) -> bool:
        """Tell whether both could be the same length: they are equal, or one is not known."""
        other = Dimension(other)
        return self.value is None or other.value is None or self.value == other.value

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise InvalidArgumentError unless `is_compatible_with(other)`."""
        if not self.is_compatible_with(other):
            raise InvalidArgumentError(
                f"Dimensions {self} and {other} are not compatible", hint="is_compatible_with() asks without raising"
            )

    def merge_with(self, other: Any) -> Dimension:
        """Return the known one of two compatible dimensions."""
        self.assert_is_compatible_with(other)
        return Dimension(other) if self.value is None else self

    def __repr__(self) -> str:
        return f"Dimension({self.value})"

    def __str__(self) -> str:
        return "?" if self.value is None else int.__repr__(self)

    def __format__(self, spec: str) -> str:
        return format(str(self), spec) if self.value is None else int.__format__(self, spec)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Dimension, (self.value,))

    def __add__(self, other: Any) -> Any:
        return _result(int.__add__, self, other)

    def __sub__(self, other: Any) -> Any:
        return _result(int.__sub__, self, other)

    def __mul__(self, other: Any) -> Any:
        return _result(int.__mul__, self, other)

    def __floordiv__(self, other: Any) -> Any:
        return _result(int.__floordiv__, self, other)

    def __mod__(self, other: Any) -> Any:
        return _result(int.__mod__, self, other)

    def __radd__(self, other: Any) -> Any:
        return _result(int.__radd__, self, other)

    def __rsub__(self, other: Any) -> Any:
        return _result(int.__rsub__, self, other)

    def __rmul__(self, other: Any) -> Any:
        return _result(int.__rmul__, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _result(int.__rfloordiv__, self, other)

    def __rmod__(self, other: Any) -> Any:
        return _result(int.__rmod__, self, other)


def _result(operation: Any, left: Dimension, right: Any) -> Any:
    """Apply an int operation; a non-negative answer is a Dimension, and what is not known stays so."""
    if right is None or right is _UNKNOWN:
        return _UNKNOWN
    answer = operation(left, right)
    return Dimension(answer) if isinstance(answer, int) and answer >= 0 else answer


@final
class _UnknownDimension(Dimension):
    """The length that is not known. As an int it is -1, which nothing accepts as a length."""

    __slots__ = ()

    @property
    def value(self) -> None:
        return None

    def _refuse(self, *_: Any) -> NoReturn:
        raise InvalidTypeError(
            "the value of an unknown Dimension is wanted, but it has none",
            hint="dimension.value is None where the length is not known",
        )

    __int__ = __index__ = __float__ = __neg__ = __abs__ = __pow__ = __truediv__ = __rtruediv__ = _refuse

    def __bool__(self) -> bool:
        return False

    def _unknown(self, _other: Any) -> Any:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _unknown
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = _unknown

    def _undecided(self, _other: object) -> Any:
        return None

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _undecided

    def __hash__(self) -> int:
        return id(self)


_UNKNOWN: Final[Dimension] = int.__new__(_UnknownDimension, -1)


def as_dimension(value: Any) -> Dimension:
    """Return `value` as a `Dimension`; see there for what it may be."""
    return value if isinstance(value, Dimension) else Dimension(value)


class TensorShape:
    """The shape of a variable: known (a tuple), known in part (some `Dimension(None)`), or unknown.

    `TensorShape(None)` is the unknown shape: no tuple, without length, compatible with every other shape.
    Every other one is a tuple of `Dimension`s and works wherever a tuple of ints does.

    Args:
        dims: None, an integer (a shape of rank 1), or an iterable of integers, `Dimension`s and None.

    Raises:
        InvalidArgumentError: A dimension is negative.
        InvalidTypeError: A dimension is not an integer.
    """

    __slots__ = ()

    def __new__(cls, dims: Any) -> TensorShape:  # noqa: PYI034 - a subclass for each kind
        """Return a `_KnownShape` or the one unknown shape."""
        if isinstance(dims, TensorShape):
            return dims
        if dims is None:
            return _UNKNOWN_SHAPE
        if isinstance(dims, str):
            raise InvalidTypeError(
                f"Failed to convert {dims!r} to a shape: it is text, not a list of integers",
                hint="write a list of integers: [2, 3]",
            )
        try:
            items = iter(dims)
        except TypeError:
            items = iter((dims,))
        return tuple.__new__(_KnownShape, map(as_dimension, items))

    @property
    def dims(self) -> list[Dimension] | None:
        """The dimensions as a new list, or None if the rank is not known."""
        return list(self) if isinstance(self, tuple) else None

    @property
    def rank(self) -> int | None:
        """The number of axes, or None if it is not known."""
        return len(self) if isinstance(self, tuple) else None

    @property
    def ndims(self) -> int | None:
        """The same as `rank`."""
        return self.rank

    def is_fully_defined(self) -> bool:
        """Tell whether the rank and every dimension are known."""
        return isinstance(self, tuple) and not any(d is _UNKNOWN for d in self)

    def num_elements(self) -> int | None:
        """Return the number of elements, or None if the shape is not fully defined."""
        if not self.is_fully_defined():
            return None
        count = 1
        for length in self.as_list():
            count *= length or 0
        return count

    def as_list(self) -> list[int | None]:
        """Return the dimensions as plain ints (None where not known).

        Raises:
            InvalidArgumentError: The rank is not known.
        """
        if not isinstance(self, tuple):
            raise InvalidArgumentError(
                "as_list() is not defined on an unknown TensorShape.",
                hint="shape.rank is None where the rank is not known",
            )
        return [d.value for d in self]

    def is_compatible_with(self, other: Any) -> bool:
        """Tell whether both could be the same shape.

        Ranks are equal or one is unknown, and each dimension is equal or unknown.
        """
        other = TensorShape(other)
        if self.rank is None or other.rank is None:
            return True
        mine, theirs = self.as_list(), other.as_list()
        return len(mine) == len(theirs) and all(
            a is None or b is None or a == b for a, b in zip(mine, theirs, strict=True)
        )

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise InvalidArgumentError unless `is_compatible_with(other)`."""
        if not self.is_compatible_with(other):
            raise InvalidArgumentError(
                f"Shapes {self} and {other} are incompatible", hint="is_compatible_with() asks without raising"
            )

    def merge_with(self, other: Any) -> TensorShape:
        """Return the shape that knows what either knows.

        Raises:
            InvalidArgumentError: They are not compatible.
        """
        other = TensorShape(other)
        if not self.is_compatible_with(other):
            raise InvalidArgumentError(
                f"Shapes {self} and {other} are not compatible", hint="is_compatible_with() asks without raising"
            )
        if self.dims is None or other.dims is None:
            return other if self.dims is None else self
        return TensorShape(a.merge_with(b) for a, b in zip(self.dims, other.dims, strict=True))

    def most_specific_compatible_shape(self, other: Any) -> TensorShape:
        """Return the most specific shape that both are cases of."""
        other = TensorShape(other)
        if self.dims is None or other.dims is None or len(self.dims) != len(other.dims):
            return TensorShape(None)
        return TensorShape(a if a is b or a == b else None for a, b in zip(self.dims, other.dims, strict=True))

    def concatenate(self, other: Any) -> TensorShape:
        """Return the shape with the axes of `other` after these; unknown if either is."""
        other = TensorShape(other)
        if self.dims is None or other.dims is None:
            return TensorShape(None)
        return TensorShape(self.dims + other.dims)

    def with_rank(self, rank: int | None) -> TensorShape:
        """Return this shape if it has, or may have, that rank; None is any rank."""
        if rank is None:
            return self
        if self.rank is None:
            return TensorShape([None] * rank)
        return self._checked(self.rank == rank, f"rank {rank}")

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """Return this shape if its rank is not known to be lower."""
        return self._checked(self.rank is None or self.rank >= rank, f"rank at least {rank}")

    def with_rank_at_most(self, rank: int) -> TensorShape:
        """Return this shape if its rank is not known to be higher."""
        return self._checked(self.rank is None or self.rank <= rank, f"rank at most {rank}")

    def _checked(self, holds: bool, wanted: str) -> TensorShape:
        if not holds:
            raise InvalidArgumentError(f"Shape {self} must have {wanted}", hint="shape.rank is the rank")
        return self

    def assert_has_rank(self, rank: int) -> None:
        """Raise InvalidArgumentError if the rank is known and another one."""
        self._checked(self.rank in {None, rank}, f"rank {rank}")

    def assert_same_rank(self, other: Any) -> None:
        """Raise InvalidArgumentError if both ranks are known and differ."""
        other = TensorShape(other)
        if self.rank is not None and other.rank is not None and self.rank != other.rank:
            raise InvalidArgumentError(
                f"Shapes {self} and {other} must have the same rank", hint="shape.rank is the rank"
            )

    def assert_is_fully_defined(self) -> None:
        """Raise InvalidArgumentError unless every dimension is known."""
        if not self.is_fully_defined():
            raise InvalidArgumentError(
                f"Shape {self} is not fully defined", hint="is_fully_defined() asks without raising"
            )

    def __add__(self, other: Any) -> Any:
        return self.concatenate(other)

    def __radd__(self, other: Any) -> Any:
        return TensorShape(other).concatenate(self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        try:
            theirs = TensorShape(other)
        except (TypeError, ValueError):
            return False
        if self.rank is None or theirs.rank is None:
            return self.rank is theirs.rank
        return self.as_list() == theirs.as_list()

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(tuple(self.as_list())) if isinstance(self, tuple) else hash(TensorShape)

    def __reduce__(self) -> tuple[Any, ...]:
        return (TensorShape, (self.dims,))

    def __repr__(self) -> str:
        return f"TensorShape({self.dims})"


@final
class _KnownShape(TensorShape, tuple[Dimension, ...]):
    """A shape of known rank. Made by `TensorShape(dims)`."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        item = tuple.__getitem__(self, key)
        return TensorShape(item) if isinstance(key, slice) else item

    def __bool__(self) -> bool:
        # TensorFlow: a scalar's shape is true, for it is known.
        return True

    def __str__(self) -> str:
        return f"({', '.join(map(str, self))}{',' if len(self) == 1 else ''})"


@final
class _UnknownShape(TensorShape):
    """The shape of which not even the rank is known. Made by `TensorShape(None)`."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, slice):
            return Dimension(None)
        if key.step not in {None, 1}:
            raise InvalidArgumentError("Steps are not yet handled", hint="a shape of unknown rank has no steps")
        stop = key.stop
        if stop is None or stop < 0 or (key.start or 0) < 0:
            return self
        return TensorShape([None] * max(stop - (key.start or 0), 0))

    def __len__(self) -> int:
        raise InvalidArgumentError(
            "Cannot take the length of shape with unknown rank.", hint="shape.rank is None where the rank is not known"
        )

    def __iter__(self) -> Iterator[Dimension]:
        raise InvalidArgumentError(
            "Cannot iterate over a shape with unknown rank.", hint="shape.rank is None where the rank is not known"
        )

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        return "<unknown>"


_UNKNOWN_SHAPE: Final[TensorShape] = object.__new__(_UnknownShape)


# A model has few shapes for its many variables: those of one shape share the object, which nothing can change.
_SEQUENCES: Final = frozenset({list, tuple})
_PLAIN: Final = frozenset({int})


@lru_cache(4096)
def _shared(dims: tuple[int, ...]) -> tuple[TensorShape, tuple[int, ...]]:
    return TensorShape(dims), dims


def as_shape(value: Any) -> TensorShape:
    """Return `value` as a `TensorShape`; see there for what it may be."""
    return as_shape_and_dims(value)[0]


def as_shape_and_dims(value: Any) -> tuple[TensorShape, tuple[int, ...] | None]:
    """Return `value` as a `TensorShape`, and as plain ints: None if it is not fully defined."""
    if type(value) in _SEQUENCES and _PLAIN.issuperset(map(type, value)):
        return _shared(tuple(value))
    shape = value if isinstance(value, TensorShape) else TensorShape(value)
    if type(shape) is not _KnownShape:
        return shape, None
    dims = tuple(map(int.__int__, shape))  # -1 for one that is not known
    return shape, None if -1 in dims else dims
