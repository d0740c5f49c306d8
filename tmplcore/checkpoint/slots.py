"""A slot is one variable of whatever is saved or restored: a name, and a place whose value can be read and replaced.

`tmplcore.checkpoint.state` finds the slots of an object. A plugin that knows a framework makes slots of its own
(`tmplcore.checkpoint.adapter`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Final, final

import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.checkpoint.format import Box, LazyVariable
from tmplcore.checkpoint.sharded import ShardedVariable, overlap
from tmplcore.errors import InvalidArgumentError, InvalidTypeError, RestoreError, SaveError

__all__ = ["ArraySlot", "LazySlot", "ShardedSlot", "Slot", "VariableSlot"]

_TEXTS: Final = (str, bytes)
_TEXT: Final = np.dtype(object)


class Slot(ABC):
    """One variable of a source or a target.

    Attributes:
        name: The variable's name in a checkpoint.
        shape: Its shape; None if it takes any.
        dtype: Its dtype, as `LazyVariable.dtype`.
        trainable: Whether an optimizer changes it; None if nobody knows.
    """

    __slots__ = ("dtype", "name", "shape", "trainable")

    name: str
    shape: tuple[int, ...] | None
    dtype: np.dtype[Any]
    trainable: bool | None

    @property
    def frozen(self) -> bool:
        """Whether what `source` returns never changes, so that a snapshot needs no copy of it."""
        return False

    @property
    def sliced(self) -> bool:
        """Whether `write_slice` works, and touches only what it is given, so that no whole value is ever needed."""
        return False

    @property
    def writable(self) -> bool:
        """Whether `write` works. What does not is refused before anything of a target is touched."""
        return True

    @abstractmethod
    def source(self) -> np.ndarray | LazyVariable:
        """Return the value to save, without a copy where that is possible."""

    @abstractmethod
    def write(self, value: np.ndarray) -> None:
        """Replace the value; `value` has the right shape and dtype, and may be kept."""

    def memory(self) -> np.ndarray | None:
        """Return the value's own memory as a writable array in C order, or None if there is no such thing."""
        return None

    def write_slice(self, index: Any, value: np.ndarray) -> None:
        """Do `value[index] = value`; only called where `sliced` is true."""
        raise NotImplementedError

    def start_anew(self) -> None:
        """Give the variable its initial value again; does nothing where there is no initializer.

        Raises:
            BackendError: There was one, but what it made is not kept.
        """


@final
class ArraySlot(Slot):
    """An array (or a number, or text) in a mapping.

    Args:
        name: Its name.
        value: The array.
        replace: Called with a new array where the old one cannot be filled in place; None if it must be.
    """

    __slots__ = ("_fillable", "_given", "_replace", "_value")

    _fillable: np.ndarray | None

    def __init__(self, name: str, value: Any, replace: Callable[[Any], None] | None = None) -> None:
        try:
            array = (
                value if type(value) is np.ndarray else to_numpy(value, _TEXT if isinstance(value, _TEXTS) else None)
            )
            # A matrix, records, an array on a file are seen through another object on the same memory.
            self._fillable = array if isinstance(value, np.ndarray) and array.flags.writeable else None
            if array.dtype.kind in "US" or array.dtype.hasobject:
                array = as_strings(array)
        except (InvalidArgumentError, InvalidTypeError) as error:
            raise SaveError(f"{name!r}: {error}", hint=error.hint) from error
        self.name = name
        self.shape = array.shape
        self.dtype = array.dtype if array.dtype.isnative else array.dtype.newbyteorder("=")
        self.trainable = None
        self._given = value
        self._value = array
        self._replace = replace

    @property
    def writable(self) -> bool:
        """Whether the array can be filled, or replaced by another."""
        return self._fillable is not None or self._replace is not None

    def source(self) -> np.ndarray:
        """Return the array."""
        return self._value

    def memory(self) -> np.ndarray | None:
        """Return the array, if it is writable, in C order and in the machine's byte order."""
        array = self._fillable
        return array if array is not None and array.flags.carray and array.dtype == self.dtype else None

    def write(self, value: np.ndarray) -> None:
        """Copy into the array, or put another in its place where it cannot be written to."""
        array = self._fillable
        if array is not None:
            new = as_text(value, array.dtype.kind) if array.dtype.kind in "US" else value
            # Longer text than the array has room for goes into a new one.
            if array.dtype.kind not in "US" or new.dtype <= array.dtype:
                array[...] = new
                return
        if self._replace is None:
            raise RestoreError(
                f"{self.name!r} is read-only or too small, and what holds it cannot take another array",
                hint="restore into a dict of writable arrays",
            )
        given = type(self._given)
        self._replace(given(value.item()) if given in (bool, int, float, complex) else self._like(value, given))

    def _like(self, value: np.ndarray, given: type) -> Any:
        if issubclass(given, str):
            return given(value.item().decode())
        if issubclass(given, bytes):
            return given(value.item())
        if issubclass(given, np.ndarray) and self._given.dtype.kind in "US":
            return as_text(value, self._given.dtype.kind)
        return value[()] if issubclass(given, np.generic) else value


