"""Tensors of every kind in checkpoints and variables: bit for bit, or refused by name with what to do about it."""

import ml_dtypes
import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.arrays import CARRIERS, to_numpy
from tmplcore.errors import InvalidTypeError, RestoreError, SaveError
from tmplcore.initializers import Zeros

torch = pytest.importorskip("torch")

TENSORS = {
    "parameter": lambda: torch.nn.Parameter(torch.arange(2.0)),
    "result of autograd": lambda: torch.ones(2, requires_grad=True) * 2,
    "conjugate": lambda: torch.tensor([1 + 2j, 3 - 1j]).conj(),
    "negative": lambda: torch.tensor([1 + 2j, 3 - 1j]).conj().imag,
    "transposed": lambda: torch.arange(6).to(torch.bfloat16).reshape(2, 3).t(),
    "expanded": lambda: torch.ones(1, 3).expand(2, 3),
    "no axis": lambda: torch.tensor(3.5, dtype=torch.bfloat16),
    "empty": lambda: torch.ones(0, 3),
    "uint64": lambda: torch.tensor([1 << 62], dtype=torch.uint64),
    "of a subclass": lambda: torch.ones(2).as_subclass(type("Sub", (torch.Tensor,), {})),
    "bfloat16": lambda: torch.arange(1 << 16).to(torch.int16).view(torch.bfloat16),
    **{
        name: lambda name=name: torch.arange(256).to(torch.uint8).view(getattr(torch, name))
        for name in CARRIERS
        if name.startswith("float8") and hasattr(torch, name)
    },
}


def inference():
    with torch.inference_mode():
        return torch.ones(2) + 1


def fake():
    from torch._subclasses import FakeTensorMode

    with FakeTensorMode():
        return torch.ones(2)


REFUSED = {
    "sparse": (lambda: torch.eye(3).to_sparse(), "to_dense"),
    "compressed rows": (lambda: torch.eye(3).to_sparse_csr(), "to_dense"),
    "quantized": (lambda: torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8), "dequantize"),
    "nested": (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)], layout=torch.jagged), "unbind"),
    "half complex": (lambda: torch.ones(2, dtype=torch.complex32), "complex64"),
    "packed": (lambda: torch.empty(2, dtype=torch.uint8).view(torch.float4_e2m1fn_x2), "uint8"),
    "fake": (fake, "plain tensor"),
    "meta": (lambda: torch.ones(2, device="meta"), "materialize|meta"),
}


def bits(tensor):
    tensor = tensor.detach().resolve_conj().resolve_neg().contiguous()
    size = tensor.element_size()
    carrier = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}[min(size, 8)]
    return torch.view_as_real(tensor).reshape(-1).tolist() if tensor.is_complex() else tensor.view(carrier).tolist()


@pytest.mark.parametrize("ending", [".h5", ".npz", ".safetensors"])
@pytest.mark.parametrize("make", [*TENSORS.values(), inference], ids=[*TENSORS, "inference"])
@pytest.mark.filterwarnings("ignore:.*UntypedStorage:UserWarning")
def test_a_tensor_comes_back_bit_for_bit(tmp_path, make, ending):
    tensor = make()
    path = tmp_path / f"a{ending}"
    checkpoint.save(path, {"v": tensor})
    into = torch.zeros(tensor.shape, dtype=tensor.dtype)
    report = checkpoint.restore(path, {"v": into})
    assert report.ok
    assert bits(into) == bits(tensor)


@pytest.mark.parametrize(("make", "way"), REFUSED.values(), ids=REFUSED)
@pytest.mark.filterwarnings("ignore")  # of prototypes, deprecated kinds, and the like
def test_a_tensor_that_no_array_is_like_is_refused(tmp_path, make, way):
    with pytest.raises(SaveError, match="'v'") as caught:
        checkpoint.save(tmp_path / "a.h5", {"v": make()})
    assert any(word in caught.value.hint for word in way.split("|"))
    with pytest.raises(InvalidTypeError):
        to_numpy(make())


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", ["sparse", "quantized"])
@pytest.mark.filterwarnings("ignore")
def test_no_variable_becomes_such_a_tensor(backend, name):
    make, way = REFUSED[name]
    store = tmplcore.VariableStore(backend)
    with store.as_default():
        v = tmplcore.get_variable("v", [3], initializer=Zeros())
        with pytest.raises(InvalidTypeError) as caught:
            v.assign(make() if name != "sparse" else torch.ones(3).to_sparse())
        assert way in caught.value.hint
        assert to_numpy(v.value).tolist() == [0, 0, 0]


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("size", [3, 300_000])  # a large value is asked for by blocks
def test_an_initial_value_with_a_gradient(backend, size):
    given = torch.nn.Parameter(torch.arange(size, dtype=torch.float32).to(torch.bfloat16))
    with tmplcore.VariableStore(backend).as_default():
        v = tmplcore.get_variable("v", initializer=given)
    assert v.numpy().dtype == ml_dtypes.bfloat16
    assert np.array_equal(v.numpy().view(np.int16), to_numpy(given).view(np.int16))


def test_nans_of_bfloat16_keep_their_bits_in_a_variable():
    every = TENSORS["bfloat16"]()
    with tmplcore.VariableStore("numpy").as_default():
        v = tmplcore.get_variable("v", every.shape, "bfloat16", Zeros())
        v.assign(every)
    assert v.numpy().view(np.int16).tolist() == every.view(torch.int16).tolist()


