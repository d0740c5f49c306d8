"""Templates as modules: state dicts, optimizers, devices, functional calls, compilation."""

import copy
import io
import pickle

import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.errors import BackendError, InvalidArgumentError, InvalidTypeError
from tmplcore.initializers import Ones, Zeros

torch = pytest.importorskip("torch")

from torch._dynamo.testing import CompileCounterWithBackend  # noqa: E402

from tmpl_torch import TorchBackend, as_module  # noqa: E402


def dense(x, units, name):
    with tmplcore.variable_scope(name):
        kernel = tmplcore.get_variable("kernel", [x.shape[-1], units])
        bias = tmplcore.get_variable("bias", [units], initializer=Zeros())
    return x @ kernel + bias


def build(x):
    """Two layers, a shared inner template, a statistic that is assigned to."""
    mean = tmplcore.get_variable("mean", [x.shape[-1]], trainable=False, initializer=Zeros())
    mean.assign(0.9 * mean.value + 0.1 * x.detach().mean(0))
    inner = tmplcore.make_template("inner", lambda h: torch.tanh(dense(h, 4, "dense")))
    return dense(inner(inner(x - mean)), 2, "out")


class Native(torch.nn.Module):
    """The same, as one would write it without scopes."""

    def __init__(self, state):
        super().__init__()
        self.inner = torch.nn.Linear(4, 4)
        self.out = torch.nn.Linear(4, 2)
        self.register_buffer("mean", torch.zeros(4))
        with torch.no_grad():
            self.inner.weight.copy_(state["net.inner.dense.kernel"].T)
            self.inner.bias.copy_(state["net.inner.dense.bias"])
            self.out.weight.copy_(state["net.out.kernel"].T)
            self.out.bias.copy_(state["net.out.bias"])

    def forward(self, x):
        with torch.no_grad():
            self.mean.copy_(0.9 * self.mean + 0.1 * x.detach().mean(0))
        h = torch.tanh(self.inner(torch.tanh(self.inner(x - self.mean))))
        return self.out(h)


@pytest.fixture
def x():
    return torch.randn(5, 4, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def net(x):
    store = tmplcore.VariableStore("torch", seed=3)
    net = as_module(tmplcore.make_template("net", build), store=store)
    return net.build(torch.zeros_like(x))


KEYS = ["net.mean", "net.inner.dense.kernel", "net.inner.dense.bias", "net.out.kernel", "net.out.bias"]


def test_the_state_dict_has_the_variables_names_with_dots(net):
    assert sorted(net.state_dict()) == sorted(KEYS)
    assert sorted(name for name, _ in net.named_parameters()) == sorted(set(KEYS) - {"net.mean"})
    assert [name for name, _ in net.named_buffers()] == ["net.mean"]
    assert net.get_parameter("net.out.kernel") is net.net.out.kernel


def test_parameters_are_the_values_themselves(net):
    values = {variable.op.name.replace("/", "."): variable.value for variable in net.variables}
    assert all(tensor is values[name] for name, tensor in net.named_parameters())
    assert net.net.mean is values["net.mean"]


def test_it_computes_what_a_module_computes_and_so_do_its_gradients(net, x):
    native = Native(net.state_dict())
    ours, theirs = net(x), native(x)
    assert torch.allclose(ours, theirs, atol=1e-6)
    assert torch.equal(net.net.mean, native.mean)
    ours.square().sum().backward()
    theirs.square().sum().backward()
    assert torch.allclose(net.net.inner.dense.kernel.grad, native.inner.weight.grad.T, atol=1e-5)
    assert torch.allclose(net.net.out.bias.grad, native.out.bias.grad, atol=1e-5)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "LBFGS"])
def test_any_optimizer_trains_it(net, x, name):
    optimizer = getattr(torch.optim, name)(net.parameters(), lr=0.05)

    def loss():
        optimizer.zero_grad()
        value = (net(x) - 1).square().mean()
        value.backward()
        return value.detach()

    first = float(loss())
    for _ in range(20):
        optimizer.step(loss)
    assert float(loss()) < 0.7 * first
    with net.store.as_default():
        assert net.template.trainable_variables[0].numpy() is not None


