"""What the getters have in common: TensorFlow's protocol, and a switch."""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Real
from types import MappingProxyType
from typing import Any, TypeAlias

from tmplcore.errors import InvalidTypeError

__all__ = ["Flag", "Getter", "NextGetter", "callable_getter", "mapping", "number"]

NextGetter: TypeAlias = Callable[..., Any]

# One variable for all flags: a ContextVar is never given back, so there must not be one for each getter.
_flags: ContextVar[Mapping[Flag, bool]] = ContextVar("flags of getters", default=MappingProxyType({}))


def callable_getter(getter: Any) -> Callable[..., Any]:
    """Return a getter that can be called.

    Raises:
        InvalidTypeError: It cannot be.
    """
    if not callable(getter):
        raise InvalidTypeError(
            f"{getter!r} is not a getter", hint="a getter is called as getter(next_getter, name, **kwargs)"
        )
    return getter  # type: ignore[no-any-return]


def number(value: Any, what: str, hint: str, *, whole: bool = False) -> Any:
    """Return an option that is to be a number.

    Raises:
        InvalidTypeError: It is none.
    """
    if not isinstance(value, Real) or (whole and not hasattr(value, "__index__")):
        kind = "a whole number" if whole else "a number"
        raise InvalidTypeError(f"{what} is {kind}, not {value!r}", hint=hint)
    return operator.index(value) if whole else value


def mapping(value: Any, what: str, hint: str) -> Mapping[str, Any]:
    """Return an option that is to be a mapping with text for keys.

    Raises:
        InvalidTypeError: It is none.
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise InvalidTypeError(f"{what} are a mapping, not {value!r}", hint=hint)
    return value


class Flag:
    """A boolean that a `with` block changes for its own thread or task.

    Example:
        >>> flag = Flag(False)
        >>> with flag.set(True):
        ...     bool(flag)
        True
        >>> bool(flag)
        False
    """

    __slots__ = ("_default",)

    def __init__(self, default: bool) -> None:
        self._default = default

    def __bool__(self) -> bool:
        return _flags.get().get(self, self._default)

    @contextmanager
    def set(self, value: bool) -> Iterator[None]:
        """Change the flag for the duration of a block."""
        token = _flags.set({**_flags.get(), self: value})
        try:
            yield
        finally:
            _flags.reset(token)


class Getter(ABC):
    """A custom getter that can be switched: `getter(next_getter, name, **kwargs)`, as TensorFlow calls it.

    Args:
        enabled: Whether it works outside of `with getter.on():` and `with getter.off():`.

    Example:
        >>> class Suffix(Getter):
        ...     def get(self, next_getter, name, **kwargs):
        ...         return next_getter(name + "_x", **kwargs)
        >>> suffix = Suffix()
        >>> suffix(lambda name: name, "w")
        'w_x'
        >>> with suffix.off():
        ...     suffix(lambda name: name, "w")
        'w'
    """

    def __init__(self, *, enabled: bool = True) -> None:
        self._enabled = Flag(enabled)

    def __call__(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Call `get`, or pass everything on if the getter is off."""
        if not self._enabled:
            return next_getter(name, **kwargs)
        return self.get(next_getter, name, **kwargs)

    @abstractmethod
    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Return what `get_variable` is to return.

        Args:
            next_getter: The next getter outwards, in the end the store's own. Call it with `name` and whatever
                of `kwargs` is to reach it; what is left out takes TensorFlow's defaults.
            name: The full name of the variable.
            kwargs: The other arguments of `get_variable`, all of them, completed by the scope.
        """

    def on(self) -> Any:
        """Return a context in which the getter works."""
        return self._enabled.set(True)

    def off(self) -> Any:
        """Return a context in which the getter passes everything on."""
        return self._enabled.set(False)
