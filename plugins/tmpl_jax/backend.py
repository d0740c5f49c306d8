"""The backend that keeps variables as JAX arrays."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, final

import jax
import jax.numpy as jnp
import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.backend import Backend, Cell, InitialValue, VariableSpec
from tmplcore.errors import BackendError
from tmplcore.variable import Variable

__all__ = ["JaxBackend", "JaxCell", "precise", "to_jax"]


@final
class JaxCell:
    """A JAX array, or a tracer of one inside a traced function."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


@final
class JaxBackend(Backend):
    """JAX arrays. They never change: `variable.value` is a snapshot, and `assign` gives the variable a new array.

    Types of 64 bits are stored exactly even where JAX computes in 32 (`jax_enable_x64` is off by default); JAX itself
    warns when it then computes with them.

    Args:
        traced: Whether variables may hold tracers: only for stores that end before their trace does.

    Example:
        >>> import tmplcore
        >>> with tmplcore.VariableStore(JaxBackend()).as_default():
        ...     w = tmplcore.get_variable("w", [3], initializer=tmplcore.initializers.Ones())
        >>> w * 2
        Array([2., 2., 2.], dtype=float32)
    """

    name: ClassVar[str] = "jax"
    live: ClassVar[bool] = False

    def __init__(self, *, traced: bool = False) -> None:
        self._traced = traced

    def create(self, spec: VariableSpec, initial: InitialValue) -> Cell:
        """Make an array of the variable's own; outside of any trace that is going on."""
        value = to_jax(initial.array(), spec)
        if spec.shape is not None and value.shape != spec.shape:
            raise BackendError(f"{spec.name}: the initial value has shape {value.shape}, not {spec.shape}")
        self._refuse_tracer(spec, value)
        return JaxCell(value)

    def assign(self, spec: VariableSpec, cell: Cell, value: Any) -> None:
        """Give the variable a new array."""
        array = to_jax(value, spec)
        if spec.shape is not None and array.shape != spec.shape:
            raise BackendError(f"{spec.name}: a value of shape {array.shape} was assigned to shape {spec.shape}")
        self._refuse_tracer(spec, array)
        cell.value = array

    def add(self, spec: VariableSpec, cell: Cell, delta: Any, *, sign: int = 1) -> None:
        """Give the variable a new array; a tracer in a traced function."""
        change = to_jax(delta, spec)
        with precise(spec.dtype):
            self.assign(spec, cell, cell.value + change if sign > 0 else cell.value - change)

    def numpy(self, spec: VariableSpec, cell: Cell) -> np.ndarray:
        """Return a read-only array on the value's memory; a copy where that is not the host's."""
        try:
            return np.asarray(cell.value)
        except jax.errors.TracerArrayConversionError as error:
            raise BackendError(
                f"{spec.name} is being traced by JAX and has no NumPy value",
                hint="use variable.value, or read the value outside of the traced function",
            ) from error
        except RuntimeError as error:
            raise BackendError(
                f"{spec.name} has no value any more: {error}",
                hint="an array that is donated to a jitted function is gone; assign what the function returned",
            ) from error

    def _refuse_tracer(self, spec: VariableSpec, value: Any) -> None:
        if not self._traced and isinstance(value, jax.core.Tracer):
            raise BackendError(
                f"{spec.name} would keep a value that JAX is tracing (in jit, grad, …), which ends with the trace",
                hint="make the function with tmpl_jax.transform: it returns what was assigned, as state",
            )

    def delete(self, spec: VariableSpec, cell: Cell) -> None:
        """Do nothing: the memory goes with the last reference."""


def to_jax(value: Any, spec: VariableSpec) -> Any:
    """Return a value as a JAX array of a variable's type.

    A value from outside of JAX becomes a constant even in the middle of a trace, so that it may outlive the trace.

    Raises:
        BackendError: JAX has no such type.
    """
    if isinstance(value, jax.Array):
        if value.dtype == spec.dtype:
            return value
        with precise(spec.dtype):
            return jax.lax.convert_element_type(value, spec.dtype)
    array = np.array(to_numpy(value, spec.dtype), order="C")
    try:
        with precise(spec.dtype), jax.ensure_compile_time_eval():
            return jnp.asarray(array)
    except TypeError as error:
        kind = "text" if spec.dtype.hasobject else spec.dtype.name
        raise BackendError(
            f"variable {spec.name!r} holds {kind}, which JAX has no array type for",
            hint="keep it in a store of its own, on the numpy or hdf5 backend",
        ) from error


def precise(dtype: np.dtype[Any]) -> AbstractContextManager[Any]:
    """Return a context in which JAX keeps 64 bits, if the type has them."""
    wide = dtype.itemsize == 8 if dtype.kind in "iuf" else dtype.itemsize == 16
    return jax.enable_x64(True) if wide else nullcontext()


# A variable that is an argument of jit, grad, vmap or tree_map is its value there; on the way back it is the bare
# array, because what comes back is another value.
jax.tree_util.register_pytree_node(Variable, lambda variable: ((variable.value,), None), lambda _, leaves: leaves[0])