def test_a_template_that_was_called_keeps_its_values(x):
    with tmplcore.VariableStore("torch").as_default():
        template = tmplcore.make_template("net", dense, units=2, name="d")
        expected = template(x)
        module = as_module(template)
    assert torch.equal(module(x), expected)
    assert sorted(module.state_dict()) == ["net.d.bias", "net.d.kernel"]


def test_the_first_call_makes_the_variables(x):
    module = as_module(tmplcore.make_template("net", dense, units=2, name="d"), store=tmplcore.VariableStore("torch"))
    assert not list(module.parameters())
    module(x).sum().backward()
    assert sorted(module.state_dict()) == ["net.d.bias", "net.d.kernel"]
    assert all(p.grad is not None for p in module.parameters())


def test_meta_allocates_nothing_and_materializes_what_it_would_have_been(x):
    def make(device):
        store = tmplcore.VariableStore(TorchBackend(device), seed=3)
        return as_module(tmplcore.make_template("net", dense, units=2, name="d"), store=store)

    module = make("meta").build(x.to("meta"))
    assert {p.device.type for p in module.parameters()} == {"meta"}
    expected = make("cpu").build(x)
    module.materialize("cpu")
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), expected.parameters(), strict=True))
    assert torch.equal(module(x), expected(x))
    assert all(variable.value is p for variable, p in zip(module.variables, module.parameters(), strict=True))


def test_to_empty_and_load_state_dict_after_meta(x):
    store = tmplcore.VariableStore(TorchBackend("meta"))
    module = as_module(tmplcore.make_template("net", dense, units=2, name="d"), store=store).build(x.to("meta"))
    state = {"net.d.kernel": torch.ones(4, 2), "net.d.bias": torch.ones(2)}
    module.to_empty(device="cpu").load_state_dict(state)
    assert torch.equal(module(x), x @ torch.ones(4, 2) + 1)
    other = as_module(
        tmplcore.make_template("net", dense, units=2, name="d"), store=tmplcore.VariableStore(TorchBackend("meta"))
    ).build(x.to("meta"))
    other.load_state_dict(state, assign=True)
    assert torch.equal(other(x), module(x))
    with other.store.as_default():
        assert other.template.variables[1].numpy().tolist() == [1, 1]


def test_moving_the_module_moves_the_variables(net, x):
    parameters = list(net.parameters())
    net.to("meta")
    assert {variable.value.device.type for variable in net.variables} == {"meta"}
    net.to_empty(device="cpu")
    assert {variable.value.device.type for variable in net.variables} == {"cpu"}
    assert len(list(net.parameters())) == len(parameters)
    net(x)


def test_another_dtype_is_refused(net):
    with pytest.raises(BackendError, match=r"net/.*dtype float32 and cannot become torch.float64") as caught:
        net.double()
    assert "Cast" in caught.value.hint


def test_load_state_dict_reaches_the_template_and_strangers_are_refused(net, x):
    state = {name: torch.full_like(tensor, 0.5) for name, tensor in net.state_dict().items()}
    net.load_state_dict(state)
    assert all((variable.numpy() == 0.5).all() for variable in net.variables)
    with pytest.raises(RuntimeError, match=r"Unexpected key.*net.out.scale"):
        net.load_state_dict({**state, "net.out.scale": torch.ones(1)})
    with pytest.raises(RuntimeError, match=r"Missing key.*net.mean"):
        net.load_state_dict({name: tensor for name, tensor in state.items() if name != "net.mean"})


def test_functional_call_and_func_transforms(net, x):
    parameters = {name: tensor.detach().clone() for name, tensor in net.named_parameters()}
    buffers = {name: tensor.clone() for name, tensor in net.named_buffers()}

    def loss(parameters, buffers, x):
        return torch.func.functional_call(net, (parameters, buffers), (x,)).square().sum()

    before = net.net.mean.clone()
    grads = torch.func.grad(loss)(parameters, buffers, x)
    assert torch.equal(net.net.mean, before)
    native = Native(net.state_dict())
    native.mean.copy_(before)
    native(x).square().sum().backward()
    assert torch.allclose(grads["net.inner.dense.kernel"], native.inner.weight.grad.T, atol=1e-5)
    zeros = {name: torch.zeros_like(tensor) for name, tensor in parameters.items()}
    assert not torch.func.functional_call(net, (zeros, buffers), (x,)).any()