@final
class VariableSlot(Slot):
    """A `tmplcore` variable.

    Args:
        name: Its name in the checkpoint.
        variable: The variable.
    """

    __slots__ = ("_variable",)

    def __init__(self, name: str, variable: Any) -> None:
        spec = variable.spec
        self.name = name
        self.shape = spec.shape
        self.dtype = spec.dtype
        self.trainable = bool(variable.trainable)
        self._variable = variable

    @property
    def frozen(self) -> bool:
        """Whether the backend's arrays are snapshots."""
        return not self._variable.backend.live

    @property
    def sliced(self) -> bool:
        """Whether the value is outside memory."""
        return bool(self._variable.backend.sliced and self._variable.backend.persistent)

    def source(self) -> np.ndarray | LazyVariable:
        """Return the value; a lazy one of a backend that keeps it outside memory."""
        variable = self._variable
        if variable.backend.persistent and self.sliced and self.shape is not None and not self.dtype.hasobject:
            return BackendVariable(variable)
        value = variable.numpy()
        if type(value) is np.ndarray and value.dtype is self.dtype and not value.dtype.hasobject:
            return value
        return to_numpy(value, self.dtype)

    def memory(self) -> np.ndarray | None:
        """Return the backend's own memory, where it has any."""
        if self.shape is None:
            return None
        memory: np.ndarray | None = self._variable.backend.memory(self._variable.spec, self._variable._cell)
        return memory

    def write(self, value: np.ndarray) -> None:
        """Assign."""
        self._variable.backend.assign(self._variable.spec, self._variable._cell, value)

    def write_slice(self, index: Any, value: np.ndarray) -> None:
        """Assign to a part."""
        self._variable.backend.write_slice(self._variable.spec, self._variable._cell, index, value)

    def start_anew(self) -> None:
        """Run the initializer again: the same seed and name give the same value."""
        self._variable.backend.assign(self._variable.spec, self._variable._cell, self._variable.initial_value)


@final
class BackendVariable(LazyVariable):
    """A variable of a backend that keeps values outside memory, read piece by piece as it is saved."""

    __slots__ = ("_variable", "dtype", "name", "shape")

    def __init__(self, variable: Any) -> None:
        self.name = variable.spec.name
        self.shape = variable.spec.shape
        self.dtype = variable.spec.dtype
        self._variable = variable

    @property
    def trainable(self) -> bool:
        """Whether an optimizer changes it."""
        return bool(self._variable.trainable)

    def __getitem__(self, index: Any) -> np.ndarray:
        piece: np.ndarray = self._variable.backend.read_slice(self._variable.spec, self._variable._cell, index)
        return piece

    def read_into(self, out: np.ndarray) -> None:
        """Fill `out`."""
        out[...] = self[...]


