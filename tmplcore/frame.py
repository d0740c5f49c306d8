"""Where the current context is: one immutable value in one `ContextVar`.

A thread starts without one, at the root of the default store. An asyncio task starts with its creator's, and, because
nothing in it changes, neither sees what the other does from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, final
from weakref import ref

from tmplcore.naming import ROOT, OpPrefix
from tmplcore.numbering import NOTHING, Landing, Names

if TYPE_CHECKING:
    from tmplcore.journal import Journal
    from tmplcore.scope import VariableScope
    from tmplcore.store import VariableStore

__all__ = ["CURRENT", "Around", "Frame", "Parked"]

Parked = tuple["VariableScope", OpPrefix, Names, "Frame | None", tuple[Callable[..., Any], ...]]
"""Where a context was in a store that it has left: scope, ops, opened, outer, and creators."""


@final
class Around:
    """What a frame shares with those around it.

    Attributes:
        creators: The variable creators in force, innermost last.
        journal: How to undo the template call that is going on, if it is a first one.
        parked: Where this context was in other stores, to be found again there.
        base: Whether the store is the default store that nobody entered.
    """

    __slots__ = ("base", "creators", "journal", "parked")

    def __init__(
        self,
        creators: tuple[Callable[..., Any], ...] = (),
        journal: Journal | None = None,
        parked: Mapping[ref[VariableStore], Parked] | None = None,
        base: bool = False,
    ) -> None:
        self.creators = creators
        self.journal = journal
        self.parked = {} if parked is None else parked
        self.base = base


@final
class Frame:
    """One open variable scope, seen from inside: an immutable value, replaced as a whole.

    Attributes:
        store: The default store.
        scope: The current variable scope.
        ops: The name scope for ops.
        opened: The variable scopes that were opened below the current one.
        outer: What will hold when the current scope closes; None at a store's root.
        around: What does not change with scopes.
    """

    __slots__ = ("_outside", "around", "opened", "ops", "outer", "scope", "store")

    store: VariableStore
    scope: VariableScope
    ops: OpPrefix
    opened: Names
    outer: Frame | None
    around: Around
    _outside: Frame | None

    @classmethod
    def made(
        cls,
        store: VariableStore,
        scope: VariableScope,
        ops: OpPrefix,
        opened: Names,
        outer: Frame | None,
        around: Around,
    ) -> Frame:
        """Return a frame of these parts."""
        self = cls()
        self.store = store
        self.scope = scope
        self.ops = ops
        self.opened = opened
        self.outer = outer
        self.around = around
        self._outside = None
        return self

    def left(self) -> None:
        """Note that its scope has closed."""
        outer = self.outer
        if outer is None or self.ops is not outer.ops:
            self.store.names.leave(self.ops)

    @property
    def prefix(self) -> str:
        """The name scope for ops, with its trailing slash; empty at the root."""
        return self.ops.text

    def outside(self) -> Frame:
        """Return this frame outside all name scopes; always the same one, as each variable is made there."""
        if self._outside is None:
            self._outside = self.with_ops(ROOT)
        return self._outside

    def with_ops(self, ops: OpPrefix) -> Frame:
        """Return this frame in another name scope."""
        return Frame.made(self.store, self.scope, ops, self.opened, self.outer, self.around)

    def with_prefix(self, prefix: str) -> Frame:
        """Return this frame in the name scope that has this full name."""
        return self.with_ops(OpPrefix.spelled(prefix) if prefix else ROOT)

    def with_opened(self, opened: Names) -> Frame:
        """Return this frame with other names opened below its scope."""
        return Frame.made(self.store, self.scope, self.ops, opened, self.outer, self.around)

    def with_outer(self, outer: Frame) -> Frame:
        """Return this frame inside another one."""
        return Frame.made(self.store, self.scope, self.ops, self.opened, outer, self.around)

    def with_around(self, around: Around) -> Frame:
        """Return this frame in other surroundings."""
        return Frame.made(self.store, self.scope, self.ops, self.opened, self.outer, around)

    def with_creators(self, creators: tuple[Callable[..., Any], ...]) -> Frame:
        """Return this frame with other variable creators."""
        around = self.around
        return self.with_around(Around(creators, around.journal, around.parked, around.base))

    def with_journal(self, journal: Journal | None) -> Frame:
        """Return this frame with another journal."""
        around = self.around
        return self.with_around(Around(around.creators, journal, around.parked, around.base))

    def jumped(self, prefix: str) -> tuple[Frame, Landing]:
        """Note that a scope is entered from here, wherever it is; what is found is kept in `opened.landings`.

        Args:
            prefix: Its name with a trailing slash; empty for the root.

        Returns:
            This frame after that, and what is found on entering.
        """
        home = self
        passed: list[Frame] = []  # scopes inside `home`, innermost first, that are not around the other one
        while not prefix[:-1].startswith(home.scope._prefix):
            assert home.outer is not None, "the root's prefix begins every name"
            passed.append(home)
            home = home.outer
        rest = prefix[len(home.scope._prefix) : -1]
        entry = home.opened.find(rest)
        known = entry is not None and entry.opened
        below = home.opened if not prefix else NOTHING if entry is None else entry.below
        for frame in reversed(passed):
            inner = frame.scope._prefix
            if inner == prefix:
                below = frame.opened
            elif inner.startswith(prefix):
                below = below.grafted(inner[len(prefix) : -1], frame.opened)
        landing = below, prefix[prefix.rfind("/", 0, -1) + 1 : -1]
        if known:
            if not passed:
                self.opened.landings[prefix] = landing
            return self, landing
        marked = home.with_opened(home.opened.marked(rest))
        for frame in reversed(passed):
            marked = frame.with_outer(marked)
        return marked, landing


CURRENT: Final[ContextVar[Frame]] = ContextVar("tmplcore.frame")