def test_ensembles_by_vmap(x):
    module = as_module(tmplcore.make_template("net", dense, units=2, name="d"), store=tmplcore.VariableStore("torch"))
    module.build(x)
    stacked = {name: torch.stack([p.detach(), 2 * p.detach()]) for name, p in module.named_parameters()}
    out = torch.func.vmap(lambda p: torch.func.functional_call(module, p, (x,)))(stacked)
    assert torch.allclose(out[1], 2 * out[0])


def test_a_name_may_be_a_scope_too(x):
    def model(x):
        w = tmplcore.get_variable("w", [4], initializer=Ones())
        return x * w * tmplcore.get_variable("w/forward", [4], initializer=Ones())

    module = as_module(tmplcore.make_template("net", model), store=tmplcore.VariableStore("torch")).build(x)
    assert sorted(module.state_dict()) == ["net.w", "net.w.forward"]
    module.load_state_dict({"net.w": torch.full((4,), 2.0), "net.w.forward": torch.full((4,), 3.0)})
    assert torch.equal(module(x), 6 * x)


def test_names_that_differ_in_dots_alone_are_refused(x):
    def model(x):
        return x * tmplcore.get_variable("a/b", [4]) * tmplcore.get_variable("a.b", [4])

    module = as_module(tmplcore.make_template("net", model), store=tmplcore.VariableStore("torch"))
    with pytest.raises(InvalidArgumentError, match="one key in the state dict"):
        module.build(x)


def test_variables_of_another_backend_are_refused(x):
    with tmplcore.VariableStore().as_default():
        template = tmplcore.make_template("net", dense, units=2, name="d")
        template(x.numpy())
        with pytest.raises(InvalidTypeError, match="on the numpy backend") as caught:
            as_module(template)
    assert 'VariableStore("torch")' in caught.value.hint


