"""A variable: a name, a shape, a dtype, and a cell with the value that belongs to a backend."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final

import numpy as np

from tmplcore.backend import Backend, Cell, VariableSpec
from tmplcore.dtypes import DType
from tmplcore.errors import VariableMismatchError
from tmplcore.expression import ArrayExpression, unwrap
from tmplcore.initial import Start
from tmplcore.modes import VariableAggregation, VariableSynchronization
from tmplcore.origin import Origin, located
from tmplcore.shapes import TensorShape
from tmplcore.tensor import Operation

if TYPE_CHECKING:
    from tmplcore.partitioned import SaveSliceInfo
    from tmplcore.store import VariableStore

__all__ = ["Extras", "Variable"]


@final
class Extras(NamedTuple):
    """What few variables have, so that all the others share one object that says so.

    Attributes:
        constraint: A function from a new value to an allowed one, for optimizers.
        synchronization: As it was passed.
        aggregation: As it was passed.
        caching_device: As it was passed.
    """

    constraint: Callable[..., Any] | None = None
    synchronization: VariableSynchronization = VariableSynchronization.AUTO
    aggregation: VariableAggregation = VariableAggregation.NONE
    caching_device: Any = None


class _Constructor(type):
    """Lets `Variable(1.0, name="v")` go through the variable creators in force, as in TensorFlow."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        from tmplcore.creation import new_variable

        return new_variable(*args, **kwargs)


