"""What a variable becomes as an .npy array, and back: the types that NumPy's files have no name for."""

from __future__ import annotations

import json
import struct
from typing import Any

import ml_dtypes
import numpy as np

from tmpl_npz.header import is_described, is_numpy
from tmplcore.checkpoint.format import LazyVariable
from tmplcore.errors import SaveError

__all__ = ["TEXT", "note", "plain", "read_notes", "text_nbytes", "true_dtype"]

TEXT = "bytes"
"""The note that an array of fixed-length bytes stands for objects: byte strings of any length."""

# A zip member can carry fields that other programs pass over; this one of ours, "tm", holds JSON.
_FIELD = 0x6D74
_MOST_PADDING = 16  # how much larger fixed-length strings may be than the texts in them
_FREE_PADDING = 16 << 20


def note(values: dict[str, Any]) -> bytes:
    """Return the extra field of a zip member that says `values`; nothing for none."""
    text = json.dumps(values).encode() if values else b""
    return struct.pack("<HH", _FIELD, len(text)) + text if text else b""


def read_notes(extra: bytes) -> dict[str, Any]:
    """Return what `note` wrote into the extra fields of a member; nothing if it is not there or not readable."""
    place = 0
    while place + 4 <= len(extra):
        kind, size = struct.unpack_from("<HH", extra, place)
        if kind == _FIELD:
            try:
                values = json.loads(extra[place + 4 : place + 4 + size])
            except (ValueError, RecursionError):
                return {}
            return values if isinstance(values, dict) else {}
        place += 4 + size
    return {}


def true_dtype(stored: np.dtype[Any], notes: dict[str, Any]) -> np.dtype[Any]:
    """Return the dtype that a stored array stands for."""
    name = notes.get("dtype")
    if name == TEXT and stored.kind == "S":
        return np.dtype(object)
    if isinstance(name, str) and name in _ANONYMOUS and stored == np.dtype(f"V{_ANONYMOUS[name].itemsize}"):
        return _ANONYMOUS[name]
    return stored.newbyteorder("=") if stored.kind in "iufcUmM" else stored


_ANONYMOUS: dict[str, np.dtype[Any]] = {
    name: np.dtype(getattr(ml_dtypes, name))
    for name in dir(ml_dtypes)
    if isinstance(getattr(ml_dtypes, name), type) and issubclass(getattr(ml_dtypes, name), np.generic)
}


def text_nbytes(notes: dict[str, Any], stored: int) -> int:
    """Return how many bytes of text were noted, if that can be; else how many are stored, with their padding."""
    noted = notes.get("nbytes")
    return noted if type(noted) is int and 0 <= noted <= stored else stored


def plain(
    name: str, value: np.ndarray | LazyVariable
) -> tuple[np.dtype[Any], np.ndarray | LazyVariable, dict[str, Any]]:
    """Return how a variable is stored: the dtype in the file, the value to write, and what is to be noted.

    Raises:
        SaveError: It holds objects that are not byte strings, strings that fixed lengths cannot hold, or long doubles;
            or its elements have no bytes, or fields that NumPy's files cannot describe.
    """
    if value.dtype in (np.dtype(np.longdouble), np.dtype(np.clongdouble)):
        raise SaveError(
            f"{name}: {value.dtype} is another type on every machine, so no file should hold it",
            hint="cast it to float64 or complex128",
        )
    if not value.dtype.hasobject:
        if not is_numpy(value.dtype):
            return value.dtype, value, {"dtype": value.dtype.name}
        if not is_described(value.dtype):
            raise SaveError(
                f"{name}: NumPy's files cannot describe elements of {value.dtype}",
                hint="save each field as a variable of its own, or leave it out",
            )
        return value.dtype.newbyteorder("<") if value.dtype.kind in "iufcUmM" else value.dtype, value, {}
    texts = np.asarray(value[...], dtype=object)
    wrong = next((type(item) for item in texts.flat if not isinstance(item, bytes)), None)
    if wrong is not None:
        raise SaveError(
            f"{name}: an .npz without pickles cannot store Python objects ({wrong.__name__})",
            hint="store numbers or bytes",
        )
    longest = max((len(item) for item in texts.flat), default=1) or 1
    held = sum(map(len, texts.flat))
    if any(item.endswith(b"\0") for item in texts.flat) or longest * texts.size > _FREE_PADDING + _MOST_PADDING * held:
        raise SaveError(
            f"{name}: these strings do not fit NumPy's fixed lengths (one ends in a zero byte, or they differ much)",
            hint=f"leave it out (--exclude {name}), or write another format (.h5)",
        )
    fixed = np.dtype(f"S{longest}")
    return fixed, texts.astype(fixed), {"dtype": TEXT, "nbytes": held}