def test_c_has_two_types_that_are_uint64():
    with tmplcore.VariableStore("torch").as_default():
        v = tmplcore.get_variable("v", [1], "uint64", Zeros())
        v.assign(np.array([1 << 63], np.ulonglong))
    assert v.numpy().tolist() == [1 << 63]


def test_nothing_is_restored_into_a_module_without_memory(tmp_path):
    net = torch.nn.Linear(2, 3)
    checkpoint.save(tmp_path / "a.h5", net)
    with pytest.raises(RestoreError, match="no memory") as caught:
        checkpoint.restore(tmp_path / "a.h5", torch.nn.Linear(2, 3, device="meta"))
    assert "to_empty" in caught.value.hint
    other = torch.nn.Linear(2, 3, device="meta").to_empty(device="cpu")
    checkpoint.restore(tmp_path / "a.h5", other)
    assert torch.equal(other.weight, net.weight)


def test_what_is_restored_into_variables_without_memory_they_get_with_it(tmp_path):
    checkpoint.save(tmp_path / "a.h5", {"v": np.arange(3, dtype=np.float32)})
    store = tmplcore.VariableStore(tmplcore.plugins.default_registry().backend("torch").load_factory()(device="meta"))
    with store.as_default():
        v = tmplcore.get_variable("v", [3], initializer=Zeros())
    checkpoint.restore(tmp_path / "a.h5", store)
    assert v.value.is_meta
    store.backend.to("cpu")
    assert v.numpy().tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adagrad])
def test_the_state_of_an_optimizer(tmp_path, kind):
    def stepped(net, value):
        optimizer = kind(net.parameters(), lr=0.1)
        net(torch.full((1, 2), value)).sum().backward()
        optimizer.step()
        return optimizer.state_dict()["state"]

    net = torch.nn.Linear(2, 3)
    state, into = stepped(net, 1.0), stepped(torch.nn.Linear(2, 3), 3.0)
    if kind is torch.optim.SGD:
        assert [set(of.values()) for of in state.values()] in ([], [{None}, {None}])
        return
    checkpoint.save(tmp_path / "a.h5", {"net": net, "optimizer": state})
    assert checkpoint.restore(tmp_path / "a.h5", {"net": net, "optimizer": into}).ok
    for number, of in state.items():
        assert all(torch.equal(torch.as_tensor(into[number][key]), torch.as_tensor(of[key])) for key in of)


def test_what_in_a_state_dict_is_no_tensor(tmp_path):
    net = torch.nn.Linear(2, 3)
    state = net.state_dict()
    state["count"] = 3
    checkpoint.save(tmp_path / "a.h5", state)
    into = torch.nn.Linear(2, 3).state_dict()
    into["count"] = 0
    checkpoint.restore(tmp_path / "a.h5", into)
    assert into["count"] == 3
    assert torch.equal(into["weight"], net.weight)
    for value in (None, [1], object()):
        with pytest.raises(SaveError, match="'extra' is a"):
            checkpoint.save(tmp_path / "b.h5", {**state, "extra": value})


class Described(torch.nn.Module):
    """A module with a state that is no tensor, one part without a shape, and one without a meaning as an array."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)
        self.lazy = torch.nn.LazyLinear(3)
        self.register_buffer("sparse", torch.eye(3).to_sparse())

    def get_extra_state(self):
        return {"calls": 1}

    def set_extra_state(self, state):
        raise AssertionError


def test_what_a_pattern_leaves_out_of_a_module_may_be_anything(tmp_path):
    path = tmp_path / "x.h5"
    for exclude, what in (((), "extra_state|shape|sparse"), (["lazy.*", "sparse"], "_extra_state")):
        with pytest.raises(SaveError, match=what):
            checkpoint.save(path, Described(), exclude=exclude)
    with pytest.raises(SaveError, match="_extra_state") as caught:
        checkpoint.save(path, {"net": Described()}, exclude=["net/lazy.*", "net/sparse"])
    assert any("'net/_extra_state'" in note for note in caught.value.__notes__)
    assert "exclude='*_extra_state'" in caught.value.hint
    for net, prefix in ((Described(), ""), ({"net": Described()}, "net/")):
        left_out = ["*lazy.*", "*sparse", "*_extra_state"]
        checkpoint.save(path, net, exclude=left_out, overwrite=True)
        assert set(checkpoint.load(path)) == {f"{prefix}layer.weight", f"{prefix}layer.bias"}
        checkpoint.restore(path, net, exclude=left_out)
        checkpoint.restore(path, net, include=f"{prefix}layer.*")


def test_an_optimizer_is_left_out_by_name(tmp_path):
    net = torch.nn.Linear(2, 2)
    model = {"net": net, "adam": torch.optim.Adam(net.parameters())}
    for number, how in enumerate(({"exclude": "adam"}, {"exclude": "adam/"}, {"include": "net/"})):
        checkpoint.save(tmp_path / f"{number}.h5", model, **how)
        checkpoint.restore(tmp_path / f"{number}.h5", model, **how)
    for how in ({}, {"include": ["net/", "adam/"]}, {"exclude": "net/"}):
        with pytest.raises(SaveError, match="optimizer is not saved"):
            checkpoint.save(tmp_path / "x.h5", model, **how)


def test_tied_parameters_without_memory_are_refused_like_others(tmp_path):
    def tied():
        net = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
        net[1].weight = net[0].weight
        return net

    checkpoint.save(tmp_path / "x.h5", tied())
    with torch.device("meta"):
        net = tied()
    with pytest.raises(RestoreError, match="has no memory") as caught:
        checkpoint.restore(tmp_path / "x.h5", net)
    assert "to_empty" in caught.value.hint
