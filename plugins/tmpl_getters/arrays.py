"""Values of every framework, through the array API."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, is_jax_array, is_torch_array

from tmplcore.expression import ArrayExpression

__all__ = ["as_array", "assign", "astype", "detached", "is_floating", "is_variable", "joined", "shards", "trains"]


def is_variable(value: Any) -> bool:
    """Tell whether a getter returned a variable, whole or partitioned, rather than something computed from one."""
    return bool(shards(value))


def shards(value: Any) -> list[Any]:
    """Return the variables that a value consists of: itself, its partitions, or none."""
    if hasattr(value, "as_tensor"):
        return list(value)
    return [value] if hasattr(value, "assign") else []


def trains(value: Any) -> bool:
    """Tell whether a value is a variable, or has partitions, that an optimizer is to change."""
    return any(shard.trainable for shard in shards(value))


def as_array(value: Any) -> Any:
    """Return the native array of a variable; a partitioned one is joined; an array is returned as it is."""
    return value.value if isinstance(value, ArrayExpression) else value


def joined(parts: Sequence[Any], shape: Sequence[int]) -> Any:
    """Return the partitions of a variable of that shape as one native array."""
    arrays = [as_array(part) for part in parts]
    axis = next((axis for axis, length in enumerate(shape) if arrays[0].shape[axis] != length), 0)
    return array_namespace(*arrays).concat(arrays, axis=axis)


def detached(value: Any) -> Any:
    """Return the native array of a variable, cut off from differentiation."""
    array = as_array(value)
    if is_torch_array(array):
        return array.detach()
    if is_jax_array(array):
        return sys.modules["jax"].lax.stop_gradient(array)
    return array


def assign(variable: Any, array: Any) -> None:
    """Give a variable, whole or partitioned, a new value."""
    if not hasattr(variable, "as_tensor"):
        variable.assign(array)
        return
    for shard in variable:
        place = shard._save_slice_info
        shard.assign(array[tuple(slice(o, o + n) for o, n in zip(place.var_offset, place.var_shape, strict=True))])


def is_floating(dtype: Any) -> bool:
    """Tell whether a NumPy dtype is real floating, those of `ml_dtypes` included."""
    dtype = np.dtype(dtype)
    return dtype.kind == "f" or (dtype.kind == "V" and "float" in dtype.name)


def astype(array: Any, dtype: np.dtype[Any]) -> Any:
    """Return an array in another type, differentiably where the framework can."""
    if is_torch_array(array):
        return array.to(getattr(array_namespace(array), dtype.name))
    return array.astype(dtype)
