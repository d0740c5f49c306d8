"""The backend that allocates nothing."""

from __future__ import annotations

from typing import Any, ClassVar, final

import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.backend import Backend, Cell, InitialValue, VariableSpec
from tmplcore.errors import BackendError

__all__ = ["ShapesBackend"]


class _Cell:
    __slots__ = ("value",)

    value: np.ndarray

    def __init__(self, value: np.ndarray) -> None:
        self.value = value


def _stand_in(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Return one zero, seen through strides of 0 as a read-only array of any shape."""
    zero = np.array(b"", dtype=object) if dtype.hasobject else np.zeros((), dtype)
    return np.broadcast_to(zero, shape)


@final
class ShapesBackend(Backend):
    """Shapes and dtypes only: a builder runs as usual, and a variable of a terabyte costs nothing.

    A variable reads as zeros, from a single element in memory, so that the builder's mathematics runs too.
    Initializers are never called and assignments are forgotten. The one exception is a variable of unknown shape
    (`validate_shape=False`), whose initial value is asked for its shape.

    Example:
        >>> from tmplcore.backend import VariableSpec
        >>> from tmplcore.testing.backend import Given
        >>> backend = ShapesBackend()
        >>> spec = VariableSpec("w", (1 << 20, 1 << 20), np.dtype("float32"), trainable=True)
        >>> cell = backend.create(spec, Given(None))
        >>> cell.value.shape, cell.value[0, :2]
        ((1048576, 1048576), array([0., 0.], dtype=float32))
    """

    name: ClassVar[str] = "shapes"
    allocates: ClassVar[bool] = False
    sliced: ClassVar[bool] = True

    def create(self, spec: VariableSpec, initial: InitialValue) -> Cell:
        """Note the shape and the dtype."""
        shape = to_numpy(initial.array()).shape if spec.shape is None else spec.shape
        return _Cell(_stand_in(shape, spec.dtype))

    def assign(self, spec: VariableSpec, cell: Cell, value: Any) -> None:
        """Check the shape, and forget the value."""
        shape = np.shape(value)
        if spec.shape is None:
            cell.value = _stand_in(shape, spec.dtype)
        elif shape != spec.shape:
            raise BackendError(f"{spec.name}: a value of shape {shape} was assigned to shape {spec.shape}")

    def numpy(self, spec: VariableSpec, cell: Cell) -> np.ndarray:
        """Return the read-only zeros."""
        return np.asarray(cell.value)

    def delete(self, spec: VariableSpec, cell: Cell) -> None:
        """Do nothing: there is nothing to free."""

    def write_slice(self, spec: VariableSpec, cell: Cell, index: Any, value: Any) -> None:
        """Forget the value."""
