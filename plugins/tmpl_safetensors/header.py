"""The header of a safetensors file: its length, then JSON that names every tensor and its bytes.

Documented at https://github.com/huggingface/safetensors#format.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

from tmplcore.checkpoint.stored import InputFile, is_array_shape
from tmplcore.errors import DamagedError, UnreadableError

__all__ = ["DTYPES", "Header", "Tensor", "detect", "encode", "read_header"]

LARGEST_HEADER = 100_000_000
"""The most that the format's own library reads; what is longer is no header."""

DTYPES: dict[str, np.dtype[Any]] = {
    name: np.dtype(kind)
    for name, kind in {
        "F64": np.float64,
        "F32": np.float32,
        "F16": np.float16,
        "BF16": ml_dtypes.bfloat16,
        "F8_E5M2": ml_dtypes.float8_e5m2,
        "F8_E4M3": ml_dtypes.float8_e4m3fn,
        "F8_E8M0": ml_dtypes.float8_e8m0fnu,
        "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
        "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
        "I64": np.int64,
        "I32": np.int32,
        "I16": np.int16,
        "I8": np.int8,
        "U64": np.uint64,
        "U32": np.uint32,
        "U16": np.uint16,
        "U8": np.uint8,
        "BOOL": np.bool_,
        "C64": np.complex64,
    }.items()
}

# Types smaller than a byte lie packed: how many bits an element takes.
_PACKED_BITS = {"F4": 4, "F6_E2M3": 6, "F6_E3M2": 6}


@dataclass(frozen=True, slots=True)
class Tensor:
    """What the header says of a tensor: its dtype by the format's name, its shape, and its bytes in the file."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class Header:
    """All tensors in the order of the header, and the free texts under `__metadata__`."""

    tensors: Mapping[str, Tensor]
    metadata: Mapping[str, str]


def detect(path: Path) -> bool:
    """Tell whether `path` is a safetensors file, damaged or not. Never raises."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            start = file.read(9)
    except (OSError, ValueError):
        return False
    if len(start) < 9:
        return path.suffix == ".safetensors"
    length = int.from_bytes(start[:8], "little")
    return start[8:] == b"{" and 2 <= length <= LARGEST_HEADER


def read_header(file: InputFile) -> Header:
    """Read and check a header: no more is believed than the size of the file allows.

    Raises:
        UnreadableError: The file does not start like safetensors.
        DamagedError: The header and the file do not go together.
    """
    if file.size < 8:
        raise _damaged(file, f"{file.size} bytes are too few")
    (length,) = struct.unpack("<Q", file.read(0, 8))
    if not 2 <= length <= LARGEST_HEADER:
        raise UnreadableError(
            f"{file.path}: does not start with the length of a safetensors header", hint="is it really safetensors?"
        )
    if 8 + length > file.size:
        raise _damaged(file, f"its header would end at byte {8 + length}, but the file ends at {file.size}")
    try:
        content = json.loads(file.read(8, length).decode("utf-8"), object_pairs_hook=_no_twins)
    except (ValueError, RecursionError) as error:
        raise _damaged(file, f"its header is not valid JSON: {str(error)[:200]}") from error
    if not isinstance(content, dict):
        raise _damaged(file, "its header is not a JSON object")
    metadata = content.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _damaged(file, "its __metadata__ is not a map of texts")
    tensors = {name: _tensor(file, name, value, 8 + length) for name, value in content.items()}
    _check_places(file, tensors, 8 + length)
    return Header(tensors, metadata)


def encode(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> bytes:
    """Return the bytes in front of the data; the `start` and `stop` of `tensors` count from where the data starts."""
    content: dict[str, Any] = {"__metadata__": dict(metadata)} if metadata else {}
    for name, tensor in tensors.items():
        content[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": (tensor.start, tensor.stop)}
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    text += b" " * (-len(text) % 8)  # so that the data starts at a multiple of 8
    return struct.pack("<Q", len(text)) + text


def _tensor(file: InputFile, name: str, value: Any, data: int) -> Tensor:
    lengths = value.get("shape") if isinstance(value, dict) else None
    if not isinstance(lengths, list) or not all(type(length) is int and length >= 0 for length in lengths):
        raise _no_entry(file, name)
    match value:
        case {"dtype": str(dtype), "data_offsets": [int(start), int(stop)]}:
            shape = tuple(lengths)
        case _:
            raise _no_entry(file, name)
    if not 0 <= start <= stop <= file.size - data:
        raise _damaged(
            file, f"{name!r} is said to be at bytes {data + start} to {data + stop}, but the file ends at {file.size}"
        )
    bits = _PACKED_BITS.get(dtype) or 8 * (DTYPES[dtype].itemsize if dtype in DTYPES else 0)
    if bits and math.prod(shape) * bits != 8 * (stop - start):
        raise _damaged(file, f"{name!r} is {dtype} {shape}, which does not take {stop - start} bytes")
    if not is_array_shape(shape, max(1, bits // 8)):
        raise _damaged(file, f"{name!r}: no array has the shape {shape}")
    return Tensor(dtype, shape, data + start, data + stop)


def _check_places(file: InputFile, tensors: Mapping[str, Tensor], data: int) -> None:
    """The format wants the data filled by the tensors, without holes and without two in one place."""
    end, before = data, "the header"
    for name, tensor in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].stop)):
        if tensor.start != end:
            what = "claim the same bytes" if tensor.start < end else "have bytes between them that belong to nobody"
            raise _damaged(file, f"{before!r} and {name!r} {what}")
        end, before = tensor.stop, name
    if end != file.size:
        raise _damaged(file, f"its tensors end at byte {end}, but the file at {file.size}")


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a name occurs twice")
    return content


def _no_entry(file: InputFile, name: str) -> DamagedError:
    return _damaged(file, f"the entry of {name[:200]!r} is not dtype, shape and data_offsets")


def _damaged(file: InputFile, problem: str) -> DamagedError:
    return DamagedError(f"{file.path}: {problem}", hint="copy or download it again")
