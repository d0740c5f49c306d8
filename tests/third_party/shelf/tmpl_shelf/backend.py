"""A backend: every variable is a memory-mapped .npy file."""

from pathlib import Path
from typing import ClassVar, final
from urllib.parse import quote

import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.backend import Backend
from tmplcore.errors import BackendError


class Cell:
    __slots__ = ("path", "value")

    def __init__(self, value, path):
        self.value = value
        self.path = path


@final
class ShelfBackend(Backend):
    """Variables as .npy files in a directory; a program that runs again finds their values."""

    name: ClassVar[str] = "shelf"
    persistent: ClassVar[bool] = True
    sliced: ClassVar[bool] = True

    def __init__(self, directory="shelf"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)

    def create(self, spec, initial):
        if spec.dtype.isbuiltin != 1 or spec.dtype.hasobject:
            raise BackendError(f"variable {spec.name!r}: .npy files cannot map {spec.dtype}")
        # A name may hold what a file name may not, so it is quoted; "/" too, which keeps the directory flat.
        path = self.directory / f"{quote(spec.name, safe='')}.npy"
        if path.exists():
            return self._found(spec, path)
        value = to_numpy(initial.array(), spec.dtype)
        if spec.shape is not None and value.shape != spec.shape:
            raise BackendError(f"{spec.name}: the initial value has shape {value.shape}, not {spec.shape}")
        return Cell(self._write(path, value), path)

    def _found(self, spec, path):
        value = np.load(path, mmap_mode="r+", allow_pickle=False) if path.stat().st_size else None
        if value is None or value.dtype != spec.dtype or (spec.shape is not None and value.shape != spec.shape):
            found = "nothing" if value is None else f"{value.dtype}{value.shape}"
            raise BackendError(f"{path} holds {found}, and {spec.name} is {spec.dtype}{spec.shape}")
        return Cell(value, path)

    def _write(self, path, value):
        temporary = path.with_suffix(".part")
        with temporary.open("wb") as file:
            np.save(file, value)
        temporary.rename(path)
        return np.load(path, mmap_mode="r+") if value.size else np.load(path)

    def assign(self, spec, cell, value):
        array = to_numpy(value, spec.dtype)
        if array.shape == cell.value.shape:
            cell.value[...] = array
        elif spec.shape is None:
            cell.value = self._write(cell.path, array)
        else:
            raise BackendError(f"{spec.name}: a value of shape {array.shape} was assigned to shape {spec.shape}")

    def numpy(self, spec, cell):
        return np.asarray(cell.value)

    def write_slice(self, spec, cell, index, value):
        cell.value[index] = to_numpy(value, spec.dtype)

    def delete(self, spec, cell):
        cell.path.unlink(missing_ok=True)
