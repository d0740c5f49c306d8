"""Arguments of get_variable are replaced."""

from __future__ import annotations

import difflib
from typing import Any, final

from tmpl_getters.getter import Getter, NextGetter
from tmplcore.errors import InvalidArgumentError

__all__ = ["Override", "from_options"]

ARGUMENTS = (
    "aggregation",
    "caching_device",
    "collections",
    "constraint",
    "dtype",
    "initializer",
    "partitioner",
    "regularizer",
    "shape",
    "synchronization",
    "trainable",
    "use_resource",
    "validate_shape",
)


@final
class Override(Getter):
    """Replaces arguments of `get_variable`, whatever the model says.

    `reuse` and `name` are not among them: reuse belongs to scopes, names to `Rename`.

    Args:
        only_unset: Replace only arguments that neither the call nor a scope has set (those that are None).
        enabled: Whether it works outside of `with getter.on():`.
        arguments: The arguments and their new values.

    Raises:
        InvalidArgumentError: `get_variable` has no such argument.

    Example:
        >>> still = Override(trainable=False)
        >>> still(lambda name, **kwargs: kwargs, "w", trainable=True, shape=[3])
        {'trainable': False, 'shape': [3]}
    """

    def __init__(self, *, only_unset: bool = False, enabled: bool = True, **arguments: Any) -> None:
        super().__init__(enabled=enabled)
        for argument in arguments:
            if argument not in ARGUMENTS:
                near = difflib.get_close_matches(argument, ARGUMENTS, n=1)
                raise InvalidArgumentError(
                    f"get_variable has no argument {argument!r} that could be overridden",
                    hint=f"did you mean {near[0]}?" if near else f"there are {', '.join(ARGUMENTS)}",
                )
        self._arguments = arguments
        self._only_unset = only_unset

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Ask with the other arguments."""
        for argument, value in self._arguments.items():
            if not self._only_unset or kwargs.get(argument) is None:
                kwargs[argument] = value
        return next_getter(name, **kwargs)


def from_options(*, only_unset: bool = False, **options: Any) -> Override:
    """Make the getter that a configuration describes: what is None there is not overridden."""
    arguments = {name: value for name, value in options.items() if value is not None}
    for kind in ("initializer", "regularizer"):
        if kind in arguments:
            arguments[kind] = arguments[kind].make()
    return Override(only_unset=only_unset, **arguments)
