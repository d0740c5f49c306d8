"""What can be saved and restored, as named slots: templates, scopes, stores, variables, mappings, modules, trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from itertools import compress
from operator import attrgetter
from typing import Any, Final, final

import numpy as np

from tmplcore.checkpoint.adapter import Tree, adapters
from tmplcore.checkpoint.columns import Columns
from tmplcore.checkpoint.format import Box, LazyVariable, Reader
from tmplcore.checkpoint.passed_on import PassedOn
from tmplcore.checkpoint.patterns import Selection
from tmplcore.checkpoint.roster import Roster, roster_of, roster_of_all
from tmplcore.checkpoint.slots import ArraySlot, LazySlot, ShardedSlot, Slot, VariableSlot
from tmplcore.collections import GraphKeys
from tmplcore.errors import InvalidTypeError, SaveError
from tmplcore.partitioned import PartitionedVariable
from tmplcore.scope import VariableScope
from tmplcore.store import VariableStore
from tmplcore.template import Template
from tmplcore.variable import Variable

__all__ = ["Place", "State", "state_of", "value_of"]

_ACCEPTED = (
    "a template, a scope, a store, variables, a mapping of names to arrays, a checkpoint, or (with its framework "
    "imported) a torch.nn.Module or a JAX pytree"
)


# Dtypes of arrays that are saved and filled as they are: no text, no objects, no times.
_PLAIN: Final = frozenset("biufcV")
_dtype_of: Final = attrgetter("dtype")
_graph_of: Final = attrgetter("graph")

# What is one value, or has a way of its own: no adapter is asked what it consists of.
_NO_TREE: Final = (np.ndarray, np.generic, bool, int, float, complex, str, bytes, LazyVariable, Variable)

_EVERYTHING: Final = Selection()

Place = np.ndarray | Slot


@final
@dataclass(frozen=True, slots=True)
class State:
    """What an object consists of.

    Attributes:
        places: Name → slot, in the object's order. A plain array stands for itself: a model of 100,000 small arrays
            is saved in the time that making as many slots would take.
        rebuild: Returns the object after its places were written.
        keys: Name → store key, of the variables where they differ (TensorFlow made the name unique, not the key).
        seed: The seed of the store that the variables are in; None if there is no one store.
        holder: The mapping that holds the plain arrays, if it can be changed.
        plain: The places as columns, if all of them are plain arrays.
        roster: The variables as columns, if they are of one store and nothing about them is special.
    """

    places: Mapping[str, Place]
    rebuild: Callable[[], Any]
    keys: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    holder: MutableMapping[str, Any] | None = None
    plain: Columns | None = None
    roster: Roster | None = None

    def arrays(self) -> Mapping[str, np.ndarray] | None:
        """Return all values as arrays, if they are to be had without a slot for each."""
        return self.plain if self.roster is None else self.roster.arrays()

    def columns(self) -> Columns | None:
        """Return all values, if they lie in blocks of memory and change as the object does."""
        if self.roster is None or not self.roster.live:
            return None
        columns = self.roster.arrays()
        return None if columns is None or columns.memory is None else columns

    def memories(self) -> Mapping[str, np.ndarray] | None:
        """Return the memory of all values, to read straight into; None if some value has none."""
        if self.roster is not None:
            return self.roster.memories()
        if self.plain is not None:
            return self.plain
        found = {}
        for name, place in self.places.items():
            memory = place if isinstance(place, np.ndarray) else place.memory()
            if memory is None or memory.dtype != place.dtype:
                return None
            found[name] = memory
        return found

    def trainable(self) -> frozenset[str] | None:
        """Return the names of the trainable variables; None if the object does not say."""
        if self.roster is not None:
            return self.roster.trainable
        if self.plain is not None:
            return None
        known = {name: place.trainable for name, place in self.places.items() if not isinstance(place, np.ndarray)}
        if set(known.values()) <= {None}:
            return None
        return frozenset(compress(known, known.values()))

    def slot(self, name: str) -> Slot:
        """Return the slot of a place."""
        place = self.places[name]
        if isinstance(place, Slot):
            return place
        return ArraySlot(name, place, None if self.holder is None else _setter(self.holder, name))


@final
class _Slots(Mapping[str, Place]):
    """The slots of variables, made when the first is asked for: a save asks for none."""

    def __init__(self, names: list[str], variables: list[Any]) -> None:
        self._names = names
        self._variables = variables
        self._made: dict[str, Place] | None = None

    def _slots(self) -> dict[str, Place]:
        if self._made is None:
            self._made = dict(zip(self._names, map(VariableSlot, self._names, self._variables), strict=True))
        return self._made

    def __getitem__(self, name: str) -> Place:
        return self._slots()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def values(self) -> Any:
        return self._slots().values()

    def items(self) -> Any:
        return self._slots().items()


def value_of(place: Place) -> np.ndarray | LazyVariable:
    """Return what to save of a place, without a copy where that is possible."""
    return place if isinstance(place, np.ndarray) else place.source()


def state_of(value: Any, chosen: Selection = _EVERYTHING) -> State:
    """Return the slots of an object.

    Args:
        value: The object.
        chosen: What of it is wanted. What a mapping holds beside that may be anything; it is left out if it has no
            slot.

    Raises:
        InvalidTypeError: It is nothing that has named variables.
        SaveError: Two variables have one name, a partitioned variable is not complete, or something that is wanted is
            no array.
    """
    if isinstance(value, State):
        return value
    if isinstance(value, Mapping):
        return _mapping_state(value, chosen)
    if isinstance(value, VariableStore) and (roster := roster_of_all(value)) is not None:
        return _roster_state(roster, value)
    if (variables := _variables(value)) is not None:
        return _variable_state(variables, value)
    if hasattr(value, "__array__") or isinstance(value, np.generic):
        raise InvalidTypeError(f"this {type(value).__name__} has no name", hint='give it one: {"weights": array}')
    for adapter in adapters():
        if (tree := adapter.tree(value)) is not None:
            _check_refused(tree, "", chosen)
            return State(tree.slots, tree.rebuild)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | np.ndarray):
        items = list(value)
        if all(_is_variable(item) or _is_partitioned(item) for item in items):
            return _variable_state(items, value)
        kind = next(type(item).__name__ for item in items if not _is_variable(item))
        raise InvalidTypeError(
            f"a {type(value).__name__} with a {kind} in it has no names to save or restore by",
            hint="give a mapping of names to arrays: nothing is ever matched by position",
        )
    raise InvalidTypeError(f"a {type(value).__name__} cannot be saved or restored", hint=f"give {_ACCEPTED}")


def _is_variable(value: Any) -> bool:
    return isinstance(value, Variable)


def _is_partitioned(value: Any) -> bool:
    return isinstance(value, PartitionedVariable)


def _variables(value: Any) -> list[Any] | None:
    """Return the variables of a variable, a template, a scope or a store; None of anything else.

    Local variables are not saved, as by TensorFlow's Saver, unless they are named one by one.
    """
    if _is_variable(value) or _is_partitioned(value):
        return [value]
    if isinstance(value, VariableScope):
        return list(value.global_variables())
    if not isinstance(value, Template | VariableStore):
        return None
    variables: list[Any] = value.variables
    stores = [value] if isinstance(value, VariableStore) else set(map(_graph_of, variables))
    local = {id(variable) for store in stores for variable in store.get_collection(GraphKeys.LOCAL_VARIABLES)}
    return [variable for variable in variables if id(variable) not in local] if local else variables


def _roster_state(roster: Roster, whole: Any) -> State:
    return State(_Slots(roster.names, roster.variables), lambda: whole, roster.keys, roster.seed, roster=roster)


def _variable_state(variables: Iterable[Any], whole: Any) -> State:
    found = list(variables)
    if (roster := roster_of(found)) is not None:
        return _roster_state(roster, whole)
    flat: dict[int, Any] = {}
    for variable in found:
        if _is_variable(variable):
            flat[id(variable)] = variable  # one that is listed twice is still one
        else:
            flat |= {id(part): part for part in variable}
    slots: dict[str, Slot] = {}
    shards: dict[str, list[tuple[Box, Slot]]] = {}
    shapes: dict[str, tuple[int, ...]] = {}
    keys: dict[str, str] = {}
    for variable in flat.values():
        place = variable._save_slice_info
        name = variable.spec.name if place is None else place.full_name
        slot = VariableSlot(name, variable)
        if place is None:
            if name in slots:
                raise _twice(name)
            slots[name] = slot
            if variable.key is not None and variable.key != name:
                keys[name] = variable.key
            continue
        if name not in shards:
            if name in slots:
                raise _twice(name)
            slots[name] = slot  # keeps its place in the order
            shapes[name] = tuple(place.full_shape)
        shards.setdefault(name, []).append((Box(tuple(place.var_offset), tuple(place.var_shape)), slot))
    for name, parts in shards.items():
        slots[name] = ShardedSlot(name, shapes[name], parts)
    stores = {id(variable.graph): variable.graph for variable in flat.values()}
    seed = getattr(next(iter(stores.values())), "seed", None) if len(stores) == 1 else None
    return State(slots, lambda: whole, keys, seed)


def _mapping_state(mapping: Mapping[str, Any], chosen: Selection) -> State:
    if isinstance(mapping, Reader):
        return State({name: _lazy_slot(name, variable, mapping) for name, variable in mapping.items()}, lambda: mapping)
    if (plain := _plain(mapping)) is not None:
        holder = mapping if isinstance(mapping, MutableMapping) else None
        return State(mapping, lambda: mapping, holder=holder, plain=plain)
    slots, rebuild = _mapping_slots(mapping, chosen)

    def rebuilt() -> Any:
        for part in rebuild:
            part()
        return mapping

    return State(slots, rebuilt)


def _plain(mapping: Mapping[str, Any]) -> Columns | None:
    """Return a mapping of names to arrays that are saved and filled as they are; None if it is another one."""
    names, arrays = list(mapping), list(mapping.values())
    if not arrays or list(map(type, arrays)).count(np.ndarray) < len(arrays) or set(map(type, names)) != {str}:
        return None
    dtypes = list(map(_dtype_of, arrays))
    kinds = {dtypes[0].kind} if dtypes.count(dtypes[0]) == len(dtypes) else {dtype.kind for dtype in dtypes}
    return Columns(names, arrays) if kinds <= _PLAIN else None


def _lazy_slot(name: str, variable: LazyVariable, reader: Reader | None = None) -> LazySlot:
    return LazySlot(name, PassedOn(name, variable, reader, alias=variable.alias_of))


def _mapping_slots(mapping: Mapping[str, Any], chosen: Selection) -> tuple[dict[str, Slot], list[Callable[[], None]]]:
    """Return the slots of a nested mapping, and what is to be done after they were written."""
    known = list(adapters())
    slots: dict[str, Slot] = {}
    rebuild: list[Callable[[], None]] = []

    def put(name: str, slot: Slot) -> None:
        if name in slots:
            raise _twice(name)
        slots[name] = slot

    def add(mapping: Mapping[Any, Any], prefix: str) -> None:
        changeable = isinstance(mapping, MutableMapping)
        for key, value in mapping.items():
            if not isinstance(key, str) and type(key) is not int:  # the state of an optimizer of torch has numbers
                raise InvalidTypeError(
                    f"names of variables are str, not {type(key).__name__}: {key!r}",
                    hint="give a mapping whose keys are text",
                )
            # The empty key is the scope itself, where a name is both a variable and a scope.
            name = f"{prefix}{key}" if key != "" or not prefix else prefix[:-1]
            replace = _setter(mapping, key) if changeable else None
            if type(value) is np.ndarray:
                put(name, ArraySlot(name, value, replace))
            elif isinstance(value, Mapping) and not isinstance(value, LazyVariable):
                add(value, f"{name}/")
            elif (tree := _tree(name, value)) is not None:
                add_tree(tree, f"{name}/", value, replace)
            elif (slot := _leaf(name, value, replace)) is not None:
                put(name, slot)

    def add_tree(tree: Tree, prefix: str, value: Any, replace: Callable[[Any], None] | None) -> None:
        _check_refused(tree, prefix, chosen)
        for name, slot in tree.slots.items():
            slot.name = prefix + name
            put(slot.name, slot)

        def finish() -> None:
            new = tree.rebuild()
            if new is not value and replace is not None:
                replace(new)

        rebuild.append(finish)

    def _tree(name: str, value: Any) -> Tree | None:
        if isinstance(value, _NO_TREE):
            return None
        try:
            return next((tree for adapter in known if (tree := adapter.tree(value)) is not None), None)
        except SaveError as error:
            if not chosen.reaches(name):
                return Tree({}, lambda: value)
            error.add_note(f"this is in {name!r}")
            raise

    def _leaf(name: str, value: Any, replace: Callable[[Any], None] | None) -> Slot | None:
        """Return the slot of a single value; None if it has none and is not wanted."""
        try:
            return _slot(name, value, replace)
        except SaveError:
            if chosen(name):
                raise
            return None

    def _slot(name: str, value: Any, replace: Callable[[Any], None] | None) -> Slot:
        if isinstance(value, LazyVariable):
            return _lazy_slot(name, value)
        if _is_variable(value):
            return VariableSlot(name, value)
        if _is_partitioned(value):
            state = _variable_state([value], value)
            whole = state.slot(*state.places)
            whole.name = name
            return whole
        for adapter in known:
            if (slot := adapter.slot(name, value, replace)) is not None:
                return slot
        if isinstance(value, np.ndarray | np.generic | bool | int | float | complex | str | bytes):
            return ArraySlot(name, value, replace)
        if hasattr(value, "__array__"):
            return ArraySlot(name, value, replace)
        raise SaveError(
            f"{name!r} is a {type(value).__name__}, which is no array",
            hint=f"leave it out (exclude={name!r}), or save it as meta=, which takes any JSON value",
        )

    add(mapping, "")
    return slots, rebuild


def _check_refused(tree: Tree, prefix: str, chosen: Selection) -> None:
    """Raise what a tree says of something in it that is wanted and cannot be saved."""
    for name, error in tree.refused.items():
        if chosen(prefix + name):
            if prefix:
                error.add_note(f"this is in {prefix[:-1]!r}: its name is {prefix + name!r}")
            raise error


def _setter(mapping: Any, key: Any) -> Callable[[Any], None]:
    return lambda value: mapping.__setitem__(key, value)


def _twice(name: str) -> SaveError:
    return SaveError(
        f"two variables have the name {name!r}", hint="save them separately, or as a mapping with names of your choice"
    )