@final
class ShardedSlot(Slot):
    """A variable that is partitioned over shards; in a checkpoint it is one, whole.

    Args:
        name: The name of the whole.
        shape: The shape of the whole.
        shards: Where each shard is in the whole, and its slot.
    """

    __slots__ = ("_shards",)

    def __init__(self, name: str, shape: tuple[int, ...], shards: Sequence[tuple[Box, Slot]]) -> None:
        self.name = name
        self.shape = shape
        self.dtype = shards[0][1].dtype
        self.trainable = shards[0][1].trainable
        self._shards = tuple(shards)

    @property
    def sliced(self) -> bool:
        """Always true."""
        return True

    @property
    def writable(self) -> bool:
        """Whether all shards are."""
        return all(slot.writable for _, slot in self._shards)

    def source(self) -> LazyVariable:
        """Return the whole, put together piece by piece as it is read."""
        assert self.shape is not None
        parts = [(box, slot.source()) for box, slot in self._shards]
        return ShardedVariable(self.name, self.shape, self.dtype, parts, trainable=self.trainable)

    def write(self, value: np.ndarray) -> None:
        """Give each shard its part."""
        for box, slot in self._shards:
            slot.write(np.ascontiguousarray(value[region(box)]))

    def write_slice(self, index: Any, value: np.ndarray) -> None:
        """Give each shard what falls into it; `index` is a tuple of slices of step 1."""
        piece = Box(tuple(s.start for s in index), value.shape)
        for box, slot in self._shards:
            if found := overlap(box, piece):
                inner, outer = found
                if (memory := slot.memory()) is not None:
                    memory[inner] = value[outer]
                elif slot.sliced:
                    slot.write_slice(inner, value[outer])
                else:
                    whole = np.array(slot.source())
                    whole[inner] = value[outer]
                    slot.write(whole)

    def start_anew(self) -> None:
        """Start every shard anew."""
        for _, slot in self._shards:
            slot.start_anew()


@final
class LazySlot(Slot):
    """A variable of another checkpoint; it can be read only."""

    __slots__ = ("_variable",)

    def __init__(self, name: str, variable: LazyVariable) -> None:
        self.name = name
        self.shape = variable.shape
        self.dtype = variable.dtype
        self.trainable = variable.trainable
        self._variable = variable

    @property
    def frozen(self) -> bool:
        """Always true: checkpoints do not change."""
        return True

    def source(self) -> LazyVariable:
        """Return the lazy variable."""
        return self._variable

    def write(self, value: np.ndarray) -> None:
        """Refuse.

        Raises:
            RestoreError: Always.
        """
        raise RestoreError(
            "a checkpoint cannot be restored into another, because checkpoints never change",
            hint="write a new one: tmplcore.checkpoint.convert(source, destination)",
        )


def as_strings(array: np.ndarray) -> np.ndarray:
    """Return an array of text as checkpoints have it: an `object` array of `bytes` (text becomes UTF-8).

    Raises:
        InvalidArgumentError: A text is no Unicode.
    """
    return to_numpy(array.astype(object))


def as_text(array: np.ndarray, kind: str) -> np.ndarray:
    """Return an `object` array of `bytes` as an array of fixed-length bytes (`S`) or text (`U`).

    What is no UTF-8 stays as it is.

    Example:
        >>> as_text(np.array([b"a", b"bc"], object), "U")
        array(['a', 'bc'], dtype='<U2')
    """
    items = array.reshape(-1).tolist()
    try:
        decoded = [item.decode() for item in items] if kind == "U" else items
    except UnicodeDecodeError:
        return array
    return np.array(decoded, kind).reshape(array.shape)


def region(box: Box) -> tuple[slice, ...]:
    """Return the index of a box in the whole."""
    return tuple(slice(start, start + size) for start, size in zip(box.offset, box.shape, strict=True))
