"""The getters of a configuration, as the one getter of a store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, final

from tmplcore.checkpoint.patterns import Selection
from tmplcore.errors import InvalidArgumentError

__all__ = ["ConfiguredGetters"]


@final
class ConfiguredGetters:
    """Several getters in a row, each for the variables whose names match: the `custom_getter` of a configured store.

    The first is asked first, and gets what the others return.

    Args:
        getters: The name in the configuration, the patterns of variables' names, and the getter.

    Example:
        >>> def suffix(text):
        ...     return lambda next_getter, name, **kwargs: next_getter(name + text, **kwargs)
        >>> getters = ConfiguredGetters([("one", ["*"], suffix("_1")), ("two", ["a/"], suffix("_2"))])
        >>> getters(lambda name: name, "a/w"), getters(lambda name: name, "b/w")
        ('a/w_1_2', 'b/w_1')
    """

    def __init__(self, getters: Sequence[tuple[str, Sequence[str], Any]]) -> None:
        self._getters = [(name, Selection(patterns), getter) for name, patterns, getter in getters]

    def __call__(self, next_getter: Any, name: str, **kwargs: Any) -> Any:
        """Ask the first getter."""
        for _, chosen, getter in reversed(self._getters):
            next_getter = partial(_matching, chosen, getter, next_getter)
        return next_getter(name, **kwargs)

    def named(self, name: str) -> Any:
        """Return the getter that the configuration calls so: `store.custom_getter.named("ema").update()`.

        Raises:
            InvalidArgumentError: The configuration has none of that name, or several.
        """
        found = [getter for its, _, getter in self._getters if its == name]
        if len(found) != 1:
            names = ", ".join(its for its, _, _ in self._getters)
            raise InvalidArgumentError(
                f"the configuration has {len(found) or 'no'} getters named {name!r}", hint=f"its getters are {names}"
            )
        return found[0]


def _matching(chosen: Selection, getter: Any, next_getter: Any, name: str, **kwargs: Any) -> Any:
    return getter(next_getter, name, **kwargs) if chosen(name) else next_getter(name, **kwargs)
