"""The numpy backend keeps the contract, and its value is the array itself."""

from pathlib import Path

import numpy as np

from tmpl_numpy.backend import NumpyBackend
from tmplcore.arena import is_block
from tmplcore.testing.backend import BackendContract, Given, spec


class TestNumpyBackend(BackendContract):
    def open(self, directory: Path) -> NumpyBackend:
        return NumpyBackend()


def test_numpy_returns_the_very_array():
    backend = NumpyBackend()
    of = spec("v", (3,))
    cell = backend.create(of, Given([1, 2, 3]))
    assert backend.numpy(of, cell) is cell.value
    assert type(cell.value) is np.ndarray
    assert cell.value.flags.writeable
    assert cell.value.flags.owndata or is_block(cell.value.base)