@final
class Variable(ArrayExpression, metaclass=_Constructor):
    """A named array that a backend keeps.

    It is made by `get_variable`, which shares it, or by `Variable(initial_value, name=…)`, which does not and takes
    the arguments of `tmplcore.creation.new_variable`. It works in expressions and in calls of NumPy, torch and JAX as
    its value does; `==` is identity.

    Attributes:
        key: What `get_variable` was asked for. The name can differ from it where that was taken already.
        dtype: The type of an element; it equals NumPy's.
        shape: The shape: a tuple of ints, or an unknown `TensorShape`.
        spec: Its description for backends.
        backend: What keeps the value.
        graph: The store it was made in.
    """

    __slots__ = (
        "__weakref__",
        "_cell",
        "_dims",
        "_extras",
        "_origin",
        "_save_slice_info",
        "_seed",
        "_source",
        "_trainable",
        "backend",
        "dtype",
        "graph",
        "key",
        "shape",
        "spec",
    )

    key: str | None
    spec: VariableSpec
    backend: Backend
    graph: VariableStore
    dtype: DType
    shape: TensorShape
    _cell: Cell
    _dims: tuple[int, ...] | None
    _extras: Extras
    _origin: Origin
    _save_slice_info: SaveSliceInfo | None
    _seed: int
    _source: Any
    _trainable: Any

    @classmethod
    def made(
        cls,
        spec: VariableSpec,
        cell: Cell,
        backend: Backend,
        graph: VariableStore,
        dtype: DType,
        shape: TensorShape,
        trainable: Any,
        extras: Extras,
        origin: Origin,
        source: Any,
    ) -> Variable:
        """Make the object itself, of a name, a value and all else that is seen to."""
        self = cls.__new__(cls)
        self.key = None
        self.spec = spec
        self.backend = backend
        self.graph = graph
        self.dtype = dtype
        self.shape = shape
        self._trainable = trainable
        self._extras = extras
        self._origin = origin
        self._cell = cell
        self._dims = spec.shape
        self._source = source
        self._seed = graph.seed
        self._save_slice_info = None
        return self

    def with_cell(self, cell: Cell, graph: VariableStore) -> Variable:
        """Return a variable that is this one in all but its value."""
        other = Variable.__new__(Variable)
        for attribute in _COPIED:
            setattr(other, attribute, getattr(self, attribute))
        other._cell = cell
        other.graph = graph
        return other

    @property
    def name(self) -> str:
        """The op's name with `:0`."""
        return f"{self.spec.name}:0"

    @property
    def op(self) -> Operation:
        """The op, for its name: `variable.op.name` is the name in a checkpoint."""
        return Operation(self.spec.name, self.graph, kind="VariableV2")

    @property
    def origin(self) -> tuple[str, int, str]:
        """File, line and function of the code that made it."""
        return located(self._origin)

    @property
    def trainable(self) -> Any:
        """Whether an optimizer is to change it; as it was passed."""
        return self._trainable

    @property
    def constraint(self) -> Callable[..., Any] | None:
        """A function from a new value to an allowed one, for optimizers; None if there is none."""
        return self._extras.constraint

    @property
    def synchronization(self) -> VariableSynchronization:
        """As it was passed."""
        return self._extras.synchronization

    @property
    def aggregation(self) -> VariableAggregation:
        """As it was passed."""
        return self._extras.aggregation

    @property
    def caching_device(self) -> Any:
        """As it was passed."""
        return self._extras.caching_device

    @property
    def value(self) -> Any:
        """The backend's own array, not a copy. `backend.live` says whether it shows later assignments."""
        return self._cell.value

    def numpy(self) -> np.ndarray:
        """Return the value as a NumPy array, without a copy where the backend can."""
        return self.backend.numpy(self.spec, self._cell)

    def memory(self) -> np.ndarray:
        """Return the memory of the value itself as a NumPy array, to write into.

        Raises:
            InvalidTypeError: The backend has none in the host's memory that could change (JAX, a GPU).
        """
        memory = self.backend.memory(self.spec, self._cell)
        return super().memory() if memory is None else memory

    def get_shape(self) -> TensorShape:
        """Return `shape`."""
        return self.shape

    @property
    def initializer(self) -> Operation:
        """An op that does nothing, as the variable has its first value already; for its name."""
        return Operation(f"{self.spec.name}/Assign", self.graph, kind="Assign")

    @property
    def initial_value(self) -> Any:
        """What the variable started as, computed anew from its initializer, its name and the store's seed.

        Raises:
            BackendError: It was a large constant, which is not kept beside the value.
        """
        return self._start.array()

    @property
    def _start(self) -> Start:
        return Start.again(self._source, self.spec.name, self._seed, self.dtype, self._dims)

    def initialized_value(self) -> Any:
        """Return the value; TensorFlow's way of starting one variable from another."""
        return self.value

    def read_value(self) -> Any:
        """Return the value."""
        return self.value

    @property
    def device(self) -> str:
        """Always empty: where the value is, the backend decides."""
        return ""

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.numpy().ndim if self._dims is None else len(self._dims)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self.numpy().shape if self._dims is None else self._dims, dtype=np.int64))

    def assign(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Variable:
        """Replace the value.

        Args:
            value: Anything that becomes an array of this variable's shape. It is cast to its dtype.
            use_locking: TensorFlow's, without effect.
            name: Likewise: an assignment makes no op.
            read_value: Likewise.

        Returns:
            This variable.

        Raises:
            VariableMismatchError: The shape is another one.
        """
        value = unwrap(value)
        self._check(_shape_of(value), "assign")
        self.backend.assign(self.spec, self._cell, value)
        return self

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Variable:
        """Add to the value in its own dtype, and return this variable; see `assign` for the other arguments."""
        return self._add(delta, 1)

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Variable:
        """Subtract from the value in its own dtype, and return this variable; see `assign` for the other arguments."""
        return self._add(delta, -1)

    def _add(self, delta: Any, sign: int) -> Variable:
        delta = unwrap(delta)
        if (shape := _shape_of(delta)) != self._dims and self._dims is not None:
            try:
                shape = np.broadcast_shapes(shape, self._dims)
            except ValueError:
                pass  # the check says it better
            self._check(shape, "add")
        self.backend.add(self.spec, self._cell, delta, sign=sign)
        return self

    def read_slice(self, index: Any) -> np.ndarray:
        """Return `value[index]` as a NumPy array.

        On a backend whose variables may be larger than memory (`hdf5`) only that part is read.

        Args:
            index: What NumPy takes as an index; row numbers gather rows.
        """
        return self.backend.read_slice(self.spec, self._cell, unwrap(index))

    def write_slice(self, index: Any, value: Any) -> Variable:
        """Do `value[index] = value`, moving only that part where the backend can, and return this variable.

        Args:
            index: What NumPy takes as an index. Of a row that is named twice the last value counts.
            value: What broadcasts to that part. It is cast to the variable's dtype.
        """
        self.backend.write_slice(self.spec, self._cell, unwrap(index), unwrap(value))
        return self

    def _check(self, shape: tuple[int, ...], what: str) -> None:
        if self._dims is not None and shape != self._dims:
            raise VariableMismatchError(
                f"cannot {what} a value of shape {shape} to variable {self.name} of shape {self._dims}",
                hint=f"reshape the value to {self._dims}",
            )

    def __bool__(self) -> bool:
        """Return True, whatever the value; TensorFlow 1's getters say `average if average else variable`."""
        return True

    def __len__(self) -> int:
        raise TypeError(f"variable {self.name} has no len(); it has a shape: {self.shape}")

    def __repr__(self) -> str:
        return f"<Variable {self.name!r} shape={self.shape} dtype={self.dtype.name}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"variable {self.name} cannot be pickled; save its value with tmplcore.checkpoint.save")

    def __copy__(self) -> Variable:
        return self

    def __deepcopy__(self, memo: Any) -> Variable:
        raise TypeError(f"variable {self.name} cannot be copied; its value can: variable.numpy().copy()")


_COPIED: Final = tuple(name for name in Variable.__slots__ if name != "__weakref__")


def _shape_of(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if hasattr(value, "shape") else np.shape(value)