class TestCompile:
    """One graph, no breaks, no recompiles, and the graph of the module one would have written by hand."""

    @pytest.fixture(autouse=True)
    def _clean(self):
        torch._dynamo.reset()
        torch._dynamo.utils.counters.clear()
        yield
        torch._dynamo.reset()

    @pytest.mark.parametrize("backend", ["eager", "aot_eager"])
    def test_one_graph_and_no_recompiles_over_ten_calls(self, net, x, backend):
        counter = CompileCounterWithBackend(backend)
        compiled = torch.compile(net, backend=counter, fullgraph=True)
        native = Native(net.state_dict())
        native.mean.copy_(net.net.mean)
        for step in range(10):
            out, expected = compiled(x + step), native(x + step)
            assert torch.allclose(out, expected, atol=1e-5)
            net.zero_grad()
            native.zero_grad()
            out.sum().backward()
            expected.sum().backward()
            assert torch.allclose(net.net.out.kernel.grad, native.out.weight.grad.T, atol=1e-5)
        assert torch.allclose(net.net.mean, native.mean, atol=1e-6)
        assert counter.frame_count == 1
        assert not torch._dynamo.utils.counters["graph_break"]
        assert not torch._dynamo.utils.counters["recompiles"]

    def test_explain_finds_one_graph_and_no_breaks(self, net, x):
        explained = torch._dynamo.explain(net)(x)
        assert explained.graph_count == 1
        assert explained.graph_break_count == 0

    def test_training_under_compile_is_training(self, net, x):
        compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        losses = []
        for _ in range(10):
            optimizer.zero_grad()
            loss = (compiled(x) - 1).square().mean()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert losses[-1] < losses[0]

    def test_the_graph_is_the_native_one(self, net, x):
        def operations(module):
            graphs = []

            def keep(graph, inputs):
                graphs.append([str(node.target) for node in graph.graph.nodes if node.op == "call_function"])
                return graph

            torch._dynamo.reset()
            from torch._dynamo.backends.common import aot_autograd

            torch.compile(module, backend=aot_autograd(fw_compiler=keep), fullgraph=True)(x)
            return graphs

        class ByHand(torch.nn.Module):
            """With the kernels as they are, or the graphs differ by transpositions."""

            def __init__(self, state):
                super().__init__()
                for name, tensor in state.items():
                    value = tensor.clone()
                    if name == "net.mean":
                        self.register_buffer("mean", value)
                    else:
                        self.register_parameter(name.replace(".", "_"), torch.nn.Parameter(value))

            def layer(self, h):
                return torch.tanh(h @ self.net_inner_dense_kernel + self.net_inner_dense_bias)

            def forward(self, x):
                with torch.no_grad():
                    self.mean.copy_(0.9 * self.mean + 0.1 * x.detach().mean(0))
                return self.layer(self.layer(x - self.mean)) @ self.net_out_kernel + self.net_out_bias

        with torch.no_grad():
            assert operations(net) == operations(ByHand(net.state_dict()))

    def test_a_getter_that_computes_is_in_the_graph(self, x):
        from tmpl_getters import Lora

        lora = Lora(rank=2)
        template = tmplcore.make_template("net", dense, custom_getter_=lora, units=2, name="d")
        module = as_module(template, store=tmplcore.VariableStore("torch")).build(x)
        compiled = torch.compile(module, backend="aot_eager", fullgraph=True)
        for value in (1.0, 2.0):
            lora.adapters(store=module.store)[1].assign(torch.full((2, 2), value))
            assert torch.allclose(compiled(x), module(x), atol=1e-6)
        compiled(x).sum().backward()
        assert module.get_submodule("net.d")._modules["kernel"].lora_B.grad is not None

    def test_other_batch_sizes_need_one_more_graph_at_most(self, net):
        counter = CompileCounterWithBackend("aot_eager")
        compiled = torch.compile(net, backend=counter, fullgraph=True)
        for size in (2, 3, 4, 5, 6):
            batch = torch.ones(size, 4)
            with torch.no_grad():
                assert compiled(batch).shape == (size, 2)
        assert counter.frame_count <= 2

    def test_a_part_of_a_larger_model(self, x):
        template = tmplcore.make_template("net", dense, units=2, name="d")
        net = as_module(template, store=tmplcore.VariableStore("torch")).build(x)
        model = torch.nn.Sequential(torch.nn.Linear(4, 4), net, torch.nn.Linear(2, 1))
        assert torch.allclose(torch.compile(model, backend="aot_eager", fullgraph=True)(x), model(x), atol=1e-5)

    def test_variables_must_be_there_before_a_full_graph(self, x):
        module = as_module(
            tmplcore.make_template("net", dense, units=2, name="d"), store=tmplcore.VariableStore("torch")
        )
        with pytest.raises(Exception, match=r"call module.build\(example\) before compiling"):
            torch.compile(module, backend="eager", fullgraph=True)(x)
        torch._dynamo.reset()
        compiled = torch.compile(module, backend="eager")
        assert torch.allclose(compiled(x), compiled(x))
        assert sorted(module.state_dict()) == ["net.d.bias", "net.d.kernel"]
        assert torch.allclose(torch.compile(module, backend="aot_eager", fullgraph=True)(x), module(x))


def test_a_copy_has_variables_of_its_own(net, x):
    other = copy.deepcopy(net)
    assert list(other.state_dict()) == list(net.state_dict())
    before = other(x)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    other.load_state_dict(other.state_dict())
    assert before.any()
    assert other(x).any()
    assert not net(x).any()
    average = torch.optim.swa_utils.AveragedModel(other)
    average.update_parameters(other)
    assert average(x).shape == (5, 2)


def test_it_is_not_pickled_and_says_what_to_save_instead(net):
    for save in (pickle.dumps, lambda module: torch.save(module, io.BytesIO())):
        with pytest.raises(TypeError, match=r"torch.save\(module.state_dict\(\), path\)"):
            save(net)


def test_parameters_that_torch_replaced_are_named(net, x):
    torch.nn.utils.parametrizations.weight_norm(net.get_submodule("net.out"), "kernel")
    with pytest.raises(BackendError, match="'kernel' of this module was taken away") as caught:
        net(x)
    assert "getter" in caught.value.hint


