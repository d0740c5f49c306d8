"""The native checkpoint format, as `tmplcore.checkpoint` sees it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import final

import numpy as np

from tmpl_hdf5.native.read import NativeReader
from tmplcore.checkpoint.format import Damage, Format, LazyVariable, Metadata, Reader, WriteOptions
from tmplcore.errors import DamagedError, UnreadableError

__all__ = ["NativeFormat"]

_DEFAULT = WriteOptions()


@final
class NativeFormat(Format):
    """HDF5 files with an index: `docs/reference/checkpoint-format.md`."""

    name = "tmplcore"
    suffixes = (".h5",)
    writable = True

    def open(self, path: Path) -> NativeReader:
        """Open a checkpoint."""
        return NativeReader(path)

    def open_damaged(self, path: Path) -> Reader:
        """Open what can be read: by the index if it is whole, else through libhdf5, which knows no hashes."""
        try:
            return NativeReader(path, damaged=True)
        except DamagedError as error:
            from tmpl_hdf5.generic.reader import HDF5Reader

            problem = str(error).removeprefix(f"{path}: ")
            try:
                return HDF5Reader(path, damage=(Damage(None, problem, str(path)),))
            except UnreadableError:
                raise error from None

    def write(
        self,
        path: Path,
        variables: Mapping[str, np.ndarray | LazyVariable],
        meta: Metadata,
        options: WriteOptions = _DEFAULT,
    ) -> None:
        """Write a new file; see `Format.write`."""
        from tmpl_hdf5.native.write import write  # who only reads does without it

        write(path, variables, meta, options)
