"""Collections: lists of variables, losses and whatever else, kept with a graph under well-known keys."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, Self, SupportsIndex, final

from tmplcore.errors import InvalidTypeError
from tmplcore.journal import Journal

__all__ = ["Collections", "GraphKeys"]


@final
class GraphKeys:
    """TensorFlow's names of the standard collections."""

    ACTIVATIONS: Final = "activations"
    ASSET_FILEPATHS: Final = "asset_filepaths"
    BIASES: Final = "biases"
    CONCATENATED_VARIABLES: Final = "concatenated_variables"
    COND_CONTEXT: Final = "cond_context"
    EVAL_STEP: Final = "eval_step"
    GLOBAL_STEP: Final = "global_step"
    GLOBAL_VARIABLES: Final = "variables"
    INIT_OP: Final = "init_op"
    LOCAL_INIT_OP: Final = "local_init_op"
    LOCAL_RESOURCES: Final = "local_resources"
    LOCAL_VARIABLES: Final = "local_variables"
    LOSSES: Final = "losses"
    METRIC_VARIABLES: Final = "metric_variables"
    MODEL_VARIABLES: Final = "model_variables"
    MOVING_AVERAGE_VARIABLES: Final = "moving_average_variables"
    QUEUE_RUNNERS: Final = "queue_runners"
    READY_FOR_LOCAL_INIT_OP: Final = "ready_for_local_init_op"
    READY_OP: Final = "ready_op"
    REGULARIZATION_LOSSES: Final = "regularization_losses"
    RESOURCES: Final = "resources"
    SAVEABLE_OBJECTS: Final = "saveable_objects"
    SAVERS: Final = "savers"
    SUMMARIES: Final = "summaries"
    SUMMARY_OP: Final = "summary_op"
    TABLE_INITIALIZERS: Final = "table_initializer"
    TRAINABLE_RESOURCE_VARIABLES: Final = "trainable_resource_variables"
    TRAINABLE_VARIABLES: Final = "trainable_variables"
    TRAIN_OP: Final = "train_op"
    UPDATE_OPS: Final = "update_ops"
    VARIABLES: Final = "variables"
    WEIGHTS: Final = "weights"
    WHILE_CONTEXT: Final = "while_context"


_append: Final = list.append  # what `_Items.append` does for others, who may not know how to undo it
_GLOBAL: Final = GraphKeys.GLOBAL_VARIABLES
_TRAINABLE: Final = GraphKeys.TRAINABLE_VARIABLES


@final
class _Items(list[Any]):
    """A collection's list, which may be edited freely. It can say cheaply whether it has changed.

    Attributes:
        before_change: Called before each edit, with the list as it still is.
    """

    __slots__ = ("_frozen", "before_change")

    def __init__(self, before_change: Callable[[_Items], None]) -> None:
        super().__init__()
        self._frozen: tuple[Any, ...] | None = ()
        self.before_change = before_change

    @property
    def frozen(self) -> tuple[Any, ...]:
        """The items as a tuple; the same object as long as nothing changes."""
        if self._frozen is None:
            self._frozen = tuple(self)
        return self._frozen

    def discard(self, item: Any) -> None:
        """Take the last occurrence of this very object out, if there is one."""
        for index in range(len(self) - 1, -1, -1):
            if self[index] is item:
                self._frozen = None
                list.__delitem__(self, index)
                return

    def restore(self, items: Iterable[Any]) -> None:
        """Put back what was there."""
        self._frozen = None
        list.__setitem__(self, slice(None), items)

    def _edit(self) -> None:
        self.before_change(self)
        self._frozen = None

    def append(self, item: Any) -> None:
        self._edit()
        super().append(item)

    def extend(self, items: Iterable[Any]) -> None:
        self._edit()
        super().extend(items)

    def insert(self, index: SupportsIndex, item: Any) -> None:
        self._edit()
        super().insert(index, item)

    def remove(self, item: Any) -> None:
        self._edit()
        super().remove(item)

    def pop(self, index: SupportsIndex = -1) -> Any:
        self._edit()
        return super().pop(index)

    def clear(self) -> None:
        self._edit()
        super().clear()

    def sort(self, **kwargs: Any) -> None:
        self._edit()
        super().sort(**kwargs)

    def reverse(self) -> None:
        self._edit()
        super().reverse()

    def __setitem__(self, index: Any, item: Any) -> None:
        self._edit()
        super().__setitem__(index, item)

    def __delitem__(self, index: Any) -> None:
        self._edit()
        super().__delitem__(index)

    def __iadd__(self, items: Iterable[Any]) -> Self:  # type: ignore[misc]
        self._edit()
        super().__iadd__(items)
        return self

    def __imul__(self, count: SupportsIndex) -> Self:
        self._edit()
        super().__imul__(count)
        return self


