"""The backend that keeps variables as NumPy arrays in memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, ClassVar, final

import numpy as np

from tmplcore.arena import Arena
from tmplcore.arrays import to_numpy
from tmplcore.backend import Backend, Cell, InitialValue, VariableSpec
from tmplcore.errors import BackendError

__all__ = ["NumpyBackend"]

# Above this size a value is asked for in blocks, so that making it needs little more than its own memory.
_WHOLE = 1 << 20
_value_of = attrgetter("value")


class _Cell:
    __slots__ = ("value",)

    value: np.ndarray


@final
class NumpyBackend(Backend):
    """Arrays in memory. `variable.value` is the `numpy.ndarray` itself, so in-place updates are seen.

    Example:
        >>> from tmplcore.backend import VariableSpec
        >>> from tmplcore.testing.backend import Given
        >>> backend = NumpyBackend()
        >>> spec = VariableSpec("w", (3,), np.dtype("float32"), trainable=True)
        >>> cell = backend.create(spec, Given([1, 2, 3]))
        >>> cell.value += 1
        >>> backend.numpy(spec, cell)
        array([2., 3., 4.], dtype=float32)
    """

    name: ClassVar[str] = "numpy"
    sliced: ClassVar[bool] = True
    in_place: ClassVar[bool] = True

    def __init__(self) -> None:
        self._arena = Arena()

    def create(self, spec: VariableSpec, initial: InitialValue) -> Cell:
        """Make an array: a small one in a block with others, a large one by itself, filled piece by piece."""
        dtype, shape = spec.dtype, spec.shape
        cell = _Cell()
        room = None if shape is None else self._arena.cut(shape, dtype)
        if room is not None or shape is None or dtype.hasobject or math.prod(shape) * dtype.itemsize <= _WHOLE:
            value = initial.array()
            if type(value) is not np.ndarray or value.dtype is not dtype or dtype.hasobject:
                value = to_numpy(value, dtype)
            if shape is not None and value.shape != shape:
                raise BackendError(f"{spec.name}: the initial value has shape {value.shape}, not {shape}")
            # Not another's memory: a later `w += 1` must not reach the array that the user gave.
            if room is None:
                cell.value = value.copy()
            else:
                room[...] = value
                cell.value = room
            return cell
        cell.value = np.empty(shape, dtype)
        flat, start = cell.value.reshape(-1), 0
        for block in initial.blocks():
            piece = to_numpy(block)
            flat[start : start + piece.size] = piece.reshape(-1)
            start += piece.size
        if start != flat.size:
            raise BackendError(f"{spec.name}: the initial value has {start} elements, not {flat.size}")
        return cell

    def assign(self, spec: VariableSpec, cell: Cell, value: Any) -> None:
        """Overwrite the array in place; a variable of unknown shape gets a new array if the shape changes."""
        array = to_numpy(value, spec.dtype)
        if array.shape == cell.value.shape:
            cell.value[...] = array
        elif spec.shape is None:
            cell.value = np.array(array, order="C")
        else:
            raise BackendError(f"{spec.name}: a value of shape {array.shape} was assigned to shape {spec.shape}")

    def add(self, spec: VariableSpec, cell: Cell, delta: Any, *, sign: int = 1) -> None:
        """Add to the array in place."""
        (np.add if sign > 0 else np.subtract)(cell.value, to_numpy(delta, spec.dtype), out=cell.value)

    def numpy(self, spec: VariableSpec, cell: Cell) -> np.ndarray:
        """Return the array itself."""
        value = cell.value
        return value if type(value) is np.ndarray else np.asarray(value)

    def arrays(self, specs: Sequence[VariableSpec], cells: Sequence[Cell]) -> list[np.ndarray]:
        """Return the arrays themselves."""
        values = list(map(_value_of, cells))
        return values if list(map(type, values)).count(np.ndarray) == len(values) else super().arrays(specs, cells)

    def memory(self, spec: VariableSpec, cell: Cell) -> np.ndarray | None:
        """Return the array itself, unless its user made it unfit by changing it."""
        value = cell.value
        if type(value) is not np.ndarray or value.shape != spec.shape or value.dtype != spec.dtype:
            return None
        return value if value.flags.c_contiguous and value.flags.writeable else None

    def memories(self, specs: Sequence[VariableSpec], cells: Sequence[Cell]) -> list[np.ndarray] | None:
        """Return the arrays themselves."""
        values = list(map(_value_of, cells))
        return values if list(map(type, values)).count(np.ndarray) == len(values) else None

    def delete(self, spec: VariableSpec, cell: Cell) -> None:
        """Do nothing: the memory goes with the last reference."""

    def write_slice(self, spec: VariableSpec, cell: Cell, index: Any, value: Any) -> None:
        """Do `array[index] = value` in place."""
        cell.value[index] = to_numpy(value, spec.dtype)
