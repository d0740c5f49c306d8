"""The native format and foreign HDF5 files keep the contract of every format."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from tmpl_hdf5.generic.reader import HDF5Format
from tmpl_hdf5.names import to_paths
from tmpl_hdf5.native.format import NativeFormat
from tmplcore.checkpoint.format import Format
from tmplcore.testing.format import PLAIN, FormatContract


class TestNative(FormatContract):
    dtypes = (*PLAIN, "bool", "complex64", "complex128", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "object")
    hashed = True
    aliases = True

    def format(self) -> Format:
        return NativeFormat()


class Stock:
    """Files as h5py users write them."""

    libver = "earliest"

    def write(self, path: Path, variables: Any, meta: Any, options: Any) -> None:
        with h5py.File(path, "w", libver=self.libver) as file:
            made: dict[int, str] = {}
            for name, place in zip(variables, to_paths(list(variables)), strict=True):
                value = variables[name]
                if id(value) in made:
                    file[place] = file[made[id(value)]]
                    continue
                made[id(value)] = place
                array = np.asarray(value[...])
                kind = h5py.string_dtype() if array.dtype.hasobject else None
                file.create_dataset(place, data=array, dtype=kind)


class TestEarliest(Stock, FormatContract):
    dtypes = (*PLAIN, "bool", "complex64", "complex128", "object")
    metadata = False
    aliases = True

    def format(self) -> Format:
        return HDF5Format()


class TestLatest(TestEarliest):
    libver = "latest"
