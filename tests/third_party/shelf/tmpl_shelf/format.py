"""A checkpoint format: a magic line, a JSON header, then the bytes of the variables."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, final

import ml_dtypes
import numpy as np

from tmpl_shelf.detect import MAGIC
from tmplcore.checkpoint.format import Format, LazyVariable, Metadata, Reader, WriteOptions
from tmplcore.errors import CheckpointNotFoundError, DamagedError, SaveError, UnreadableError, VariableMissingError

WIDTHS = {"int": (8, 16, 32, 64), "uint": (8, 16, 32, 64), "float": (16, 32, 64), "complex": (64, 128), "bfloat": (16,)}
DTYPES = {"bool"} | {f"{kind}{width}" for kind, widths in WIDTHS.items() for width in widths}
META = ("step", "time", "metrics", "user", "provenance")
LONGEST_HEADER = 64 << 20  # a file that claims more is not believed


@final
class ShelfFormat(Format):
    """`SHELF 1`, the length of the header, the header, the bytes."""

    name: ClassVar[str] = "shelf"
    suffixes: ClassVar[tuple[str, ...]] = (".shelf",)
    writable: ClassVar[bool] = True

    def open(self, path):
        return ShelfReader(path)

    def write(self, path, variables, meta, options=WriteOptions()):
        entries, offset = [], 0
        for name, variable in variables.items():
            if variable.dtype.name not in DTYPES:
                raise SaveError(f"variable {name!r} has dtype {variable.dtype}, which this format does not store")
            entries.append([name, variable.dtype.name, list(variable.shape), offset])
            offset += variable.nbytes
        header = json.dumps({"variables": entries, "meta": {key: _plain(getattr(meta, key)) for key in META}}).encode()
        with path.open("xb") as file:
            file.write(MAGIC + len(header).to_bytes(8, "little") + header)
            for variable in variables.values():
                blocks = variable.blocks() if isinstance(variable, LazyVariable) else [np.ascontiguousarray(variable)]
                for block in blocks:
                    file.write(block.tobytes())
                    if options.progress is not None:
                        options.progress(block.nbytes)
            if options.durable:
                file.flush()
                os.fsync(file.fileno())


class ShelfReader(Reader):
    """An open file."""

    format = "shelf"

    def __init__(self, path):
        self.path = Path(path)
        try:
            self._file = self.path.open("rb")
        except FileNotFoundError:
            raise CheckpointNotFoundError(f"there is no checkpoint {str(path)!r}") from None
        try:
            self._variables, self._header = self._read_header()
        except BaseException:
            self._file.close()
            raise

    def _read_header(self):
        total = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        if self._file.read(len(MAGIC)) != MAGIC:
            raise UnreadableError(f"{str(self.path)!r} is not a shelf")
        length = int.from_bytes(self._file.read(8), "little")
        start = len(MAGIC) + 8 + length
        if length > LONGEST_HEADER or start > total:
            raise DamagedError(f"{str(self.path)!r} is cut short in its header")
        try:
            header = json.loads(self._file.read(length))
            header["meta"].items()
            found = {}
            for name, dtype, shape, offset in header["variables"]:
                variable = ShelfVariable(self._file, name, dtype, shape, start + offset)
                if offset < 0 or variable.start + variable.nbytes > total:
                    raise DamagedError(f"{str(self.path)!r} is cut short: {name!r} is not all there")
                found[name] = variable
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise DamagedError(f"the header of {str(self.path)!r} is damaged: {error}") from error
        return found, header

    @property
    def meta(self):
        return Metadata(**{key: value for key, value in self._header["meta"].items() if key in META})

    def __getitem__(self, name):
        try:
            return self._variables[name]
        except KeyError:
            raise VariableMissingError(f"{str(self.path)!r} has no variable {name!r}") from None

    def __iter__(self):
        return iter(self._variables)

    def __len__(self):
        return len(self._variables)

    def close(self):
        self._file.close()


class ShelfVariable(LazyVariable):
    """A variable in the file; its bytes are read when they are asked for."""

    __slots__ = ("_file", "dtype", "name", "shape", "start")

    def __init__(self, file, name, dtype, shape, start):
        if not isinstance(name, str) or any(not isinstance(n, int) or n < 0 for n in (*shape, start)):
            raise ValueError("an entry is not name, dtype, shape, offset")
        self._file = file
        self.name = name
        if dtype not in DTYPES:
            raise ValueError(f"{name!r} has dtype {dtype!r}")
        self.dtype = np.dtype(getattr(ml_dtypes, dtype, dtype))
        self.shape = tuple(shape)
        self.start = start

    def read_into(self, out):
        if out.shape != self.shape or out.dtype != self.dtype:
            raise ValueError(f"{self.name!r} is {self.shape} {self.dtype}, the array is {out.shape} {out.dtype}")
        out[...] = self[...]

    def __getitem__(self, index):
        if not self.nbytes:
            return np.empty(self.shape, self.dtype)[index]
        data = np.memmap(self._file, np.uint8, "r", self.start, (self.nbytes,))
        return np.array(data.view(self.dtype).reshape(self.shape)[index])


def _plain(value):
    return dict(value) if isinstance(value, Mapping) else value
