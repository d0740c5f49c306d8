"""npz keeps the contract of every format, stored and deflated."""

from pathlib import Path
from typing import Any

import numpy as np

from tmpl_npz.npz import NpzFormat
from tmplcore.checkpoint.format import Format, Metadata, WriteOptions
from tmplcore.errors import SaveError
from tmplcore.testing.format import PLAIN, FormatContract


class TestStored(FormatContract):
    dtypes = (*PLAIN, "bool", "complex64", "complex128", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "object")

    def format(self) -> Format:
        return NpzFormat()


class TestDeflated(TestStored):
    def write(self, path: Path, variables: Any, meta: Metadata, options: WriteOptions) -> None:
        deflated = WriteOptions(durable=False, compression={"*": "deflate"}, progress=options.progress)
        NpzFormat().write(path, variables, meta, deflated)


class TestNarrow(FormatContract):
    """The suite asks a format for the dtypes that it says it holds, and for no others."""

    dtypes = ("float32",)

    def format(self) -> Format:
        return NpzFormat()

    def write(self, path: Path, variables: Any, meta: Metadata, options: WriteOptions) -> None:
        for name, variable in variables.items():
            if variable.dtype != np.float32:
                raise SaveError(f"{name!r} is {variable.dtype}, and only float32 is held")
        NpzFormat().write(path, variables, meta, options)
