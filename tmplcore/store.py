"""The variable store, which TensorFlow calls a graph: variables by name, op names, collections, a backend."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial, wraps
from typing import TYPE_CHECKING, Any, Final, final
from weakref import ref

from tmplcore.backend import Backend, Cell
from tmplcore.collections import Collections
from tmplcore.errors import FinalizedError, InvalidNameError, InvalidTypeError, NestingError, StoreNestingError
from tmplcore.frame import CURRENT, Around, Frame, Parked
from tmplcore.journal import Journal
from tmplcore.naming import ROOT, OpNames, check_name
from tmplcore.numbering import NOTHING
from tmplcore.operations import NotedOps, find_element, find_operation, find_tensor, list_operations
from tmplcore.plugins import default_registry
from tmplcore.scope import VariableScope

if TYPE_CHECKING:
    from tmplcore.partitioned import PartitionedVariable
    from tmplcore.tensor import Operation, Tensor
    from tmplcore.variable import Variable

__all__ = ["VariableStore", "current_frame", "get_default_store", "reset_default_store"]


def _journal() -> Journal | None:
    frame = CURRENT.get(None)
    return None if frame is None else frame.around.journal


@final
class VariableStore:
    """Variables by name, with all that decides about names: TensorFlow's graph.

    Args:
        backend: Where values live: a backend, or the name under which a plugin publishes one. By default NumPy.
        seed: What initial values depend on, together with the variables' names.
        custom_getter: A getter behind those of all scopes: the root scope's.
        find_or_create: Whether templates that were called in another store find or create their variables in this
            one, instead of missing them as in TensorFlow's graphs; for stores that last as long as one run.

    Attributes:
        seed: As passed.
        custom_getter: As passed.
        find_or_create: As passed.
        names: The op names that are taken.
        collections: The collections.
        noted_ops: The ops beside those of variables.
        finalized: Whether nothing may be added any more.
        lock: Held while variables are made, and throughout a template's first call.
        last_getter: `tmplcore.getting.find_or_create` for this store, as custom getters get it; None before one asked.
        roster: What `tmplcore.checkpoint.roster` knows of the variables that were saved last.

    Example:
        >>> store = VariableStore(seed=7)
        >>> with store.as_default():
        ...     _ = get_variable("w", [2])
        >>> [variable.name for variable in store.variables]
        ['w:0']
    """

    def __init__(
        self,
        backend: Backend | str | None = None,
        *,
        seed: int = 0,
        custom_getter: Any = None,
        find_or_create: bool = False,
    ) -> None:
        if not (backend is None or isinstance(backend, Backend | str)):
            raise InvalidTypeError(
                f"backend must be a Backend or the name of one, not {type(backend).__name__}",
                hint='VariableStore(backend="numpy")',
            )
        self._backend = backend
        self._loaded: Backend | None = None
        self.seed = seed
        self.custom_getter = custom_getter
        self.find_or_create = find_or_create
        self.lock = threading.RLock()
        self._all: dict[str, Variable] = {}  # by op name, in lower case: those are unique without regard to case
        self.names = OpNames(self._all)
        self._invalid_names = OpNames()
        self.collections = Collections(_journal)
        self.noted_ops = NotedOps()
        self.finalized = False
        self.by_key: dict[str, Any] = {}
        self.partitioned: dict[str, PartitionedVariable] = {}
        self.last_getter: Callable[..., Any] | None = None
        self.roster: Any = None
        self._taken_back = 0

    @property
    def backend(self) -> Backend:
        """Where values live; loaded when it is first asked for."""
        backend = self._loaded
        if backend is None:
            with self.lock:
                if self._loaded is None:
                    given = self._backend
                    self._loaded = given if isinstance(given, Backend) else _load_backend(given or "numpy")
                backend = self._loaded
        return backend

    @property
    def variables(self) -> list[Variable]:
        """All variables, in the order of their making, in whatever collections they are."""
        return list(self._all.values())

    @property
    def revision(self) -> tuple[int, int]:
        """What is another whenever `variables` is: read before it, it says later whether that still holds."""
        return len(self._all), self._taken_back

    def add(self, key: str, variable: Variable, journal: Journal | None) -> None:
        """Take in a variable that was made for this store, and note how to forget it, and its value with it.

        Args:
            key: Its op name in lower case.
            variable: The variable.
            journal: Where to note it, or None.
        """
        self._all[key] = variable
        if journal is not None:
            journal.append(partial(variable.backend.delete, variable.spec, variable._cell))
            journal.append(partial(self._take_back, key))

    def _take_back(self, key: str) -> None:
        self._all.pop(key, None)
        self._taken_back += 1  # last: no revision that was read before holds afterwards

    def has_named(self, op_name: str) -> bool:
        """Tell whether a variable has an op name, in whatever case."""
        return op_name.lower() in self._all

    def note_op(self, name: str, kind: str, tensor: Tensor | None = None) -> None:
        """Keep the name of an op beside variables, for those who look it up."""
        self.noted_ops.note(len(self._all), name, kind, tensor, _journal())

    def share(self, key: str, variable: Any, journal: Journal | None) -> None:
        """Let `get_variable` find a variable under `key`."""
        self.by_key[key] = variable
        if journal is not None:
            journal.append(partial(self.by_key.pop, key, None))

    def announce(self, variable: Any) -> None:
        """Tell plugins that listen of a new variable."""
        hook = default_registry().hook.tmplcore_variable_created
        if hook.get_hookimpls():
            hook(variable=variable)

    # -- being the default -----------------------------------------------------------------------------------------

    def as_default(self) -> AbstractContextManager[VariableStore]:
        """Make this the store that `get_variable` and the scopes work in, for the length of a `with` block.

        The block starts where this context was in the store before, or else at the root scope.
        """
        return _AsDefault(self)

    # -- TensorFlow's graph methods --------------------------------------------------------------------------------

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """Return the name that an op called `name` gets in the current name scope.

        Args:
            name: The wanted name.
            mark_as_used: Whether to take it; False only looks.
        """
        prefix = self._prefix()
        try:
            check_name(name, prefix)
        except InvalidNameError:  # TensorFlow does not mind here; it clashes with nothing that has a valid name
            names = self._invalid_names
        else:
            names = self.names
        return names.claim(name, prefix, _journal()) if mark_as_used else names.peek(name, prefix)

    def get_name_scope(self) -> str:
        """Return the current name scope without its trailing slash."""
        return self._prefix()[:-1]

    def name_scope(self, name: str | None) -> Any:
        """Return a context manager that opens the name scope `name` in this store."""
        from tmplcore.name_scoping import name_scope

        return name_scope(name)

    def get_operations(self) -> list[Operation]:
        """Return the ops in the order of their making: those of variables, and what else takes an op name.

        Of ops beside variables, the last 10,000 are known.
        """
        return list_operations(self)

    def get_operation_by_name(self, name: str) -> Operation:
        """Return the op called `name`.

        Raises:
            OperationNotFoundError: There is none.
        """
        return find_operation(self, name)

    def get_tensor_by_name(self, name: str) -> Any:
        """Return the variable, or the tensor, called `name`, which ends in `:0`.

        Raises:
            OperationNotFoundError: There is none, or nobody kept the tensor.
            InvalidArgumentError: `name` is an op's.
        """
        return find_tensor(self, name)

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """Return the variable, tensor or op that `obj` is, or is the name of."""
        return find_element(self, obj, allow_tensor, allow_operation)

    def finalize(self) -> None:
        """Let nothing be added from now on: no variable, no op, no item of a collection. There is no way back.

        Raises:
            FinalizedError: Later, when something is to be added.
        """
        self.finalized = True

    def check_not_finalized(self) -> None:
        """Refuse an addition to a finalized store.

        Raises:
            FinalizedError: It is finalized.
        """
        if self.finalized:
            raise FinalizedError(
                "Graph is finalized and cannot be modified.",
                hint="add to it before finalize(), or find what is there with reuse=True",
            )

    def device(self, device_name_or_function: Any) -> AbstractContextManager[None]:
        """Do nothing: where values are, the backend decides."""
        return nullcontext()

    def control_dependencies(self, control_inputs: Any) -> AbstractContextManager[None]:
        """Do nothing: what was written first has run first."""
        return nullcontext()

    def colocate_with(self, op: Any, ignore_existing: bool = False) -> AbstractContextManager[None]:
        """Do nothing: where values are, the backend decides."""
        return nullcontext()

    def container(self, container_name: str) -> AbstractContextManager[None]:
        """Do nothing: there are no containers of resources."""
        return nullcontext()

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Append `value` to the collection `name`."""
        self.check_not_finalized()
        self.collections.add(name, value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append `value` to several collections; a string is one name, a name listed twice counts once."""
        self.check_not_finalized()
        self.collections.add_to_all(names, value)

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """Return a copy of a collection; with `scope`, of the items whose name matches it as a regular expression."""
        return self.collections.get(name, scope)

    def get_collection_ref(self, name: Any) -> list[Any]:
        """Return the collection itself: editing the list edits the collection."""
        return self.collections.ref(name)

    def clear_collection(self, name: Any) -> None:
        """Remove a collection."""
        self.check_not_finalized()
        self.collections.clear(name)

    def get_all_collection_keys(self) -> list[str]:
        """Return the collections' keys that are strings."""
        return self.collections.keys()

    def _prefix(self) -> str:
        frame = current_frame()
        if frame.store is self:
            return frame.prefix
        parked = frame.around.parked.get(ref(self))
        return "" if parked is None else parked[1].text

    # -- other values for the same variables -----------------------------------------------------------------------

    def with_cells(self, cells: Mapping[Variable, Cell]) -> VariableStore:
        """Return a store with the same variables, of which some have other values.

        Templates that were called in this store find their variables in that one. Nothing that is done there changes
        this store; a function that is traced (`jax.grad`, `jax.jit`) gets its parameters in this way.

        Args:
            cells: For variables of this store, the cells to use in their places.
        """
        other = VariableStore(self.backend, seed=self.seed, custom_getter=self.custom_getter)
        with self.lock:
            mine = {
                variable: variable if (cell := cells.get(variable)) is None else variable.with_cell(cell, other)
                for variable in self._all.values()
            }
            other._all.update({key: mine[variable] for key, variable in self._all.items()})
            other.names = self.names.copy(other._all)
            other.by_key = {key: mine.get(variable, variable) for key, variable in self.by_key.items()}
            other.partitioned = {key: whole.with_parts(mine) for key, whole in self.partitioned.items()}
            other.collections = self.collections.copy(_journal, mine)
        return other

    def __repr__(self) -> str:
        backend = self._backend if isinstance(self._backend, str) else getattr(self._backend, "name", "numpy")
        return f"<VariableStore backend={backend} variables={len(self._all)}>"


def _load_backend(name: str) -> Backend:
    backend: Backend = default_registry().backend(name).load_factory()()
    return backend


def _root(store: VariableStore) -> Parked:
    return VariableScope(reuse=False, custom_getter=store.custom_getter), ROOT, NOTHING, None, ()


def _moved(frame: Frame, store: VariableStore, *, base: bool = False) -> Frame:
    """Return the frame of this context in another store, and remember where it was in the present one."""
    around = frame.around
    parked = {key: value for key, value in around.parked.items() if key() is not None}
    parked[ref(frame.store)] = (frame.scope, frame.ops, frame.opened, frame.outer, around.creators)
    there = parked.pop(ref(store)) if ref(store) in parked else _root(store)
    scope, ops, opened, outer, creators = there
    return Frame.made(store, scope, ops, opened, outer, Around(creators, around.journal, parked, base))


def _base_frame(store: VariableStore) -> Frame:
    return Frame.made(store, *_root(store)[:4], Around(base=True))


@final
class _Default:
    """The store of those who enter none."""

    def __init__(self) -> None:
        self._store: VariableStore | None = None
        self._lock = threading.Lock()

    def store(self) -> VariableStore:
        with self._lock:
            if self._store is None:
                self._store = VariableStore()
            return self._store

    def reset(self) -> VariableStore:
        with self._lock:
            self._store = VariableStore()
            return self._store


_DEFAULT: Final = _Default()


def current_frame() -> Frame:
    """Return where the current context is; at first that is the root of the default store."""
    frame = CURRENT.get(None)
    if frame is None:
        frame = _base_frame(_DEFAULT.store())
        CURRENT.set(frame)
    return frame


def get_default_store() -> VariableStore:
    """Return the store that `get_variable` and the scopes work in.

    Where none was entered it is one that all threads share, made when it is first needed.
    """
    return current_frame().store


def reset_default_store() -> None:
    """Put a new store in the place of the one that nobody entered; its variables are gone.

    Raises:
        StoreNestingError: A store is entered (`with store.as_default()`).
    """
    if not current_frame().around.base:
        raise StoreNestingError(
            "Do not use reset_default_graph() to clear nested graphs. If you need a cleared graph, exit the nesting "
            "and create a new graph.",
            hint="with VariableStore().as_default(): starts afresh anywhere",
        )
    CURRENT.set(_base_frame(_DEFAULT.reset()))


@final
class _AsDefault:
    """The `with` block of `VariableStore.as_default`."""

    # No generator: one that is dropped halfway would leave the store whenever, and wherever, it is collected.
    __slots__ = ("_outer", "_store")

    def __init__(self, store: VariableStore) -> None:
        self._store = store
        self._outer: Frame

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that runs in this store: `@store.as_default()`."""

        @wraps(function)
        def within(*args: Any, **kwargs: Any) -> Any:
            with _AsDefault(self._store):
                return function(*args, **kwargs)

        return within

    def __enter__(self) -> VariableStore:
        self._outer = outer = current_frame()
        CURRENT.set(_moved(outer, self._store))
        return self._store

    def __exit__(self, *_: object) -> None:
        try:
            inner, outer = CURRENT.get(), self._outer
        except (AttributeError, LookupError):
            raise NestingError(
                "a store is left that was never entered", hint="with store.as_default(): enters and leaves it"
            ) from None
        if inner.store is not self._store:
            raise StoreNestingError(
                "Nesting violated for default stack of stores: another store was entered and not left",
                hint="leave stores in the opposite order of entering them",
            )
        CURRENT.set(_moved(inner, outer.store, base=outer.around.base))
