"""Whatever an array library hands out, as a NumPy array, without importing that library."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

import ml_dtypes
import numpy as np

from tmplcore.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["CARRIERS", "tensor_to_numpy", "to_numpy"]

# Types of torch that NumPy has from ml_dtypes, and the integers of the same width that carry their bits across.
CARRIERS: Final[Mapping[str, str]] = {
    "bfloat16": "int16",
    "float8_e4m3fn": "uint8",
    "float8_e4m3fnuz": "uint8",
    "float8_e5m2": "uint8",
    "float8_e5m2fnuz": "uint8",
    "float8_e8m0fnu": "uint8",
}


def to_numpy(value: Any, dtype: np.dtype[Any] | None = None) -> np.ndarray:
    """Return `value` as a NumPy array, without a copy where none is needed.

    Args:
        value: An array of NumPy, torch (on any device, with or without gradient) or JAX, a number, a list, text,
            or anything with `__array__`.
        dtype: What to cast to; None keeps the type. With `object` (strings) text becomes UTF-8 bytes.

    Raises:
        InvalidTypeError: It is more than its elements, which alone would be kept: it has a mask or units; or it is a
            tensor that no array is like (sparse, quantized, nested, …).
        InvalidArgumentError: A text in it is no Unicode.

    Example:
        >>> to_numpy([1, 2], np.dtype("float16"))
        array([1., 2.], dtype=float16)
        >>> to_numpy("text", np.dtype(object))
        array(b'text', dtype=object)
    """
    if type(value) is not np.ndarray:
        if isinstance(value, np.ndarray):
            _refuse_more_than_elements(value)
        elif (torch := sys.modules.get("torch")) is not None and isinstance(value, torch.Tensor):
            value = tensor_to_numpy(value)
        elif isinstance(value, list | tuple):
            _refuse_masks_in(value)
        if dtype is not None and dtype.hasobject and not isinstance(value, np.ndarray):
            value = np.array(value, dtype=object)  # not through "S", which loses trailing zero bytes
        value = np.asarray(value)
    if dtype is None or value.dtype == dtype:
        return _as_bytes(value) if value.dtype.hasobject else value
    return _as_bytes(value.astype(object)) if dtype.hasobject else value.astype(dtype)


def tensor_to_numpy(tensor: Any) -> np.ndarray:
    """Return a tensor of torch as a NumPy array, bit for bit, on the same memory if that is the host's.

    Raises:
        InvalidTypeError: No array is like it.
    """
    try:
        tensor = tensor.detach().cpu().resolve_conj().resolve_neg()
        if (carried := _carried().get(tensor.dtype)) is not None:
            dtype, carrier = carried
            array: np.ndarray = tensor.contiguous().view(carrier).numpy().view(dtype)
        else:
            array = tensor.numpy()
    except (NotImplementedError, RuntimeError, TypeError) as error:
        raise InvalidTypeError(f"{_kind(tensor)} cannot become an array: {error}", hint=_way_out(tensor)) from error
    return array


@cache
def _carried() -> dict[Any, tuple[np.dtype[Any], Any]]:
    torch = sys.modules["torch"]
    return {
        getattr(torch, name): (np.dtype(getattr(ml_dtypes, name)), getattr(torch, carrier))
        for name, carrier in CARRIERS.items()
        if hasattr(torch, name)  # an older torch has fewer
    }


def _kind(tensor: Any) -> str:
    if tensor.is_nested:
        return "a nested tensor"
    if tensor.is_quantized:
        return f"a quantized tensor ({tensor.dtype})"
    if (layout := str(tensor.layout)) != "torch.strided":
        return f"a tensor of layout {layout}"
    return f"a {type(tensor).__name__} of {tensor.dtype} on {tensor.device}"


def _way_out(tensor: Any) -> str:
    if tensor.is_nested:
        return "give its parts: tensor.unbind()"
    if tensor.is_quantized:
        return "give what it consists of (int_repr(), q_scale(), q_zero_point(), …), or dequantize()"
    if str(tensor.layout) != "torch.strided":
        return "give to_dense(), or what it consists of: indices and values"
    if tensor.is_meta:
        return "give it a value first: it is on the meta device"
    if tensor.dtype.is_complex:
        return "give to(torch.complex64), which holds the same numbers"
    return "give a plain tensor: full_tensor() of a distributed one, view(torch.uint8) of a type that NumPy lacks"


def _refuse_more_than_elements(array: np.ndarray) -> None:
    """Refuse an array of a subclass that has more to it than elements, which alone would be kept."""
    if isinstance(array, np.ma.MaskedArray):
        raise InvalidTypeError(
            "a masked array cannot be kept, because its mask would be lost",
            hint="fill the gaps, array.filled(value), or keep two arrays: array.data and np.ma.getmaskarray(array)",
        )
    if type(array).__module__.partition(".")[0] != "numpy" and (more := getattr(array, "__dict__", None)):
        raise InvalidTypeError(
            f"an array of class {type(array).__name__} cannot be kept whole: besides its elements it has "
            + ", ".join(more),
            hint="give its elements, np.asarray(array), and keep the rest beside them",
        )


def _refuse_masks_in(items: list[Any] | tuple[Any, ...]) -> None:
    for item in items:
        if isinstance(item, np.ma.MaskedArray):
            _refuse_more_than_elements(item)
        elif isinstance(item, list | tuple):
            _refuse_masks_in(item)


def _as_bytes(array: np.ndarray) -> np.ndarray:
    """Return an object array with its texts encoded; the array itself if there are none."""
    flat = array.reshape(-1)
    if not any(isinstance(item, str) for item in flat):
        return array
    encoded = np.empty(array.size, dtype=object)
    try:
        encoded[:] = [item.encode() if isinstance(item, str) else item for item in flat]
    except UnicodeEncodeError as error:
        raise InvalidArgumentError(
            f"the text {error.object!r} is no Unicode: {error.reason}",
            hint="encode it yourself: text.encode('utf-8', 'surrogatepass')",
        ) from error
    return encoded.reshape(array.shape)
