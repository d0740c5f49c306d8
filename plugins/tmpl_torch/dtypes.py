"""NumPy's element types (with those of `ml_dtypes`) and torch's."""

from __future__ import annotations

from typing import Any, Final

import ml_dtypes
import numpy as np
import torch

from tmplcore.arrays import CARRIERS
from tmplcore.arrays import tensor_to_numpy as to_numpy
from tmplcore.arrays import to_numpy as any_to_numpy
from tmplcore.errors import BackendError

__all__ = ["to_numpy", "to_numpy_dtype", "to_tensor", "torch_dtype"]

_NATIVE: Final = {
    np.dtype(name): getattr(torch, name)
    for name in (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
    )
}  # fmt: skip

# Types that NumPy lacks go through integers of the same width.
_FOREIGN: Final = {
    np.dtype(getattr(ml_dtypes, name)): (getattr(torch, name), np.dtype(carrier))
    for name, carrier in CARRIERS.items()
    if hasattr(torch, name)
}


def torch_dtype(dtype: np.dtype[Any], name: str) -> torch.dtype:
    """Return torch's type for a variable's elements.

    Raises:
        BackendError: torch has none; the message has the variable's name.
    """
    native = _NATIVE.get(dtype)
    if native is not None:
        return native
    if dtype in _FOREIGN:
        return _FOREIGN[dtype][0]
    kind = "text" if dtype.hasobject else dtype.name
    raise BackendError(
        f"variable {name!r} holds {kind}, which torch has no tensor type for",
        hint="keep it in a store of its own, on the numpy or hdf5 backend",
    )


def to_numpy_dtype(dtype: torch.dtype) -> np.dtype[Any]:
    """Return NumPy's type for a tensor's elements."""
    return to_numpy(torch.empty(0, dtype=dtype, device="cpu")).dtype


def to_tensor(value: Any, dtype: np.dtype[Any], device: torch.device | None = None) -> torch.Tensor:
    """Return a value as a tensor of a variable's type, without a copy where none is needed.

    Raises:
        InvalidTypeError: It is a tensor that a variable cannot be: sparse, quantized, nested.
    """
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided or value.is_quantized or value.is_nested:
            to_numpy(value)  # says what it is, and what to give instead
        value = value.detach() if value.requires_grad else value  # a detach too many is an op too many in a graph
        return value.to(device=device, dtype=torch_dtype(dtype, "value"))
    array = np.asarray(any_to_numpy(value, dtype), order="C").view(
        dtype
    )  # C's `unsigned long long` is no uint64 to torch
    if not array.flags.writeable:
        array = array.copy()  # torch warns of memory that it must not write to
    if dtype in _FOREIGN:
        kind, carrier = _FOREIGN[dtype]
        return torch.from_numpy(array.view(carrier)).view(kind).to(device)
    return torch.from_numpy(array).to(device)
