"""Where the current context is: one immutable value in one `ContextVar`.

A thread starts without one, at the root of the default store. An asyncio task starts with its creator's, and, because
nothing in it changes, neither sees what the other does from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, final
from weakref import ref

from tmplcore.numbering import Opened

if TYPE_CHECKING:
    from tmplcore.journal import Journal
    from tmplcore.scope import VariableScope
    from tmplcore.store import VariableStore

__all__ = ["CURRENT", "Frame"]

Parked = tuple["VariableScope", str, Opened, tuple[Callable[..., Any], ...]]


@final
class Frame:
    """What scopes have changed: an immutable value, replaced as a whole.

    Attributes:
        store: The default store.
        scope: The current variable scope.
        prefix: The name scope for ops, with its trailing slash; empty at the root.
        opened: Which variable scopes were opened, for numbering.
        creators: The variable creators in force, innermost last.
        journal: How to undo the template call that is going on, if it is a first one.
        parked: Where this context was in other stores, to be found again there.
        base: Whether `store` is the default store that nobody entered.
    """

    __slots__ = ("base", "creators", "journal", "opened", "parked", "prefix", "scope", "store")

    def __init__(
        self,
        store: VariableStore,
        scope: VariableScope,
        prefix: str,
        opened: Opened,
        creators: tuple[Callable[..., Any], ...],
        journal: Journal | None,
        parked: Mapping[ref[VariableStore], Parked],
        base: bool,
    ) -> None:
        self.store = store
        self.scope = scope
        self.prefix = prefix
        self.opened = opened
        self.creators = creators
        self.journal = journal
        self.parked = parked
        self.base = base

    def at(self, scope: VariableScope, prefix: str, opened: Opened) -> Frame:
        """Return this frame in another variable scope."""
        return Frame(self.store, scope, prefix, opened, self.creators, self.journal, self.parked, self.base)

    def below(self, prefix: str) -> Frame:
        """Return this frame in another name scope."""
        return Frame(self.store, self.scope, prefix, self.opened, self.creators, self.journal, self.parked, self.base)

    def with_creators(self, creators: tuple[Callable[..., Any], ...]) -> Frame:
        """Return this frame with other variable creators."""
        return Frame(self.store, self.scope, self.prefix, self.opened, creators, self.journal, self.parked, self.base)

    def with_journal(self, journal: Journal | None) -> Frame:
        """Return this frame with another journal."""
        return Frame(self.store, self.scope, self.prefix, self.opened, self.creators, journal, self.parked, self.base)


CURRENT: Final[ContextVar[Frame]] = ContextVar("tmplcore.frame")