def test_a_first_call_in_inference_mode_makes_variables_that_train(x):
    net = as_module(tmplcore.make_template("net", build), store=tmplcore.VariableStore("torch"))
    with torch.inference_mode():
        net(x)
    net(x).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    with torch.inference_mode():
        net.load_state_dict(net.state_dict())
    net(x).sum().backward()


def test_its_repr_shows_the_variables(net):
    assert "(kernel): [4, 4] float32" in repr(net)


class TestCheckpoints:
    def test_a_module_of_a_template_and_the_template_have_one_checkpoint(self, net, x, tmp_path):
        expected = {variable.op.name: variable.numpy().copy() for variable in net.variables}
        checkpoint.save(tmp_path / "c.h5", net)
        assert checkpoint.load(tmp_path / "c.h5").keys() == expected.keys()
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.zero_()
        with net.store.as_default():
            checkpoint.restore(tmp_path / "c.h5", net.template)
        assert all(np.array_equal(variable.numpy(), expected[variable.op.name]) for variable in net.variables)

    def test_any_module_by_the_keys_of_its_state_dict(self, tmp_path):
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 2)).bfloat16()
        state = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        checkpoint.save(tmp_path / "c.h5", module)
        assert sorted(checkpoint.load(tmp_path / "c.h5")) == sorted(state)
        with torch.no_grad():
            for tensor in module.state_dict().values():
                tensor.zero_()
        pointers = [tensor.data_ptr() for tensor in module.state_dict().values()]
        assert checkpoint.restore(tmp_path / "c.h5", module).ok
        assert all(torch.equal(tensor, state[name]) for name, tensor in module.state_dict().items())
        assert pointers == [tensor.data_ptr() for tensor in module.state_dict().values()]

    def test_a_dictionary_of_tensors(self, tmp_path):
        state = {"a": torch.ones(2, dtype=torch.bfloat16), "b": {"c": torch.arange(3)}}
        checkpoint.save(tmp_path / "c.h5", state)
        into = {"a": torch.zeros(2, dtype=torch.bfloat16), "b": {"c": torch.zeros(3, dtype=torch.int64)}}
        checkpoint.restore(tmp_path / "c.h5", into)
        assert torch.equal(into["a"], state["a"])
        assert torch.equal(into["b"]["c"], state["b"]["c"])

    def test_a_module_on_meta_has_nothing_to_save(self, tmp_path):
        with pytest.raises(tmplcore.errors.SaveError, match="meta"):
            checkpoint.save(tmp_path / "c.h5", torch.nn.Linear(2, 2, device="meta"))


def test_the_founding_example_is_a_module():
    def my_op(x, scalar_name):
        return x * tmplcore.get_variable(scalar_name, shape=[], initializer=Ones())

    store = tmplcore.VariableStore("torch")
    with store.as_default():
        scale_by_y = tmplcore.make_template("scale_by_y", my_op, scalar_name="y")
        z, w = scale_by_y(torch.ones(3)), scale_by_y(torch.full((3,), 2.0))
        (z.sum() + w.sum()).backward()
        (y,) = scale_by_y.trainable_variables
    assert y.name == "scale_by_y/y:0"
    assert float(y.value.grad) == 9.0
    assert list(as_module(scale_by_y, store=store).state_dict()) == ["scale_by_y.y"]


def test_a_function_is_no_template():
    with pytest.raises(InvalidTypeError, match="is not a template") as caught:
        as_module(lambda x: x)
    assert "make_template" in caught.value.hint


def test_a_state_dict_cannot_be_loaded_before_there_are_variables():
    def net():
        template = tmplcore.make_template("net", lambda x: x @ tmplcore.get_variable("kernel", [2, 2]))
        return as_module(template, store=tmplcore.VariableStore("torch"))

    state = net().build(torch.ones(1, 2)).state_dict()
    for module, prefix in [(net(), ""), (torch.nn.Sequential(net()), "0.")]:
        with pytest.raises(RuntimeError, match=r"call module.build\(example\) before load_state_dict"):
            module.load_state_dict({prefix + key: value for key, value in state.items()})
    built = net().build(torch.ones(1, 2))
    built.load_state_dict(state)
    assert torch.equal(built.state_dict()["net.kernel"], state["net.kernel"])
