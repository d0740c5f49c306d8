"""The backend that keeps variables in an HDF5 file while they change."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any, ClassVar, Literal, final

import numpy as np

from tmpl_hdf5.backend_attach import Stored
from tmpl_hdf5.backend_file import WorkingFile
from tmpl_hdf5.backend_slices import Region
from tmpl_hdf5.native.dtypes import type_code
from tmplcore.arrays import to_numpy
from tmplcore.backend import Backend, Cell, InitialValue, VariableSpec
from tmplcore.errors import BackendError, InvalidArgumentError

__all__ = ["HDF5Backend"]

_MODES = ("attach", "overwrite", "error")


class _Cell:
    """A variable's place in the file. Its `value` is mapped when it is first asked for."""

    __slots__ = ("file", "stored", "value")

    value: np.ndarray

    def __init__(self, file: WorkingFile, stored: Stored) -> None:
        self.file = file
        self.stored = stored

    def __getattr__(self, name: str) -> Any:
        if name != "value":
            raise AttributeError(name)
        self.value = self.file.map(self.stored)  # the slot is set, so this is not asked again
        return self.value

    @property
    def region(self) -> Region:
        return Region(self.file, self.stored.offset, self.stored.shape, self.stored.dtype)


@final
class HDF5Backend(Backend):
    """Variables live in an HDF5 file and outlast the process; they may be larger than memory.

    The file is a whole HDF5 file at every moment, also if the process is killed. `variable.value` is a NumPy array on
    the mapped file, mapped when first asked for; `read_slice` and `write_slice` move only what they are asked for,
    without a map. One process at a time has the file.

    Args:
        path: The file; it is made, with its directories, if it does not exist.
        existing: `attach` uses the values that the file has, `overwrite` starts anew, `error` refuses it.

    Raises:
        StorageLockedError: Another process has the file; the message says which.
        BackendError: The file exists and is to be an error, or is no working file.

    Example:
        >>> import tempfile
        >>> from tmplcore.backend import VariableSpec
        >>> from tmplcore.testing.backend import Given
        >>> path = Path(tempfile.mkdtemp()) / "run.h5"
        >>> spec = VariableSpec("dense/kernel", (2, 2), np.dtype("float32"), trainable=True)
        >>> backend = HDF5Backend(path)
        >>> cell = backend.create(spec, Given([[0, 0], [0, 0]]))
        >>> cell.value += 1
        >>> backend.close()
        >>> again = HDF5Backend(path)
        >>> again.create(spec, Given([[0, 0], [0, 0]])).value
        array([[1., 1.],
               [1., 1.]], dtype=float32)
        >>> again.close()
    """

    name: ClassVar[str] = "hdf5"
    persistent: ClassVar[bool] = True
    sliced: ClassVar[bool] = True

    def __init__(
        self, path: str | PathLike[str], *, existing: Literal["attach", "overwrite", "error"] = "attach"
    ) -> None:
        if existing not in _MODES:
            raise InvalidArgumentError(f"existing={existing!r} is none of {', '.join(_MODES)}")
        self.path = Path(path).absolute()
        self._file = WorkingFile(self.path, existing)

    def __repr__(self) -> str:
        return f"HDF5Backend({str(self.path)!r})"

    @property
    def names(self) -> list[str]:
        """The names of all variables that the file has, also of those that this program has not asked for."""
        return list(self._file.stored)

    def create(self, spec: VariableSpec, initial: InitialValue) -> Cell:
        """Find the variable in the file, or write it there block by block.

        Raises:
            BackendError: The file has it under another shape or dtype, or cannot hold its dtype.
            InvalidNameError: An HDF5 file cannot hold the name.
        """
        self._must_be_open()
        code = _code(spec)
        found = self._file.stored.get(spec.name)
        if found is not None:
            return _Cell(self._file, self._attached(spec, code, found))
        self._file.check(spec.name)
        return _Cell(self._file, self._write(spec, code, initial))

    def _attached(self, spec: VariableSpec, code: str, found: Stored) -> Stored:
        if (spec.shape is not None and found.shape != spec.shape) or found.code != code:
            wanted = "any shape" if spec.shape is None else spec.shape
            raise BackendError(
                f"{spec.name}: {self.path} has it as {found.shape} {found.dtype}, "
                f"but the program wants {wanted} {spec.dtype}",
                hint='change the program back, give it another path, or start anew with existing="overwrite"',
            )
        if found.trainable != spec.trainable:
            found.trainable = spec.trainable
            self._file.publish(spec.name, found)
        return found

    def _write(self, spec: VariableSpec, code: str, initial: InitialValue) -> Stored:
        shape, blocks = spec.shape, initial.blocks()
        if shape is None:
            whole = to_numpy(initial.array(), spec.dtype)
            shape, blocks = whole.shape, iter([whole])
        stored = self._file.reserve(spec.name, shape, code, spec.trainable)
        try:
            done = 0
            for block in blocks:
                piece = np.ascontiguousarray(to_numpy(block, spec.dtype))
                if done + piece.nbytes <= stored.nbytes:
                    self._file.store(stored.offset + done, piece)
                done += piece.nbytes
            if done != stored.nbytes:
                given, wanted = done // spec.dtype.itemsize, stored.nbytes // spec.dtype.itemsize
                raise BackendError(f"{spec.name}: the initial value has {given} elements, {shape} has {wanted}")
            self._file.publish(spec.name, stored)
        except BaseException:
            self._file.discard(stored)
            raise
        return stored

    def assign(self, spec: VariableSpec, cell: Cell, value: Any) -> None:
        """Overwrite the value in the file. A variable of unknown shape moves if its shape changes."""
        assert isinstance(cell, _Cell)
        self._must_be_open()
        array = to_numpy(value, spec.dtype)
        if array.shape == cell.stored.shape:
            cell.region.set(..., array)
            return
        if spec.shape is not None:
            raise BackendError(f"{spec.name}: a value of shape {array.shape} was assigned to shape {spec.shape}")
        old, new = cell.stored, self._file.reserve(spec.name, array.shape, cell.stored.code, spec.trainable)
        self._file.store(new.offset, np.ascontiguousarray(array))
        self._file.publish(spec.name, new)
        self._file.discard(old)
        cell.stored = new
        cell.value = self._file.map(new)

    def add(self, spec: VariableSpec, cell: Cell, delta: Any, *, sign: int = 1) -> None:
        """Add to the array in place, through the map."""
        self._must_be_open()
        (np.add if sign > 0 else np.subtract)(cell.value, to_numpy(delta, spec.dtype), out=cell.value)

    def memory(self, spec: VariableSpec, cell: Cell) -> np.ndarray:
        """Return the array on the mapped file."""
        return np.asarray(cell.value)

    def numpy(self, spec: VariableSpec, cell: Cell) -> np.ndarray:
        """Return the array on the mapped file."""
        return np.asarray(cell.value)

    def delete(self, spec: VariableSpec, cell: Cell) -> None:
        """Take the variable out of the file; its room is used again."""
        self._must_be_open()
        self._file.discard(self._file.withdraw(spec.name))

    def read_slice(self, spec: VariableSpec, cell: Cell, index: Any) -> np.ndarray:
        """Read a part from the file. Basic indices and choices of rows move that part alone; others use the map."""
        assert isinstance(cell, _Cell)
        self._must_be_open()
        part = cell.region.get(index)
        return np.array(cell.value[index]) if part is None else part

    def write_slice(self, spec: VariableSpec, cell: Cell, index: Any, value: Any) -> None:
        """Write a part to the file, as `read_slice` reads it."""
        assert isinstance(cell, _Cell)
        self._must_be_open()
        array = to_numpy(value, spec.dtype)
        if not cell.region.set(index, array):
            cell.value[index] = array

    def flush(self) -> None:
        """Bring everything to the disk (msync and fsync): from then on it outlasts a power failure too."""
        self._must_be_open()
        self._file.flush()

    def close(self) -> None:
        """Flush, and let others have the file. Arrays that were handed out stay readable."""
        self._file.close()

    def _must_be_open(self) -> None:
        if self._file.closed:
            raise BackendError(f"{self.path} was closed", hint="make a new backend on it: it finds its values again")


def _code(spec: VariableSpec) -> str:
    """Return the name of the dtype in the file."""
    if spec.dtype.kind in "OUSmM" or spec.dtype.names is not None:
        raise BackendError(
            f"{spec.name}: the hdf5 backend cannot map {spec.dtype} variables (text, times, records)",
            hint="keep them in another backend; a checkpoint can hold text",
        )
    try:
        return type_code(spec.dtype)
    except TypeError as error:
        raise BackendError(f"{spec.name}: {error}") from None
