"""The torch backend against the contract, and what torch users take for granted."""

import ml_dtypes
import numpy as np
import pytest

import tmplcore
from tmplcore.errors import BackendError
from tmplcore.testing.backend import BackendContract, Given, spec

torch = pytest.importorskip("torch")

from tmpl_torch.backend import TorchBackend  # noqa: E402


class TestTorch(BackendContract):
    dtypes = (
        *(t for t in BackendContract.dtypes if t is not object),
        ml_dtypes.float8_e4m3fnuz,
        ml_dtypes.float8_e5m2fnuz,
    )
    refused = (object, ml_dtypes.int4)

    def open(self, directory):
        return TorchBackend()


def test_trainable_variables_are_parameters_and_others_are_not():
    backend = TorchBackend()
    trainable = backend.create(spec("w", (2,)), Given([1, 2]))
    other = backend.create(spec("m", (2,), trainable=False), Given([1, 2]))
    count = backend.create(spec("n", (), "int32"), Given(3))
    assert isinstance(trainable.value, torch.nn.Parameter)
    assert trainable.value.requires_grad
    assert not isinstance(other.value, torch.nn.Parameter)
    assert not other.value.requires_grad
    assert isinstance(count.value, torch.nn.Parameter)
    assert not count.value.requires_grad


def test_numpy_shares_the_memory_bfloat16_too():
    backend = TorchBackend()
    for dtype in ("float32", ml_dtypes.bfloat16, ml_dtypes.float8_e5m2):
        of = spec("w", (3,), dtype)
        cell = backend.create(of, Given(np.zeros(3, dtype)))
        array = backend.numpy(of, cell)
        array[1] = 2
        assert cell.value.detach().float().tolist() == [0, 2, 0]


def test_assign_keeps_the_parameter_and_is_not_recorded():
    backend = TorchBackend()
    of = spec("w", (2,))
    cell = backend.create(of, Given([0, 0]))
    parameter = cell.value
    backend.assign(of, cell, torch.ones(2, requires_grad=True) * 3)
    assert cell.value is parameter
    assert parameter.is_leaf
    assert parameter.tolist() == [3, 3]


def test_meta_computes_nothing_until_it_is_moved():
    backend = TorchBackend("meta")
    given = Given(np.arange(3))
    of = spec("w", (3,), "bfloat16")
    cell = backend.create(of, given)
    assert given.asked == 0
    assert cell.value.device.type == "meta"
    with pytest.raises(BackendError, match="w is on the meta device") as caught:
        backend.numpy(of, cell)
    assert "backend.to('cpu')" in caught.value.hint
    backend.to("cpu")
    assert isinstance(cell.value, torch.nn.Parameter)
    assert cell.value.dtype == torch.bfloat16
    assert backend.numpy(of, cell).astype(int).tolist() == [0, 1, 2]


def test_an_unknown_device():
    with pytest.raises(BackendError, match="no device 'gpu'"):
        TorchBackend("gpu")


def test_variables_are_made_on_torchs_default_device():
    backend = TorchBackend()
    store = tmplcore.VariableStore(backend)
    with store.as_default():
        with torch.device("meta"):
            assert tmplcore.get_variable("a", [2]).value.is_meta
            assert tmplcore.get_variable("text", [2], dtype="int32", trainable=False).value.is_meta
        assert tmplcore.get_variable("b", [2]).value.device.type == "cpu"
        with torch.device("meta"):
            backend.to("cpu")  # from here on this device, whatever torch's default is
            assert tmplcore.get_variable("c", [2]).value.device.type == "cpu"
    assert {variable.value.device.type for variable in store.variables} == {"cpu"}
    with tmplcore.VariableStore(TorchBackend()).as_default():
        assert np.array_equal(store.variables[0].numpy(), tmplcore.get_variable("a", [2]).numpy())
