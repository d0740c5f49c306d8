"""The variables of a store or a template as columns, so that a save makes no object for each of them.

What a save needs to know of variables beside their values changes hardly ever: it is gathered once, and kept with
their store for as long as the variables are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress
from operator import attrgetter, eq
from typing import Any, final

import numpy as np

from tmplcore.arena import addresses_of, is_block
from tmplcore.backend import VariableSpec
from tmplcore.checkpoint.columns import Columns, Memory, identities
from tmplcore.collections import GraphKeys
from tmplcore.store import VariableStore
from tmplcore.variable import Variable

__all__ = ["Roster", "roster_of", "roster_of_all"]

_trainable_of = attrgetter("trainable")
_dtype_of = attrgetter("dtype")
_shape_of = attrgetter("shape")
_base_of = attrgetter("base")
_in_order = attrgetter("flags.c_contiguous")
_has_objects = attrgetter("hasobject")
_store_of = attrgetter("graph")
_slice_of = attrgetter("_save_slice_info")
_spec_of = attrgetter("spec")
_cell_of = attrgetter("_cell")
_name_of = attrgetter("name")
_key_of = attrgetter("key")


@final
class Roster:
    """Variables of one store and one backend that keeps values in memory, each saved whole under its own name.

    Attributes:
        names: Their names in a checkpoint.
        keys: Name → store key, where they differ.
        seed: The seed of their store.
        trainable: The names of the trainable ones.
        variables: The variables.
    """

    def __init__(self, variables: list[Variable], specs: list[VariableSpec], revision: object = None) -> None:
        self.variables = variables  # held: an id is that of this very object as long as it lives
        self._revision = revision  # of their store, if they are all that is in it
        self._ids = identities(variables)
        self._backend = variables[0].backend
        self._specs = specs
        self._cells = list(map(_cell_of, variables))
        self._dtypes = list(map(_dtype_of, specs))
        self._kept: Columns | None = None
        self.names: list[str] = list(map(_name_of, specs))
        keys = list(map(_key_of, variables))
        self.keys: Mapping[str, str] = {}
        if keys != self.names:
            pairs = zip(self.names, keys, strict=True)
            self.keys = {name: key for name, key in pairs if key is not None and key != name}
        self.seed: int = variables[0].graph.seed
        self.trainable = frozenset(compress(self.names, map(_trainable_of, specs)))

    @property
    def live(self) -> bool:
        """Whether what `arrays` returns shows later assignments."""
        return self._backend.live

    def is_of(self, variables: list[Variable]) -> bool:
        """Tell whether these are the variables."""
        return len(variables) == len(self._ids) and np.array_equal(self._ids, identities(variables))

    def is_all_of(self, store: VariableStore) -> bool:
        """Tell whether these are all variables of their store."""
        return self._revision == store.revision

    def arrays(self) -> Columns | None:
        """Return the values; None if one of them has not the dtype that its variable has."""
        if self._kept is not None:
            return self._kept
        arrays = self._backend.arrays(self._specs, self._cells)
        if list(map(_dtype_of, arrays)) != self._dtypes:
            return None
        if not self._backend.in_place:
            return Columns(self.names, arrays)
        self._kept = columns = Columns(self.names, arrays, self._places(arrays))
        return columns

    def _places(self, arrays: list[np.ndarray]) -> Memory | None:
        """Return where the arrays lie, if most of them lie in blocks and none is out of shape."""
        bases = list(map(_base_of, arrays))
        blocks = [base for base in {id(base): base for base in bases}.values() if is_block(base)]
        block, ids = np.full(len(arrays), -1), identities(bases)
        for number, one in enumerate(blocks):
            block[ids == id(one)] = number
        inside = block >= 0
        ordered = np.sort(identities(arrays))
        if 2 * np.count_nonzero(inside) < len(arrays) or (ordered[1:] == ordered[:-1]).any():
            return None
        if not all(map(_in_order, arrays)) or not all(map(eq, map(_shape_of, arrays), map(_shape_of, self._specs))):
            return None
        start = np.zeros(len(arrays), np.int64)
        start[inside] = addresses_of(list(compress(arrays, inside))) - addresses_of(blocks)[block[inside]]
        return Memory(blocks, block, start)

    def memories(self) -> Columns | None:
        """Return the memory of the values, to read straight into; None if some value has none, or another dtype."""
        if self._backend.in_place:
            return self.arrays()
        arrays = self._backend.memories(self._specs, self._cells)
        if arrays is None or list(map(_dtype_of, arrays)) != self._dtypes:
            return None
        return Columns(self.names, arrays)


def roster_of(variables: list[Any], revision: object = None) -> Roster | None:
    """Return the roster of variables, that of the last save if they are the same; None if they do not go into one.

    Args:
        variables: The variables.
        revision: That of their store before they were listed, if they are all that is in it.
    """
    if not variables or type(variables[0]) is not Variable:
        return None
    store = variables[0].graph
    kept: Roster | None = store.roster
    if kept is not None and kept.is_of(variables) and revision is None:
        return kept
    specs = _simple_specs(variables)
    if specs is None or (revision is None and len(set(map(_name_of, specs))) < len(specs)):
        return None
    store.roster = roster = Roster(variables, specs, revision)
    return roster


def roster_of_all(store: VariableStore) -> Roster | None:
    """Return the roster of all variables of a store, that of the last save if none came or went.

    None if they do not go into one, or some are local: those are not saved.
    """
    if store.get_collection(GraphKeys.LOCAL_VARIABLES):
        return None
    kept: Roster | None = store.roster
    if kept is not None and kept.is_all_of(store):
        return kept
    revision = store.revision
    variables = store.variables
    if not variables or variables[0].graph is not store:  # taken over from another (`with_cells`)
        return None
    return roster_of(variables, revision)


def _simple_specs(variables: list[Any]) -> list[VariableSpec] | None:
    """Return the descriptions of variables of one store; None if something about a variable is special.

    100,000 are looked at without a line of Python for each.
    """
    first = variables[0]
    if list(map(type, variables)).count(Variable) < len(variables) or first.backend.persistent:
        return None
    if list(map(_store_of, variables)).count(first.graph) < len(variables):
        return None
    if list(map(_slice_of, variables)).count(None) < len(variables):
        return None
    specs: list[VariableSpec] = list(map(_spec_of, variables))
    if None in map(_shape_of, specs) or any(map(_has_objects, map(_dtype_of, specs))):
        return None
    return specs
