"""Modules and tensors as sources and targets of checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import numpy as np
import torch

from tmpl_torch.dtypes import to_numpy, to_numpy_dtype, to_tensor
from tmpl_torch.module import TemplateModule
from tmplcore.checkpoint import Adapter, Slot, Tree
from tmplcore.errors import InvalidTypeError, SaveError

__all__ = ["TorchAdapter"]

# Kinds of tensors that are nothing but their elements.
_PLAIN: Final = (torch.Tensor, torch.nn.Parameter)


@final
class TorchAdapter(Adapter):
    """A `torch.nn.Module` by the keys of its state dict, a module of a template by its variables' names."""

    def slot(self, name: str, value: Any, replace: Callable[[Any], None] | None) -> Slot | None:
        """Return the slot of a tensor."""
        return TensorSlot(name, value) if isinstance(value, torch.Tensor) else None

    def tree(self, value: Any) -> Tree | None:
        """Return the tensors of a module, parameters and persistent buffers."""
        if isinstance(value, TemplateModule):
            slots = {variable.op.name: TensorSlot(variable.op.name, variable.value) for variable in value.variables}
            return Tree(slots, lambda: value)
        if isinstance(value, torch.optim.Optimizer):
            raise SaveError(
                "an optimizer is not saved as it is: its state is tensors, its groups are settings",
                hint="put optimizer.state_dict()['state'] among the arrays, and its 'param_groups' into meta=",
            )
        if not isinstance(value, torch.nn.Module):
            return None
        slots: dict[str, Slot] = {}
        views: dict[int, TensorSlot] = {}
        refused: dict[str, SaveError] = {}
        for name, tensor in value.state_dict(keep_vars=True).items():
            try:
                # Tied parameters are one array under two names, and are stored once.
                slots[name] = views.setdefault(id(tensor), _slot(name, tensor)).named(name)
            except SaveError as error:
                refused[name] = error
        return Tree(slots, lambda: value, refused)


def _slot(name: str, value: Any) -> TensorSlot:
    """Return the slot of an entry of a module's state dict."""
    if not isinstance(value, torch.Tensor):
        raise SaveError(
            f"{name!r} of the module is a {type(value).__name__}, not a tensor",
            hint="leave it out (exclude='*_extra_state'), and save what get_extra_state returns as meta=, "
            "which takes any JSON value",
        )
    if isinstance(value, torch.nn.parameter.UninitializedTensorMixin):
        raise SaveError(f"{name!r} of the module has no shape yet", hint="call the module once first")
    return TensorSlot(name, value)


@final
class TensorSlot(Slot):
    """A tensor.

    Args:
        name: Its name in the checkpoint.
        tensor: The tensor.
    """

    __slots__ = ("_array", "_tensor", "_twin")

    def __init__(self, name: str, tensor: torch.Tensor) -> None:
        self.name = name
        try:
            self.dtype = to_numpy_dtype(tensor.dtype)
            if type(tensor) not in _PLAIN or tensor.layout is not torch.strided or tensor.is_nested:
                to_numpy(tensor)
        except InvalidTypeError as error:
            raise SaveError(f"{name!r}: {error}", hint=error.hint) from error
        self.shape = tuple(tensor.shape)
        self.trainable = tensor.requires_grad if isinstance(tensor, torch.nn.Parameter) else False
        self._tensor = tensor
        self._array: np.ndarray | None = None
        self._twin: TensorSlot | None = None

    def named(self, name: str) -> TensorSlot:
        """Return the slot of the same tensor under another name."""
        if name == self.name:
            return self
        other = TensorSlot(name, self._tensor)
        other._twin = self
        return other

    def source(self) -> np.ndarray:
        """Return an array on the tensor's memory, or a copy from another device."""
        if self._twin is not None:
            return self._twin.source()
        if self._tensor.device.type == "meta":
            raise SaveError(f"{self.name!r} is on the meta device and has no value", hint="materialize it first")
        if self._array is None or self._tensor.device.type != "cpu":
            self._array = to_numpy(self._tensor)
        return self._array

    def memory(self) -> np.ndarray | None:
        """Return the tensor's own memory, if it is the host's and in C order."""
        tensor = self._tensor
        if tensor.device.type != "cpu" or not tensor.is_contiguous() or tensor.is_conj() or tensor.is_neg():
            return None
        return to_numpy(tensor)

    @property
    def writable(self) -> bool:
        """Whether every element has memory of its own: those of an expanded tensor and of one on `meta` do not."""
        if self._tensor.is_meta:
            return False
        strided = zip(self._tensor.shape, self._tensor.stride(), strict=True)
        return not any(size > 1 and step == 0 for size, step in strided)

    def write(self, value: np.ndarray) -> None:
        """Write into the tensor."""
        with torch.no_grad():
            self._tensor.copy_(to_tensor(value, self.dtype))
