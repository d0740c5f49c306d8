"""The variables of a store or a template as columns, so that a save makes no object for each of them.

What a save needs to know of variables beside their values changes hardly ever: it is gathered once, and kept with
their store for as long as the variables are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from operator import attrgetter
from typing import Any, final

import numpy as np

from tmplcore.checkpoint.columns import Columns, identities
from tmplcore.variable import Variable

__all__ = ["Roster", "roster_of"]

_trainable_of = attrgetter("trainable")
_dtype_of = attrgetter("dtype")


@final
class Roster:
    """Variables of one store and one backend that keeps values in memory, each saved whole under its own name.

    Attributes:
        names: Their names in a checkpoint.
        keys: Name → store key, where they differ.
        seed: The seed of their store.
    """

    def __init__(self, variables: list[Variable]) -> None:
        self._variables = variables  # held: an id is that of this very object as long as it lives
        self._ids = identities(variables)
        self._backend = variables[0].backend
        self._specs = [variable.spec for variable in variables]
        self._cells = [variable._cell for variable in variables]
        self._dtypes = [spec.dtype for spec in self._specs]
        self._flags: list[Any] = []
        self._trainable: frozenset[str] = frozenset()
        self.names = [spec.name for spec in self._specs]
        self.keys: Mapping[str, str] = {
            name: variable.key
            for name, variable in zip(self.names, variables, strict=True)
            if variable.key is not None and variable.key != name
        }
        self.seed: int = variables[0].graph.seed

    @property
    def live(self) -> bool:
        """Whether what `arrays` returns shows later assignments."""
        return self._backend.live

    def is_of(self, variables: list[Variable]) -> bool:
        """Tell whether these are the variables."""
        return len(variables) == len(self._ids) and np.array_equal(self._ids, identities(variables))

    def trainable(self) -> frozenset[str]:
        """Return the names of the trainable variables; the same object as long as they are the same."""
        flags = list(map(_trainable_of, self._variables))
        if flags != self._flags:
            self._trainable = frozenset(compress(self.names, flags))
            self._flags = flags
        return self._trainable

    def arrays(self) -> Columns | None:
        """Return the values; None if one of them has not the dtype that its variable has."""
        arrays = self._backend.arrays(self._specs, self._cells)
        return Columns(self.names, arrays) if list(map(_dtype_of, arrays)) == self._dtypes else None


def roster_of(variables: list[Any]) -> Roster | None:
    """Return the roster of variables, that of the last save if they are the same; None if they do not go into one."""
    if not variables or type(variables[0]) is not Variable:
        return None
    store = variables[0].graph
    kept: Roster | None = store.roster
    if kept is not None and kept.is_of(variables):
        return kept
    if set(map(type, variables)) != {Variable} or not _simple(variables):
        return None
    store.roster = roster = Roster(variables)
    return roster


def _simple(variables: list[Variable]) -> bool:
    backends, stores = {id(v.backend) for v in variables}, {id(v.graph) for v in variables}
    if len(backends) > 1 or len(stores) > 1 or variables[0].backend.persistent:
        return False
    if any(v._save_slice_info is not None or v.spec.shape is None or v.spec.dtype.hasobject for v in variables):
        return False
    return len({v.spec.name for v in variables}) == len(variables)
