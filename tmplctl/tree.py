"""Variables as a tree of scopes, with subtotals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, final

if TYPE_CHECKING:
    from tmplcore.checkpoint.format import LazyVariable

__all__ = ["Line", "Scope"]


class Line(NamedTuple):
    """One line of the tree: a variable, or a scope with the subtotal of all that is below it."""

    depth: int
    label: str
    variable: LazyVariable | None
    size: int
    nbytes: int


@final
class Scope:
    """A scope: its variables and inner scopes in the order of the checkpoint."""

    def __init__(self) -> None:
        self._variables: dict[str, LazyVariable] = {}
        self._scopes: dict[str, Scope] = {}
        self._order: dict[str, None] = {}
        self.count = 0
        self.nbytes = 0

    @classmethod
    def of(cls, variables: Iterable[LazyVariable]) -> Scope:
        """Make the tree of some variables; a second name of one counts no bytes."""
        root = cls()
        for variable in variables:
            *path, last = variable.name.split("/")
            nbytes = 0 if variable.alias_of is not None else variable.nbytes
            scope = root
            scope._count(nbytes)
            for part in path:
                inner = scope._scopes.get(part)
                if inner is None:
                    inner = scope._scopes[part] = cls()
                    scope._order[part] = None
                scope = inner
                scope._count(nbytes)
            scope._order[last] = None
            scope._variables[last] = variable
        return root

    def _count(self, nbytes: int) -> None:
        self.count += 1
        self.nbytes += nbytes

    def lines(self) -> Iterator[Line]:
        """Yield the tree line by line; scopes with nothing but one scope in them share its line.

        Walks with a stack of its own, because names in a file may be nested deeper than Python calls may be.
        """
        stack: list[tuple[int, Scope, Iterator[str]]] = [(0, self, iter(self._order))]
        while stack:
            depth, scope, names = stack[-1]
            name = next(names, None)
            if name is None:
                stack.pop()
                continue
            if (variable := scope._variables.get(name)) is not None:
                yield Line(depth, name, variable, 1, variable.nbytes)
            if (inner := scope._scopes.get(name)) is not None:
                label = [name]
                while not inner._variables and len(inner._scopes) == 1:
                    part, inner = next(iter(inner._scopes.items()))
                    label.append(part)
                yield Line(depth, "/".join(label) + "/", None, inner.count, inner.nbytes)
                stack.append((depth + 1, inner, iter(inner._order)))
