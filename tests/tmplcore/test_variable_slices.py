"""A part of a variable is read and written without the rest, on every backend alike."""

import numpy as np
import pytest

from tmpl_hdf5.backend import HDF5Backend
from tmpl_numpy.backend import NumpyBackend
from tmplcore import VariableStore, get_variable


@pytest.fixture(params=["numpy", "hdf5", "torch", "jax"])
def store(request, tmp_path):
    if request.param in {"torch", "jax"}:
        pytest.importorskip(request.param)
        store = VariableStore(request.param)
    else:
        store = VariableStore(NumpyBackend() if request.param == "numpy" else HDF5Backend(tmp_path / "run.h5"))
    with store.as_default():
        yield store
    store.backend.close()


def test_gather_and_scatter(store):
    table = get_variable("table", initializer=np.arange(12, dtype=np.float32).reshape(4, 3))
    assert table.read_slice([2, 0]).tolist() == [[6, 7, 8], [0, 1, 2]]
    assert type(table.read_slice(1)) is np.ndarray
    assert table.write_slice([3, 1], [[1, 1, 1], [2, 2, 2]]) is table
    table.write_slice((slice(None), 0), 9)
    assert table.numpy().tolist() == [[9, 1, 2], [9, 2, 2], [9, 7, 8], [9, 1, 1]]
    rows = get_variable("rows", initializer=np.array([0, 1]))
    assert table.read_slice(rows).tolist() == [[9, 1, 2], [9, 2, 2]]


def test_initial_values_are_equal_everywhere(store):
    from tmplcore.initializers import TruncatedNormal

    value = get_variable("model/w", [600, 1000], initializer=TruncatedNormal()).numpy()
    with VariableStore(NumpyBackend()).as_default():
        assert (get_variable("model/w", [600, 1000], initializer=TruncatedNormal()).numpy() == value).all()
