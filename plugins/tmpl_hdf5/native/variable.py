"""A variable in a native checkpoint: what the index says of it, and its values when they are asked for."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, final

import numpy as np

from tmplcore.checkpoint.format import LazyVariable

if TYPE_CHECKING:
    from tmpl_hdf5.native.read import NativeReader

__all__ = ["NativeVariable"]


@final
class NativeVariable(LazyVariable):
    """A variable in a native checkpoint."""

    __slots__ = ("_reader", "_row", "dtype", "name", "shape")

    def __init__(self, reader: NativeReader, row: int, name: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self._reader = reader
        self._row = row
        self.name = name
        self.shape = shape
        self.dtype = dtype

    @property
    def nbytes(self) -> int:
        """Bytes of the value."""
        if self.dtype.kind not in "OU":
            return math.prod(self.shape) * self.dtype.itemsize
        stored, shape = self._reader.kind(self._row)  # text has another size in the file
        return math.prod(shape) * stored.raw.itemsize

    @property
    def digest(self) -> str | None:
        """The hash in the index; None for text, which other formats would hash otherwise."""
        stored, _ = self._reader.kind(self._row)
        if stored.is_text:  # hashed as stored, which other formats do otherwise
            return None
        return f"xxh3_64:{int(self._reader.index.hashes[self._row]):016x}"

    @property
    def trainable(self) -> bool | None:
        """What the source said when it was saved."""
        return self._reader.index.trainable(self._row)

    @property
    def alias_of(self) -> str | None:
        """The name of the variable under which the same data is listed first."""
        first = self._reader.index.aliases.get(self._row)
        return None if first is None else self._reader.index.names[first]

    def __getitem__(self, index: Any) -> np.ndarray:
        if index is Ellipsis:
            return self._reader.read_row(self._row)
        return self._reader.read_slice(self._row, index)

    def read_into(self, out: np.ndarray) -> None:
        """Read the whole value into an array."""
        self._reader.read_into({self.name: out})
