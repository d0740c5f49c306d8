"""Which variable-scope names were opened, so that `default_name` can be numbered.

What was opened is a tree of names, and an immutable value: a scope that closes, and a jump that returns, simply go
back to the value before; a task that inherits it from its creator goes on with numbers of its own.
"""

from __future__ import annotations

from math import isqrt
from typing import Final, final

__all__ = ["Opened"]


@final
class _Names:
    """An immutable mapping from a path component to what was opened there, cheap to extend by one entry.

    It is a large dict and a small recent one; only the small one is copied. When that has grown to the square root of
    the whole, the two are joined.
    """

    __slots__ = ("_base", "_recent")

    def __init__(self, base: dict[str, _Entry], recent: dict[str, _Entry]) -> None:
        self._base = base
        self._recent = recent

    def get(self, name: str) -> _Entry | None:
        return self._recent.get(name) or self._base.get(name)

    def put(self, name: str, entry: _Entry) -> _Names:
        recent = {**self._recent, name: entry}
        if len(recent) <= max(16, isqrt(len(self._base))):
            return _Names(self._base, recent)
        return _Names({**self._base, **recent}, {})


@final
class _Entry:
    """One component: was this very name opened, the next suffix to try for it, and what was opened below it."""

    __slots__ = ("below", "opened", "suffix")

    def __init__(self, opened: bool, suffix: int, below: _Names) -> None:
        self.opened = opened
        self.suffix = suffix
        self.below = below


_NOTHING: Final = _Names({}, {})
_OPENED_ONCE: Final = _Entry(opened=True, suffix=1, below=_NOTHING)


@final
class Opened:
    """What was opened, seen from the scope `prefix`: the names below it, and, outwards, everything else.

    Example:
        >>> root = Opened()
        >>> name, root = root.number("dense"); name
        'dense'
        >>> root, inside = root.open("model")
        >>> name, inside = inside.number("dense"); name
        'dense'
        >>> root.number("dense")[0], root.open("model")[1].number("dense")[0]
        ('dense_1', 'dense')
    """

    __slots__ = ("_jumps", "_names", "outer", "prefix")

    def __init__(self, prefix: str = "", names: _Names = _NOTHING, outer: Opened | None = None) -> None:
        self.prefix = prefix
        self.outer = outer
        self._names = names
        self._jumps: dict[str, _Names] | None = None  # what is below scopes that were jumped to, as nothing changes

    def open(self, name: str) -> tuple[Opened, Opened]:
        """Open `name` below this scope.

        Returns:
            What holds once it has closed again (it was opened, nothing below it was), and what holds inside it.
        """
        entry = self._names.get(name)
        if entry is not None and entry.opened and entry.below is _NOTHING:
            return self, Opened(f"{self.prefix}{name}/", _NOTHING, self)
        path = name.split("/")
        below = _below(self._names, path)
        outside = Opened(self.prefix, _marked(self._names, path, _NOTHING), self.outer)
        return outside, Opened(f"{self.prefix}{name}/", below, outside)

    def clear_nameless(self) -> Opened:
        """Return what holds when the scope with the empty name, which shares this scope's names, has closed."""
        return Opened(self.prefix, _marked(self._names, [""], _NOTHING), self.outer)

    def number(self, name: str) -> tuple[str, Opened]:
        """Return the first of `name`, `name_1`, … that was not opened, and what holds when its number is spent."""
        *above, base = name.split("/")
        names = self._names if not above else _below(self._names, above)
        entry = names.get(base)
        if entry is None or not entry.opened:
            return name, self
        suffix = entry.suffix
        while (other := names.get(f"{base}_{suffix}")) is not None and other.opened:
            suffix += 1
        after = _Entry(opened=True, suffix=suffix + 1, below=entry.below)
        return f"{name}_{suffix}", Opened(self.prefix, _replaced(self._names, [*above, base], after), self.outer)

    def jump(self, name: str) -> tuple[Opened, Opened]:
        """Open the scope with the absolute name `name`, wherever it is.

        Returns:
            What holds after the jump, and what holds inside it.
        """
        if self._jumps is None:
            self._jumps = {}
        elif (known := self._jumps.get(name)) is not None:
            return self, Opened(f"{name}/", known, self)
        home = self
        passed: list[Opened] = []  # scopes inside `home`, innermost first, that are not around `name`
        while not name.startswith(home.prefix):
            assert home.outer is not None, "the root's prefix begins every name"
            passed.append(home)
            home = home.outer
        path = name[len(home.prefix) :].split("/")
        below = _below(home._names, path) if name else home._names
        prefix = f"{name}/" if name else ""
        for scope in reversed(passed):
            if scope.prefix.startswith(prefix):
                inner = scope.prefix[len(prefix) : -1]
                below = _grafted(below, inner.split("/"), scope._names) if inner else scope._names
        outside = self
        if _is_opened(home._names, path):
            if name and not passed:
                self._jumps[name] = below
        else:
            outside = Opened(home.prefix, _marked(home._names, path, None), home.outer)
            for scope in reversed(passed):
                outside = Opened(scope.prefix, scope._names, outside)
        return outside, Opened(prefix, below, outside)


def _is_opened(names: _Names, path: list[str]) -> bool:
    *above, last = path
    entry = _below(names, above).get(last)
    return entry is not None and entry.opened


def _below(names: _Names, path: list[str]) -> _Names:
    for component in path:
        entry = names.get(component)
        if entry is None:
            return _NOTHING
        names = entry.below
    return names


def _replaced(names: _Names, path: list[str], entry: _Entry) -> _Names:
    first, *rest = path
    if not rest:
        return names.put(first, entry)
    here = names.get(first) or _Entry(opened=False, suffix=1, below=_NOTHING)
    return names.put(first, _Entry(here.opened, here.suffix, _replaced(here.below, rest, entry)))


def _marked(names: _Names, path: list[str], below: _Names | None) -> _Names:
    """Note that `path` was opened; what is below it is replaced unless `below` is None."""
    *above, last = path
    here = _below(names, above).get(last)
    if here is None:
        entry = _OPENED_ONCE if below is None else _Entry(opened=True, suffix=1, below=below)
    else:
        entry = _Entry(opened=True, suffix=here.suffix, below=here.below if below is None else below)
    return _replaced(names, path, entry)


def _grafted(names: _Names, path: list[str], below: _Names) -> _Names:
    """Replace what is below `path`."""
    *above, last = path
    here = _below(names, above).get(last)
    entry = _Entry(here is not None and here.opened, 1 if here is None else here.suffix, below)
    return _replaced(names, path, entry)
