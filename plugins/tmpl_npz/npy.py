"""A single array in a file of its own, as a checkpoint of one variable that is called like the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, final

import numpy as np

from tmpl_npz.header import encode, read_header
from tmpl_npz.values import plain, true_dtype
from tmplcore.checkpoint.format import Format, LazyVariable, Metadata, Reader, WriteOptions
from tmplcore.checkpoint.output import byte_blocks, new_file
from tmplcore.checkpoint.stored import InputFile, StoredArray
from tmplcore.errors import DamagedError, SaveError, VariableMissingError

__all__ = ["NpyFormat", "NpyReader"]


@final
class NpyReader(Reader):
    """An open .npy file."""

    format = "npy"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = InputFile(path)
        try:
            self._variable = self._open()
        except BaseException:
            self._file.close()
            raise

    def _open(self) -> StoredArray:
        header = read_header(lambda count: self._file.read(0, min(count, self._file.size)), str(self.path))
        if header.size + header.nbytes != self._file.size:
            raise DamagedError(
                f"{self.path}: an array {header.shape} {header.dtype} ends at byte {header.size + header.nbytes}, "
                f"but the file at {self._file.size}",
                hint="the file was cut short or added to: copy or download it again",
            )
        return StoredArray(
            self.path.stem,
            header.shape,
            true_dtype(header.dtype, {}),
            self._file,
            header.size,
            swapped=header.swapped,
            fortran=header.fortran,
        )

    def __iter__(self) -> Iterator[str]:
        return iter([self._variable.name])

    def __len__(self) -> int:
        return 1

    def __getitem__(self, name: str) -> LazyVariable:
        if name != self._variable.name:
            raise VariableMissingError(
                f"{self.path}: has no variable {name!r}", hint=f"its only one is called {self._variable.name!r}"
            )
        return self._variable

    @property
    def meta(self) -> Metadata:
        """Nothing: the file has no place for it."""
        return Metadata()

    def close(self) -> None:
        """Give the file back."""
        self._file.close()


@final
class NpyFormat(Format):
    """NumPy's file of one array."""

    name: ClassVar[str] = "npy"
    suffixes: ClassVar[tuple[str, ...]] = (".npy",)
    writable: ClassVar[bool] = True

    def open(self, path: Path) -> NpyReader:
        """Open a file; one that is a pickle is refused."""
        return NpyReader(path)

    def write(
        self,
        path: Path,
        variables: Mapping[str, np.ndarray | LazyVariable],
        meta: Metadata,
        options: WriteOptions = WriteOptions(),
    ) -> None:
        """Write the one variable; its name and the metadata have no place in the file.

        Raises:
            SaveError: There is not exactly one variable, or NumPy's files have no name for its dtype.
        """
        if len(variables) != 1:
            raise SaveError(f"an .npy file holds one variable, not {len(variables)}", hint="write .npz instead")
        if options.compression:
            raise SaveError("an .npy file is never compressed", hint="write .npz instead")
        ((name, value),) = variables.items()
        dtype, stored, notes = plain(name, value)
        if notes:
            raise SaveError(
                f"{name}: an .npy file has no name for {notes['dtype']}", hint="write .npz instead, or cast it"
            )
        with new_file(path, durable=options.durable) as file:
            file.write(encode(tuple(map(int, value.shape)), dtype))
            for block in byte_blocks(stored):
                file.write(block)
                if options.progress is not None:
                    options.progress(len(block))
