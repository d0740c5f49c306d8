"""Getters made of getters: in a row, by name, and behind a switch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, final

from tmpl_getters.getter import Getter, NextGetter, callable_getter, mapping
from tmplcore.checkpoint.patterns import matcher
from tmplcore.errors import InvalidArgumentError

__all__ = ["Chain", "Router", "Switch"]


@final
class Chain(Getter):
    """Several getters as one. The first is asked first, and gets what the others return.

    So it is as if the first stood in the innermost scope, and the last is nearest to the store.

    Args:
        getters: The getters.
        enabled: Whether the chain works outside of `with chain.on():`.

    Example:
        >>> def suffix(text):
        ...     return lambda next_getter, name, **kwargs: next_getter(name + text, **kwargs)
        >>> Chain(suffix("_first"), suffix("_second"))(lambda name: name, "w")
        'w_first_second'
    """

    def __init__(self, *getters: Callable[..., Any], enabled: bool = True) -> None:
        super().__init__(enabled=enabled)
        self._getters = [callable_getter(getter) for getter in getters]

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Ask the first getter."""
        for getter in reversed(self._getters):
            next_getter = partial(getter, next_getter)
        return next_getter(name, **kwargs)


@final
class Router(Getter):
    """Sends each variable to the getter whose pattern matches its name.

    Args:
        routes: Patterns of full names (see `tmplcore.checkpoint.patterns`: globs, `scope/`, `re:…`) and getters.
            None as a getter leaves the variables alone.
        default: The getter of the names that no pattern matches; None leaves them alone.
        enabled: Whether the router works outside of `with router.on():`.

    Raises:
        InvalidArgumentError: A pattern is no regular expression; or, when a variable is asked for, two patterns
            match its name.

    Example:
        >>> def tagged(text):
        ...     return lambda next_getter, name, **kwargs: text
        >>> router = Router({"*/kernel": tagged("a kernel"), "re:/(beta|gamma)$": tagged("a norm")})
        >>> router(lambda name: "a variable", "conv/kernel")
        'a kernel'
        >>> router(lambda name: "a variable", "conv/bias")
        'a variable'
    """

    def __init__(
        self,
        routes: Mapping[str, Callable[..., Any] | None],
        *,
        default: Callable[..., Any] | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__(enabled=enabled)
        routes = mapping(routes, "routes", 'as in {"*/kernel": Freeze()}')
        self._routes = {pattern: (matcher(pattern), _route(getter)) for pattern, getter in routes.items()}
        self._default = _route(default)

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Ask the getter that the name leads to."""
        found = [pattern for pattern, (matches, _) in self._routes.items() if matches(name)]
        if len(found) > 1:
            raise InvalidArgumentError(
                f"variable {name!r} matches {len(found)} routes: {', '.join(map(repr, found))}",
                hint="make the patterns exclude each other; for several getters on one variable, route to a Chain",
            )
        getter = self._routes[found[0]][1] if found else self._default
        return next_getter(name, **kwargs) if getter is None else getter(next_getter, name, **kwargs)


@final
class Switch(Getter):
    """Any getter, behind a switch.

    Args:
        getter: The getter to switch.
        enabled: Whether it works outside of `with switch.on():`.

    Example:
        >>> noise = Switch(lambda next_getter, name, **kwargs: "noisy " + next_getter(name, **kwargs), enabled=False)
        >>> noise(lambda name: name, "w")
        'w'
        >>> with noise.on():
        ...     noise(lambda name: name, "w")
        'noisy w'
    """

    def __init__(self, getter: Callable[..., Any], *, enabled: bool = True) -> None:
        super().__init__(enabled=enabled)
        self._getter = callable_getter(getter)

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Ask the getter."""
        return self._getter(next_getter, name, **kwargs)


def _route(getter: Callable[..., Any] | None) -> Callable[..., Any] | None:
    return None if getter is None else callable_getter(getter)
