"""Low-rank adapters: their numbers, what trains, and merging."""

import numpy as np
import pytest

import tmplcore
from tests.plugins.tmpl_getters.models import dense, native, number, trainables
from tmpl_getters import Lora
from tmplcore import checkpoint
from tmplcore.errors import InvalidArgumentError, TrainableCreatedError


class TestLora:
    def test_the_formula(self, store):
        lora = Lora(rank=2, alpha=6)
        net = tmplcore.make_template("net", dense, custom_getter_=lora)
        x = np.arange(8, dtype=np.float32).reshape(2, 4) / 8
        x = native(store, x)
        start = number(net(x))
        kernel, a, b, _ = store.variables
        assert trainables(store) == ["net/kernel/lora_A", "net/kernel/lora_B"]
        assert not b.numpy().any()
        assert np.allclose(start, number(x) @ kernel.numpy())
        rng = np.random.default_rng(0)
        a.assign(rng.standard_normal((4, 2)))
        b.assign(rng.standard_normal((2, 2)))
        expected = number(x) @ (kernel.numpy() + 6 / 2 * a.numpy() @ b.numpy())
        assert np.allclose(number(net(x)), expected, atol=1e-5)
        with lora.base():
            assert np.allclose(number(net(x)), start, atol=1e-6)

    def test_against_pytorchs_own_parametrization(self):
        torch = pytest.importorskip("torch")
        from torch.nn.utils import parametrize

        class LowRank(torch.nn.Module):
            def __init__(self, a, b, scale):
                super().__init__()
                self.a, self.b, self.scale = torch.nn.Parameter(a.clone()), torch.nn.Parameter(b.clone()), scale

            def forward(self, weight):
                return weight.detach() + self.scale * (self.a @ self.b).T

        lora = Lora(rank=3, alpha=12)
        x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
        with tmplcore.VariableStore("torch").as_default():
            net = tmplcore.make_template("net", dense, custom_getter_=lora)
            net(x)
            a, b = lora.adapters()
            b.assign(np.random.default_rng(1).standard_normal((3, 2)))
            native_ = torch.nn.Linear(4, 2)
            with torch.no_grad(), lora.base():
                native_.weight.copy_(net.variables[0].value.T)
                native_.bias.zero_()
            low = LowRank(a.value.detach(), b.value.detach(), 12 / 3)
            parametrize.register_parametrization(native_, "weight", low)
            ours, theirs = net(x), native_(x)
            assert torch.allclose(ours, theirs, atol=1e-6)
            ours.square().sum().backward()
            theirs.square().sum().backward()
            assert torch.allclose(a.value.grad, low.a.grad, atol=1e-4)
            assert torch.allclose(b.value.grad, low.b.grad, atol=1e-4)

    def test_convolutions_are_seen_as_matrices(self, store):
        lora = Lora(rank=2, patterns="*/filter")
        with tmplcore.variable_scope("conv", custom_getter=lora):
            w = tmplcore.get_variable("filter", [3, 3, 2, 5])
        assert tuple(w.shape) == (3, 3, 2, 5)
        assert [tuple(v.shape) for v in lora.adapters()] == [(18, 2), (2, 5)]

    def test_merging_changes_nothing_but_where_it_is(self, store):
        lora = Lora(rank=1, alpha=3)
        net = tmplcore.make_template("net", dense, custom_getter_=lora)
        x = native(store, np.ones((1, 3), np.float32))
        net(x)
        lora.adapters()[1].assign([[1.0, -2.0]])
        trained = number(net(x))
        assert lora.merge() == ["net/kernel"]
        assert np.allclose(number(net(x)), trained, atol=1e-6)
        with lora.base():
            assert np.allclose(number(net(x)), trained, atol=1e-6)
        merged = store.variables[0].numpy().copy()
        lora.merge()
        assert np.array_equal(store.variables[0].numpy(), merged)

    def test_merging_a_partitioned_kernel(self, store):
        lora = Lora(rank=1)
        with tmplcore.variable_scope("m", custom_getter=lora, reuse=tmplcore.AUTO_REUSE):
            arguments = {"partitioner": tmplcore.fixed_size_partitioner(2)}
            before = number(tmplcore.get_variable("w", [3, 2], **arguments))
            a, b = lora.adapters()
            b.assign([[1.0, 2.0]])
            trained = number(tmplcore.get_variable("w", [3, 2], **arguments))
            assert np.allclose(trained, before + a.numpy() @ b.numpy(), atol=1e-6)
            lora.merge()
            with lora.base():
                assert np.allclose(number(tmplcore.get_variable("w", [3, 2], **arguments)), trained, atol=1e-6)

    def test_an_adapter_checkpoint_restores_onto_the_base(self, tmp_path):
        def make(seed):
            store, lora = tmplcore.VariableStore(seed=seed), Lora(rank=2)
            with store.as_default():
                net = tmplcore.make_template("net", dense, custom_getter_=lora)
                net(np.ones((1, 4), np.float32))
            return store, lora, net

        x = np.arange(4, dtype=np.float32)[None]
        store, lora, net = make(1)
        for variable in lora.adapters(store=store):
            variable.assign(np.random.default_rng(2).standard_normal(variable.shape))
        with store.as_default():
            trained = net(x)
            with lora.base():
                checkpoint.save(tmp_path / "base.h5", [v for v in store.variables if "lora" not in v.name])
        checkpoint.save(tmp_path / "adapters.h5", lora.adapters(store=store))
        assert sorted(checkpoint.load(tmp_path / "adapters.h5")) == ["net/kernel/lora_A", "net/kernel/lora_B"]

        other, _, net = make(2)
        checkpoint.restore(tmp_path / "base.h5", other, missing="skip")
        checkpoint.restore(tmp_path / "adapters.h5", other, missing="skip")
        with other.as_default():
            assert np.array_equal(net(x), trained)

    def test_adapters_cannot_join_a_template_that_was_called(self, store):
        lora = Lora(enabled=False)
        net = tmplcore.make_template("net", dense, custom_getter_=lora)
        x = native(store, np.ones((1, 4), np.float32))
        net(x)
        with lora.on(), pytest.raises(TrainableCreatedError):
            net(x)

    def test_a_rank_of_zero(self):
        with pytest.raises(InvalidArgumentError, match="rank of 0"):
            Lora(0)