@final
class Collections:
    """The collections of one graph.

    Args:
        journal: Returns where to note how to undo a change, or None if nothing may have to be undone.
    """

    __slots__ = ("_items", "_journal")

    def __init__(self, journal: Callable[[], Journal | None]) -> None:
        self._items: dict[Any, _Items] = {}
        self._journal = journal

    def add(self, key: Any, item: Any) -> None:
        """Append `item` to the collection `key`."""
        self.add_to_each((key,), item, self._journal())

    def add_to_all(self, keys: Any, item: Any) -> None:
        """Append `item` to each of several collections; a string is one key, a key listed twice counts once."""
        self.add_to_each(dict.fromkeys((keys,) if isinstance(keys, str) else keys), item, self._journal())

    def add_to_each(self, keys: Iterable[Any], item: Any, journal: Journal | None) -> None:
        """Append `item` to the collections `keys`, on behalf of the library, which knows the journal."""
        for key in keys:
            try:
                items = self._items[key]
            except (KeyError, TypeError):
                items = self.ref(key)
            items._frozen = None
            _append(items, item)
            if journal is not None:
                journal.append(partial(items.discard, item))

    def get(self, key: Any, scope: str | None = None) -> list[Any]:
        """Return a copy of a collection, or of that part of it whose names match `scope`.

        Args:
            key: The collection's key.
            scope: A regular expression that a name must match at its beginning. Items without a name never do.
        """
        items = self._items.get(_hashable(key), ())
        if scope is None:
            return list(items)
        matches = re.compile(scope).match
        return [item for item in items if hasattr(item, "name") and matches(item.name)]

    def below(self, key: Any, prefix: str) -> list[Any]:
        """Return the items that have a name which begins with `prefix`, taken literally."""
        return [
            item
            for item in self._items.get(key, ())
            if (name := getattr(item, "name", None)) is not None and name.startswith(prefix)
        ]

    def ref(self, key: Any) -> _Items:
        """Return the collection itself, made if there is none."""
        items = self._items.get(_hashable(key))
        if items is None:
            items = self._items.setdefault(key, _Items(self._before_edit))
            if (journal := self._journal()) is not None:
                journal.append(partial(self._forget_empty, key))
        return items

    def trainables(self) -> _Items:
        """Return the trainable variables; TensorFlow makes that collection and the global one when it looks here."""
        try:
            self._items[_GLOBAL]
            return self._items[_TRAINABLE]
        except KeyError:
            self.ref(_GLOBAL)
            return self.ref(_TRAINABLE)

    def clear(self, key: Any) -> None:
        """Remove a collection."""
        items = self._items.pop(_hashable(key), None)
        if items is not None and (journal := self._journal()) is not None:
            journal.append(partial(self._items.__setitem__, key, items))

    def keys(self) -> list[str]:
        """Return the keys that are strings; a collection that was emptied still counts."""
        return [key for key in self._items if isinstance(key, str)]

    def copy(self, journal: Callable[[], Journal | None], replaced: Mapping[Any, Any]) -> Collections:
        """Return independent collections with some items replaced by others."""
        other = Collections(journal)
        for key, items in self._items.items():
            other.ref(key).restore([_replacement(item, replaced) for item in items])
        return other

    def _before_edit(self, items: _Items) -> None:
        if (journal := self._journal()) is not None:
            journal.append(partial(items.restore, list(items)))

    def _forget_empty(self, key: Any) -> None:
        if not self._items.get(key):
            self._items.pop(key, None)


def _replacement(item: Any, replaced: Mapping[Any, Any]) -> Any:
    try:
        return replaced.get(item, item)
    except TypeError:  # an item that does not hash is not among the replaced
        return item


def _hashable(key: Any) -> Any:
    try:
        hash(key)
    except TypeError:
        raise InvalidTypeError(
            f"unhashable type: {type(key).__name__!r}; a collection's key must be hashable, not {key!r}",
            hint="use a string, or a tuple in place of a list",
        ) from None
    return key
