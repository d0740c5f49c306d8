"""Which variable-scope names were opened, so that `default_name` can be numbered.

What was opened is a tree of names, and an immutable value: a scope that closes, and a jump that returns, simply go
back to the value before; a task that inherits it from its creator goes on with numbers of its own.
"""

from __future__ import annotations

from math import isqrt
from typing import Final, final

__all__ = ["NOTHING", "ONCE", "Landing", "Names"]

Landing = tuple["Names", str]
"""What is found on jumping into a scope: the names opened below it, and the last component of its own."""


@final
class _Entry:
    """One component: was this very name opened, the next suffix to try for it, and what was opened below it."""

    __slots__ = ("below", "opened", "suffix")

    def __init__(self, opened: bool, suffix: int, below: Names) -> None:
        self.opened = opened
        self.suffix = suffix
        self.below = below


@final
class Names:
    """What was opened below one scope: an immutable tree, cheap to extend by one name.

    A node is a large dict and a small recent one; only the small one is copied. When that has grown to the square root
    of the whole, the two are joined.

    Attributes:
        found: What `find` found, kept.
        landings: What jumps from the scope found, by the other scope's prefix, kept.

    Example:
        >>> names = NOTHING.marked("dense")
        >>> name = names.numbered("dense"); name
        'dense_1'
        >>> names = names.marked(name); names.numbered("dense"), names.numbered("conv")
        ('dense_2', 'conv')
        >>> names.marked("block/dense").below("block").numbered("dense")
        'dense_1'
    """

    __slots__ = ("_base", "_recent", "found", "landings")

    def __init__(self, base: dict[str, _Entry], recent: dict[str, _Entry]) -> None:
        self._base = base
        self._recent = recent
        self.found: dict[str, _Entry] = {}
        self.landings: dict[str, Landing] = {}

    def entry(self, name: str) -> _Entry | None:
        """Return what is known about one component."""
        return self._recent.get(name) or self._base.get(name)

    def find(self, name: str) -> _Entry | None:
        """Return what is known about `name`, which may be a path; `ONCE` where it was opened and nothing more."""
        entry = self.found.get(name)
        if entry is None:
            entry = self._follow(name) if "/" in name else self.entry(name)
            if entry is not None:
                self.found[name] = entry
        return entry

    def _follow(self, path: str) -> _Entry | None:
        names: Names = self
        entry = None
        for component in path.split("/"):
            entry = names.entry(component)
            if entry is None:
                break
            names = entry.below
        return entry

    def below(self, name: str) -> Names:
        """Return what was opened below `name`."""
        entry = self.find(name)
        return NOTHING if entry is None else entry.below

    def numbered(self, name: str) -> str:
        """Return the first of `name`, `name_1`, … that was not opened."""
        above, slash, base = name.rpartition("/")
        names = self.below(above) if slash else self
        entry = names.entry(base)
        if entry is None or not entry.opened:
            return name
        suffix = entry.suffix
        while (other := names.entry(f"{base}_{suffix}")) is not None and other.opened:
            suffix += 1
        return f"{name}_{suffix}"

    def marked(self, name: str, *, wanted: str | None = None) -> Names:
        """Return what holds when `name` has been opened; what was opened below it stays.

        Args:
            name: The name, which may be a path.
            wanted: The name without its number, if it was numbered; the next search begins after it.
        """
        if self is NOTHING and (wanted is None or wanted == name) and "/" not in name:
            return Names({}, {name: ONCE})  # the first one in a scope, which is the usual case
        names = self._put(name, opened=True)
        if wanted is not None and wanted != name:
            names = names._put(wanted, suffix=int(name[len(wanted) + 1 :]) + 1)
        return names

    def cleared(self, name: str) -> Names:
        """Return what holds when the scope `name` has closed: what was opened below it is forgotten."""
        entry = self.find(name)
        if entry is None or entry.below is NOTHING:
            return self
        return self._put(name, below=NOTHING)

    def grafted(self, name: str, below: Names) -> Names:
        """Return this with what was opened below `name` replaced."""
        return self._put(name, below=below)

    def _put(self, name: str, *, opened: bool = False, suffix: int | None = None, below: Names | None = None) -> Names:
        first, slash, rest = name.partition("/")
        entry = self.entry(first)
        if slash:
            entry = entry or _UNOPENED
            inner = entry.below._put(rest, opened=opened, suffix=suffix, below=below)
            entry = _Entry(entry.opened, entry.suffix, inner)
        elif entry is None and opened:
            entry = ONCE
        else:
            entry = entry or _UNOPENED
            opened = opened or entry.opened
            suffix = entry.suffix if suffix is None else suffix
            below = entry.below if below is None else below
            entry = ONCE if opened and suffix == 1 and below is NOTHING else _Entry(opened, suffix, below)
        recent = {**self._recent, first: entry}
        if len(recent) <= 16 or len(recent) <= isqrt(len(self._base)):
            return Names(self._base, recent)
        return Names({**self._base, **recent}, {})


NOTHING: Final = Names({}, {})
_UNOPENED: Final = _Entry(opened=False, suffix=1, below=NOTHING)
ONCE: Final = _Entry(opened=True, suffix=1, below=NOTHING)
