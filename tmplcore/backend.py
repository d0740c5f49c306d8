"""The contract of a backend: the place where the values of variables live.

A backend owns one *cell* for each variable. A cell is any object with an attribute `value`, which is
the backend's own array (`numpy.ndarray`, `torch.nn.Parameter`, `jax.Array`): `variable.value` reads it and
nothing else, so it must cost an attribute look-up. All else about a variable belongs to the core.

`tmplcore.testing.BackendContract` proves an implementation; the bundled backends pass the same suite.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from tmplcore.arrays import to_numpy

__all__ = ["Backend", "Cell", "InitialValue", "VariableSpec"]


class VariableSpec(NamedTuple):
    """What a backend must know to make room for a variable.

    Attributes:
        name: The variable's op name (`model/dense/kernel`), which is also its name in a checkpoint.
        shape: Its shape, or None where `validate_shape=False` left it unknown.
        dtype: The type of an element. Types that NumPy lacks (bfloat16, float8) are those of `ml_dtypes`;
            strings are `object` arrays of `bytes`, as TensorFlow hands them out.
        trainable: Whether an optimizer is to change it.
    """

    name: str
    shape: tuple[int, ...] | None
    dtype: np.dtype[Any]
    trainable: bool

    @property
    def size(self) -> int:
        """The number of elements.

        Raises:
            ValueError: The shape is unknown.
        """
        if self.shape is None:
            raise ValueError(f"{self.name}: the shape is unknown")
        return math.prod(self.shape)


class Cell(Protocol):
    """Where the value of one variable is; made, and understood, by its backend alone."""

    value: Any


class InitialValue(ABC):
    """What a new variable starts as. Nothing is computed before it is asked for.

    A backend that finds the variable in its storage already never asks.
    """

    __slots__ = ()

    @abstractmethod
    def array(self) -> Any:
        """Return the whole value: an `numpy.ndarray`, or the array of a framework that the user gave."""

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the value in C order as flat pieces, for values larger than memory.

        Joined together the pieces are `array()`, bit for bit. An initializer that cannot work by pieces
        (orthogonal, a user's function) yields one piece.
        """
        yield to_numpy(self.array()).reshape(-1)


class Backend(ABC):
    """Where variables live. Subclasses are final.

    Attributes:
        name: The name under which the plugin publishes it, for messages.
        live: True if a `value` taken earlier shows later assignments (NumPy, torch); False if it is a
            snapshot (JAX).
        persistent: True if values outlast the process (HDF5).
        allocates: False if cells have no values at all (`shapes`, for dry runs).
        sliced: True if `read_slice` and `write_slice` touch only what they are asked for.
        in_place: True if values are only ever written into the array that a variable of known shape began with: `numpy`
            and `arrays` return the same objects as long as the cell lives, so a save need not look for others.
    """

    name: ClassVar[str]
    live: ClassVar[bool] = True
    persistent: ClassVar[bool] = False
    allocates: ClassVar[bool] = True
    sliced: ClassVar[bool] = False
    in_place: ClassVar[bool] = False

    @abstractmethod
    def create(self, spec: VariableSpec, initial: InitialValue) -> Cell:
        """Make the cell of a new variable.

        A failure must leave nothing behind.

        Raises:
            BackendError: The dtype or the shape cannot be stored here.
        """

    @abstractmethod
    def assign(self, spec: VariableSpec, cell: Cell, value: Any) -> None:
        """Replace a variable's value. The core has checked that `value` has the right shape.

        Args:
            spec: The variable's description.
            cell: The variable's cell.
            value: Anything that becomes an array: native, `numpy.ndarray`, number, list. It is cast to the
                variable's dtype.
        """

    def add(self, spec: VariableSpec, cell: Cell, delta: Any, *, sign: int = 1) -> None:
        """Add to a variable's value, or subtract from it where `sign` is -1, in the variable's own dtype.

        A backend of a framework overrides it, so that the value stays on its device and can be traced.
        """
        value, change = self.numpy(spec, cell), to_numpy(delta, spec.dtype)
        self.assign(spec, cell, value + change if sign > 0 else value - change)

    @abstractmethod
    def numpy(self, spec: VariableSpec, cell: Cell) -> np.ndarray:
        """Return the value as a NumPy array, without a copy where the backend can."""

    def arrays(self, specs: Sequence[VariableSpec], cells: Sequence[Cell]) -> list[np.ndarray]:
        """Return the values of many variables, each as `numpy` does; a save asks for all at once."""
        return list(map(self.numpy, specs, cells))

    @abstractmethod
    def delete(self, spec: VariableSpec, cell: Cell) -> None:
        """Forget a variable; used when a failed first template call is rolled back."""

    def memory(self, spec: VariableSpec, cell: Cell) -> np.ndarray | None:
        """Return the memory of the value itself, as a writable NumPy array in C order; None if there is no such thing.

        A restore reads straight into it. What is written to it must be what `value` shows.
        """
        return None

    def memories(self, specs: Sequence[VariableSpec], cells: Sequence[Cell]) -> list[np.ndarray] | None:
        """Return the memory of many values, each as `memory` does; None if one of them has none.

        Who asks looks at shape, dtype, order and writability of each array anyway, so that this need not.
        """
        found = []
        for spec, cell in zip(specs, cells, strict=True):
            memory = self.memory(spec, cell)
            if memory is None:
                return None
            found.append(memory)
        return found

    def read_slice(self, spec: VariableSpec, cell: Cell, index: Any) -> np.ndarray:
        """Return `value[index]` as a NumPy array, reading no more than that where `sliced` is true."""
        return np.asarray(self.numpy(spec, cell)[index])

    def write_slice(self, spec: VariableSpec, cell: Cell, index: Any, value: Any) -> None:
        """Do `value[index] = value`, touching no more than that where `sliced` is true."""
        whole = np.array(self.numpy(spec, cell))
        whole[index] = value
        self.assign(spec, cell, whole)

    def flush(self) -> None:
        """Make all values durable. Nothing to do for a backend in memory."""

    def close(self) -> None:
        """Flush and give the storage back. The backend is not used afterwards."""
