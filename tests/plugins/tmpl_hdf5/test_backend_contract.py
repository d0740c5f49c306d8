"""The hdf5 backend keeps the contract."""

from pathlib import Path

import ml_dtypes

from tmpl_hdf5.backend import HDF5Backend
from tmplcore.testing.backend import BackendContract


class TestHDF5Backend(BackendContract):
    dtypes = (
        *(dtype for dtype in BackendContract.dtypes if dtype is not object),
        ml_dtypes.int4,
        ml_dtypes.float8_e8m0fnu,
    )
    refused = (object, "S3", "datetime64[s]")
    refused_names = ("", "/v", "v/", "a//b", "a/./b", "..", "a\0b", "v/.value", ".tmplcore/v")

    def open(self, directory: Path) -> HDF5Backend:
        return HDF5Backend(directory / "variables.h5")
