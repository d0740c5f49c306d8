"""What a getter remembers of the variables that passed through it, for each store."""

from __future__ import annotations

from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import tmplcore
from tmplcore.errors import InvalidArgumentError

__all__ = ["PerStore"]

T = TypeVar("T")


class PerStore(Generic[T]):
    """Notes by variable name, kept apart for each store and forgotten with it.

    One getter serves several stores: that of a test beside that of the training, and those that `tmpl_jax` makes for
    the length of one traced call.

    Args:
        what: What a message calls the notes.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._stores: WeakKeyDictionary[tmplcore.VariableStore, dict[str, T]] = WeakKeyDictionary()

    def here(self) -> dict[str, T]:
        """Return the notes of the default store, to be added to."""
        return self._stores.setdefault(tmplcore.get_default_store(), {})

    def of(self, store: tmplcore.VariableStore | None) -> dict[str, T]:
        """Return the notes of a store; of the default one if it is None.

        Raises:
            InvalidArgumentError: There are none.
        """
        store = tmplcore.get_default_store() if store is None else store
        if not (notes := self._stores.get(store)):
            raise InvalidArgumentError(
                f"no variable of this store has {self._what}",
                hint="call the model first, or say which store: with store.as_default():",
            )
        return notes
