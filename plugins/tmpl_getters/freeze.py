"""Variables that do not train."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

from tmpl_getters.arrays import detached, is_variable, trains
from tmpl_getters.getter import Getter, NextGetter
from tmplcore.checkpoint.patterns import Selection

__all__ = ["Freeze", "frozen"]


@final
class Freeze(Getter):
    """Freezes variables.

    A variable made under it is not trainable. One that is there already and is trainable is returned as an array
    without gradient (`detach` on torch, `stop_gradient` on JAX), so that a model can be frozen for a while.
    Variables that were not trainable anyway (a batch norm's statistics) are returned as they are.

    Args:
        patterns: Names to freeze: globs, `scope/`, `re:…` (see `tmplcore.checkpoint.patterns`).
        enabled: Whether it works outside of `with getter.on():`.

    Example:
        >>> freeze = Freeze("encoder/*")
        >>> freeze(lambda name, **kwargs: kwargs["trainable"], "encoder/w", trainable=True)
        False
        >>> freeze(lambda name, **kwargs: kwargs["trainable"], "decoder/w", trainable=True)
        True
    """

    def __init__(self, patterns: str | Iterable[str] = "*", *, enabled: bool = True) -> None:
        super().__init__(enabled=enabled)
        self._chosen = Selection(patterns)

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Return the variable, without a gradient if its name matches."""
        if not self._chosen(name):
            return next_getter(name, **kwargs)
        return frozen(next_getter, name, **kwargs)


def frozen(next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
    """Return a variable that does not train."""
    wanted = kwargs.pop("trainable", True)
    value = next_getter(name, **kwargs, trainable=False)
    stays = not wanted or (is_variable(value) and not trains(value))
    return value if stays else detached(value)
