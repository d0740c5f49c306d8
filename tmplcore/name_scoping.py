"""Name scopes: the prefix for ops and for variables that are not shared."""

from __future__ import annotations

from collections.abc import Iterable
from types import TracebackType
from typing import Any, final

from tmplcore.errors import GraphMismatchError, InvalidArgumentError, InvalidTypeError, NotEnteredError
from tmplcore.frame import CURRENT, Frame
from tmplcore.naming import ROOT
from tmplcore.store import VariableStore, current_frame

__all__ = ["name_scope", "store_of"]


def store_of(values: Iterable[Any]) -> VariableStore | None:
    """Return the store that variables among `values` are from, or None if there are none.

    Raises:
        GraphMismatchError: They are from two.
    """
    found: VariableStore | None = None
    for value in values:
        store = getattr(value, "graph", None)
        if not isinstance(store, VariableStore):
            continue
        if found is not None and store is not found:
            raise GraphMismatchError(
                f"{value!r} must be from the same graph as the other values", hint="pass values of one store"
            )
        found = store
    return found


@final
class name_scope:  # noqa: N801 - TensorFlow's name
    """Open a name scope for the length of a `with` block; its target is the scope's name with a trailing slash.

    Ops and `Variable(...)` in it are named below it. `get_variable` goes by the variable scope alone.

    Args:
        name: The name, which is made unique; with a trailing slash, an absolute name that is not. Empty or None
            (and no default) is the root.
        default_name: Taken if `name` is None.
        values: Variables whose store becomes the default for the block.

    Raises:
        InvalidTypeError: A name is no string.
        InvalidArgumentError: There are values, but no name.

    Example:
        >>> with name_scope("loss") as outer, name_scope("l2") as inner:
        ...     print(outer, inner)
        loss/ loss/l2/
    """

    __slots__ = ("_default_name", "_entered", "_name", "_outer", "_values")

    def __init__(self, name: str | None, default_name: str | None = None, values: Any = None) -> None:
        if not (default_name is None or isinstance(default_name, str)):
            raise InvalidTypeError(
                f"`default_name` type ({type(default_name)}) is not a string type. You likely meant to pass this "
                "into the `values` kwarg.",
                hint="values are the third argument: name_scope(name, None, values)",
            )
        if name is None and default_name is None and values is not None:
            raise InvalidArgumentError(
                "At least one of name (None) and default_name (None) must be provided.",
                hint="name_scope(None) without values is the root",
            )
        self._name = name
        self._default_name = default_name
        self._values = values
        self._outer: Frame
        self._entered: Any = None

    @property
    def name(self) -> str | None:
        """The name as it was asked for, or the default."""
        return self._default_name if self._name is None else self._name

    def __enter__(self) -> str:
        name = self.name
        if not (name is None or isinstance(name, str)):
            raise InvalidTypeError(
                f"name for name_scope must be a string, not {type(name).__name__}: {name!r}",
                hint='with name_scope("loss"):',
            )
        if self._values:
            store = store_of(self._values)
            if store is not None and store is not current_frame().store:
                self._entered = store.as_default()
                self._entered.__enter__()
        outer = current_frame()
        try:
            ops = outer.store.names.open(name, outer.ops, outer.around.journal) if name else ROOT
        except BaseException:
            if self._entered is not None:
                self._entered.__exit__(None, None, None)
            raise
        self._outer = outer
        CURRENT.set(outer.with_ops(ops))
        return ops.text

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        inner = current_frame()
        try:
            outer = self._outer
        except AttributeError:
            raise NotEnteredError(
                f"name_scope {self.name!r} is left, but it was never entered", hint="with name_scope(...):"
            ) from None
        if inner.ops is not ROOT:
            inner.store.names.leave(inner.ops)
        CURRENT.set(inner.with_ops(outer.ops))
        if self._entered is not None:
            entered, self._entered = self._entered, None
            entered.__exit__(kind, error, traceback)
