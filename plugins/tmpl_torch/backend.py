"""The backend that keeps variables as torch tensors."""

from __future__ import annotations

from typing import Any, ClassVar, final
from weakref import WeakSet

import numpy as np
import torch

from tmpl_torch.dtypes import to_numpy, to_numpy_dtype, to_tensor, torch_dtype
from tmplcore.backend import Backend, Cell, InitialValue, VariableSpec
from tmplcore.errors import BackendError

__all__ = ["TorchBackend", "TorchCell"]


@final
class TorchCell:
    """A tensor, and on the `meta` device also the initial value that it does not have yet."""

    __slots__ = ("__weakref__", "initial", "value")

    def __init__(self, value: torch.Tensor, initial: InitialValue | None = None) -> None:
        self.value = value
        self.initial = initial


@final
class _Given(InitialValue):
    """A tensor that was assigned to a variable which has no memory yet."""

    __slots__ = ("_tensor",)

    def __init__(self, tensor: torch.Tensor) -> None:
        self._tensor = tensor

    def array(self) -> torch.Tensor:
        return self._tensor


@final
class TorchBackend(Backend):
    """Tensors. The value of a trainable variable is a `torch.nn.Parameter`, that of another a plain tensor.

    `variable.value` is what optimizers, autograd and `torch.func` take. `assign` writes into it in place, outside of
    autograd, so that an optimizer that holds it goes on working.

    Args:
        device: Where variables are made; torch's default device (`torch.set_default_device`) by default. On `meta`
            nothing is computed and nothing allocated; `to` makes up for it.

    Example:
        >>> import tmplcore
        >>> with tmplcore.VariableStore(TorchBackend()).as_default():
        ...     w = tmplcore.get_variable("w", [3], initializer=tmplcore.initializers.Ones())
        >>> (w * 2).sum().backward()
        >>> type(w.value).__name__, w.value.grad
        ('Parameter', tensor([2., 2., 2.]))
    """

    name: ClassVar[str] = "torch"
    sliced: ClassVar[bool] = True

    def __init__(self, device: str | torch.device | None = None) -> None:
        try:
            self.device = None if device is None else torch.device(device)
        except RuntimeError as error:
            raise BackendError(f"torch knows no device {device!r}", hint="cpu, cuda:0, mps, meta, …") from error
        self._cells: WeakSet[TorchCell] = WeakSet()

    def create(self, spec: VariableSpec, initial: InitialValue) -> Cell:
        """Make a parameter or a tensor of the variable's own."""
        if torch.is_inference_mode_enabled():  # a first call there must not make what can never be trained
            with torch.inference_mode(False):
                return self.create(spec, initial)
        kind, shape, value = torch_dtype(spec.dtype, spec.name), spec.shape, None
        if shape is None:
            value = to_tensor(initial.array(), spec.dtype)
            shape = tuple(value.shape)
        # Not another's memory: a later step of an optimizer must not reach what the user gave. Without a device this is
        # on torch's default one, which it takes longer to ask for.
        room = torch.empty(shape, dtype=kind, device=self.device)
        if room.is_meta and spec.shape is not None:
            cell = TorchCell(_owned(room, spec), initial)
        else:
            if value is None:
                value = to_tensor(initial.array(), spec.dtype)
            if tuple(value.shape) != shape:
                raise BackendError(f"{spec.name}: the initial value has shape {tuple(value.shape)}, not {shape}")
            cell = TorchCell(_owned(room.copy_(value), spec))
        self._cells.add(cell)
        return cell

    def assign(self, spec: VariableSpec, cell: Cell, value: Any) -> None:
        """Write into the tensor; a variable of unknown shape gets a new tensor if the shape changes.

        On the `meta` device a value with memory becomes the initial one, which the variable gets when it leaves.
        """
        tensor = to_tensor(value, spec.dtype, cell.value.device)
        if tensor.is_meta and tensor.shape == cell.value.shape:
            given = to_tensor(value, spec.dtype)
            if not given.is_meta:
                cell.initial = _Given(given.clone())
            return
        if tensor.shape == cell.value.shape:
            with torch.no_grad():
                cell.value.copy_(tensor)
        elif spec.shape is None:
            cell.value = _owned(tensor.clone(), spec)
        else:
            raise BackendError(f"{spec.name}: a value of shape {tuple(tensor.shape)} was assigned to {spec.shape}")

    def add(self, spec: VariableSpec, cell: Cell, delta: Any, *, sign: int = 1) -> None:
        """Add in place."""
        tensor = to_tensor(delta, spec.dtype, cell.value.device)
        with torch.no_grad():
            cell.value.add_(tensor) if sign > 0 else cell.value.sub_(tensor)

    def numpy(self, spec: VariableSpec, cell: Cell) -> np.ndarray:
        """Return an array on the tensor's memory, or a copy if it is on another device."""
        if cell.value.device.type == "meta":
            raise BackendError(
                f"{spec.name} is on the meta device and has no value yet", hint="move it: backend.to('cpu')"
            )
        return to_numpy(cell.value)

    def memory(self, spec: VariableSpec, cell: Cell) -> np.ndarray | None:
        """Return the tensor's memory, if it is the host's."""
        if cell.value.device.type != "cpu" or not cell.value.is_contiguous():
            return None
        return to_numpy(cell.value)

    def delete(self, spec: VariableSpec, cell: Cell) -> None:
        """Do nothing: the memory goes with the last reference."""

    def read_slice(self, spec: VariableSpec, cell: Cell, index: Any) -> np.ndarray:
        """Return `value[index]`, of which only that is moved to the host's memory where torch can index so."""
        if cell.value.device.type == "cpu":
            return np.asarray(self.numpy(spec, cell)[index])
        try:
            return to_numpy(cell.value.detach()[index])
        except (TypeError, ValueError):  # negative steps
            return np.asarray(self.numpy(spec, cell)[index])

    def write_slice(self, spec: VariableSpec, cell: Cell, index: Any, value: Any) -> None:
        """Do `value[index] = value` in place."""
        if cell.value.device.type == "cpu":
            self.numpy(spec, cell)[index] = to_numpy(to_tensor(value, spec.dtype))
            return
        with torch.no_grad():
            cell.value[index] = to_tensor(value, spec.dtype, cell.value.device)

    def to(self, device: str | torch.device) -> None:
        """Move all variables, and make later ones on that device; from `meta` they get their initial values.

        Parameters stay the same objects, except when they leave `meta`.
        """
        self.device = torch.device(device)
        for cell in list(self._cells):
            if cell.value.device != self.device:
                move(cell, self.device)


def move(cell: TorchCell, device: torch.device) -> None:
    """Move the value of one variable; from `meta` it becomes the initial value."""
    value = cell.value
    if value.device.type != "meta":
        value.data = value.data.to(device)
    elif device.type != "meta" and cell.initial is not None:
        tensor = to_tensor(cell.initial.array(), to_numpy_dtype(value.dtype), device).clone()
        cell.value = torch.nn.Parameter(tensor, value.requires_grad) if _is_parameter(value) else tensor
        cell.initial = None


def _is_parameter(tensor: torch.Tensor) -> bool:
    return isinstance(tensor, torch.nn.Parameter)


def _owned(tensor: torch.Tensor, spec: VariableSpec) -> torch.Tensor:
    if not spec.trainable:
        return tensor
    # Integers may be trainable in TensorFlow's books, and never have a gradient.
    return torch.nn.Parameter(tensor, requires_grad=tensor.is_floating_point() or tensor.is_complex())
