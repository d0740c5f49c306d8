"""Working files of the HDF5 backend with some variables in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tmpl_hdf5.backend import HDF5Backend
from tmplcore.testing.backend import Given, spec


def make(path: Path, **values: Any) -> None:
    backend = HDF5Backend(path)
    for name, value in values.items():
        backend.create(spec(name, np.shape(value)), Given(value))
    backend.close()
