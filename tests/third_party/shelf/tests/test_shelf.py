"""What the suites of tmplcore demand of a backend and a getter, and what only we promise."""

import ml_dtypes
import numpy as np
import pytest
from tmpl_shelf.backend import ShelfBackend
from tmpl_shelf.format import ShelfFormat
from tmpl_shelf.getter import Noise

import tmplcore
from tmplcore.errors import BackendError
from tmplcore.testing.backend import BackendContract, Given, spec
from tmplcore.testing.format import FormatContract
from tmplcore.testing.getter import GetterContract


class TestBackend(BackendContract):
    dtypes = tuple(t for t in BackendContract.dtypes if np.dtype(t).isbuiltin == 1 and t is not object)
    refused = (object, ml_dtypes.bfloat16)

    def open(self, directory):
        return ShelfBackend(directory / "shelf")


class TestGetter(GetterContract):
    plugin = "noise"
    options = {"deviation": 0.5}
    wrong_options = {"deviation": -1}

    def make(self):
        return Noise(0.1)


def test_the_file_is_a_plain_npy(tmp_path):
    backend = ShelfBackend(tmp_path)
    backend.create(spec("net/w", (3,)), Given([1, 2, 3]))
    assert np.load(tmp_path / "net%2Fw.npy").tolist() == [1, 2, 3]


def test_a_variable_of_another_shape_is_refused(tmp_path):
    ShelfBackend(tmp_path).create(spec("w", (3,)), Given([1, 2, 3]))
    with pytest.raises(BackendError, match=r"float32\(3,\), and w is float32\(4,\)"):
        ShelfBackend(tmp_path).create(spec("w", (4,)), Given(np.zeros(4)))


def test_noise_is_small_and_new_each_time():
    with tmplcore.VariableStore().as_default():
        template = tmplcore.make_template("net", lambda: tmplcore.get_variable("w", [100]), custom_getter_=Noise(0.1))
        first, second = template(), template()
    assert 0 < np.abs(first - second).mean() < 0.5


class TestFormat(FormatContract):
    def format(self):
        return ShelfFormat()
