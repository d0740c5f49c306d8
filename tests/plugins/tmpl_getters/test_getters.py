"""The ready-made getters: numbers of the frameworks that have the same thing, and how they go together."""

import json
import re
import threading
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

import tmplcore
from tmpl_getters import Cast, Chain, Ema, Freeze, Lora, Override, Rename, Router, Switch
from tmplcore import checkpoint
from tmplcore.errors import InvalidArgumentError, InvalidTypeError, TrainableCreatedError
from tmplcore.initializers import Ones, Zeros
from tmplcore.plugins import default_registry

RECORDED = json.loads((Path(__file__).parents[2] / "data" / "getters" / "ema.json").read_text())


def backends():
    def framework(name):
        return pytest.param(name, marks=pytest.mark.skipif(_missing(name), reason=f"needs {name}"))

    return ["numpy", framework("torch"), framework("jax")]


def _missing(name):
    return bool(default_registry().backend(name).missing())


@pytest.fixture(params=backends())
def store(request):
    store = tmplcore.VariableStore(request.param)
    with store.as_default():
        yield store


def variables(store):
    return [variable.op.name for variable in store.variables]


def trainables(store):
    return [variable.op.name for variable in store.get_collection("trainable_variables")]


def dense(x, units=2):
    kernel = tmplcore.get_variable("kernel", [x.shape[-1], units])
    bias = tmplcore.get_variable("bias", [units], initializer=Zeros())
    return x @ kernel.value + bias.value if isinstance(kernel, tmplcore.Variable) else x @ kernel + bias


def number(value):
    return np.asarray(value.detach() if hasattr(value, "detach") else value, np.float64)


class TestEma:
    @pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda c: f"{c['dtype']}-{c['decay']}-{c['warm_up']}")
    def test_the_numbers_are_those_of_tensorflow_bit_for_bit(self, store, case):
        dtype = np.dtype(getattr(ml_dtypes, case["dtype"], case["dtype"]))
        if store.backend.name == "jax" and dtype == np.float64:
            pytest.skip("JAX computes in 32 bits unless told otherwise")

        def value(text):
            return np.frombuffer(bytes.fromhex(text), dtype).reshape(3, 4)

        averages = Ema(case["decay"])
        with tmplcore.variable_scope("model", custom_getter=averages):
            w = tmplcore.get_variable("w", initializer=value(case["start"]), dtype=dtype)
        got = [averages.average(w).numpy().tobytes().hex()]
        for step, target in enumerate(case["targets"]):
            w.assign(value(target))
            averages.update(step if case["warm_up"] else None)
            got.append(averages.average(w).numpy().tobytes().hex())
        assert got == case["shadows"]

    def test_names_and_collections_are_those_of_tensorflow(self, store):
        names = RECORDED["cases"][0]["names"]
        averages = Ema(0.5)
        with tmplcore.variable_scope("model", custom_getter=averages):
            w = tmplcore.get_variable("w", [3, 4])
            tmplcore.get_variable("frozen", [2], trainable=False)
        assert averages.average_name(w) == names["average_name"]
        for key in ("trainable_variables", "moving_average_variables"):
            assert [v.name for v in store.get_collection(key)] == names[key]
        assert sorted(v.name for v in store.get_collection("variables")) == sorted(names["global_variables"])
        restored = {name: f"{target}:0" for name, target in averages.restore_names().items()}
        assert restored.items() <= names["variables_to_restore"].items()

    def test_reading_averages_is_a_matter_of_the_thread(self, store):
        averages = Ema(0.0)
        net = tmplcore.make_template(
            "net", lambda: tmplcore.get_variable("w", initializer=1.0), custom_getter_=averages
        )
        net().assign(5.0)
        seen = []

        def elsewhere():
            with store.as_default():
                seen.append(net().op.name)

        with averages.read():
            assert net().op.name == "net/w/ExponentialMovingAverage"
            thread = threading.Thread(target=elsewhere)
            thread.start()
            thread.join()
        assert seen == ["net/w"]
        assert float(net().numpy()) == 5.0

    def test_averages_join_a_model_that_is_there_already(self, store):
        averages = Ema(enabled=False)
        net = tmplcore.make_template(
            "net", lambda: tmplcore.get_variable("w", initializer=1.0), custom_getter_=averages
        )
        w = net()
        w.assign(4.0)
        with averages.on():
            net()
        assert float(averages.average(w).numpy()) == 4.0
        assert variables(store) == ["net/w", "net/w/ExponentialMovingAverage"]

    def test_partitions_are_averaged_apart_and_read_as_one(self, store):
        averages = Ema(0.5)
        arguments = {"partitioner": tmplcore.fixed_size_partitioner(2), "initializer": Ones()}
        with tmplcore.variable_scope("m", custom_getter=averages, reuse=tmplcore.AUTO_REUSE):
            whole = tmplcore.get_variable("w", [3, 2], **arguments)
            for part in whole:
                part.assign(part.numpy() + 2)
            averages.update()
            with averages.read():
                assert number(tmplcore.get_variable("w", [3, 2], **arguments)).tolist() == [[2, 2]] * 3
        assert "m/w/part_1/ExponentialMovingAverage" in variables(store)

    def test_what_cannot_work_says_so(self):
        with pytest.raises(InvalidArgumentError, match="decay of 2"):
            Ema(2)
        with tmplcore.VariableStore().as_default():
            with pytest.raises(InvalidArgumentError, match="no variable of this store has an average"):
                Ema().update()
            with tmplcore.variable_scope("m", custom_getter=Chain(Ema(), Cast("float16"))):
                with pytest.raises(InvalidTypeError, match="only variables are averaged"):
                    tmplcore.get_variable("w", [2])

    def test_num_updates_may_be_a_variable(self, store):
        step = tmplcore.Variable(0, trainable=False, name="step")
        averages = Ema(0.999, num_updates=step)
        with tmplcore.variable_scope("m", custom_getter=averages):
            w = tmplcore.get_variable("w", initializer=0.0)
        w.assign(1.0)
        averages.update()
        assert float(averages.average(w).numpy()) == pytest.approx(0.9)

    def test_an_evaluation_runs_on_averages_without_the_getter(self, store, tmp_path):
        averages = Ema(0.5)
        with tmplcore.variable_scope("m", custom_getter=averages):
            tmplcore.get_variable("w", initializer=0.0).assign(2.0)
        averages.update()
        checkpoint.save(tmp_path / "c.h5", store)
        fresh = tmplcore.VariableStore()
        with fresh.as_default(), tmplcore.variable_scope("m"):
            w = tmplcore.get_variable("w", initializer=0.0)
        checkpoint.restore(
            tmp_path / "c.h5", fresh, include="*/ExponentialMovingAverage", rename=averages.restore_names()
        )
        assert float(w.numpy()) == 1.0


class TestFreeze:
    def test_variables_made_under_it_do_not_train(self, store):
        with tmplcore.variable_scope("m", custom_getter=Freeze("m/encoder/")):
            for name in ("encoder/w", "decoder/w"):
                tmplcore.get_variable(name, [2])
        assert trainables(store) == ["m/decoder/w"]

    def test_no_gradient_reaches_them(self, store):
        freeze = Freeze("*/a", enabled=False)

        def model(x):
            a = tmplcore.get_variable("a", initializer=3.0)
            return a * x * tmplcore.get_variable("b", initializer=2.0)

        if store.backend.name == "torch":
            net = tmplcore.make_template("net", model, custom_getter_=freeze)
            net(1.0)
            with freeze.on():
                net(1.0).backward()
            a, b = net.trainable_variables
            assert a.value.grad is None
            assert float(b.value.grad) == 3.0
        elif store.backend.name == "jax":
            import jax

            from tmpl_jax import transform

            net = transform(tmplcore.make_template("net", model, custom_getter_=freeze))
            params, state = net.init(0, 1.0)
            with freeze.on():
                grads = jax.grad(lambda params: net.apply(params, state, 1.0)[0])(params)
            assert jax.tree.map(float, grads) == {"net": {"a": 0.0, "b": 3.0}}
        else:
            net = tmplcore.make_template("net", model, custom_getter_=freeze)
            net(1.0)
            with freeze.on():
                assert float(net(1.0)) == 6.0

    def test_what_does_not_train_anyway_can_still_be_assigned(self, store):
        with tmplcore.variable_scope("m", custom_getter=Freeze()):
            mean = tmplcore.get_variable("mean", [2], trainable=False, initializer=Zeros())
            mean.assign([1, 2])
        assert mean.numpy().tolist() == [1, 2]

    def test_partitions_stay_variables(self, store):
        with tmplcore.variable_scope("m", custom_getter=Freeze()):
            whole = tmplcore.get_variable("w", [4], partitioner=tmplcore.fixed_size_partitioner(2))
        assert [part.trainable for part in whole] == [False, False]


class TestCast:
    @pytest.mark.parametrize("read", ["float16", "bfloat16"])
    def test_stored_in_32_bits_and_read_in_16(self, store, read):
        with tmplcore.variable_scope("m", custom_getter=Cast(read), dtype=read):
            w = tmplcore.get_variable("w", [2, 2], initializer=Ones())
            c = tmplcore.get_variable("c", initializer=np.ones(3, np.float64))
            n = tmplcore.get_variable("n", [2], dtype="int32")
            m = tmplcore.get_variable("m", [2], dtype="float32", trainable=False)
        assert str(w.dtype).endswith(read)
        assert str(c.dtype).endswith(read)
        assert isinstance(n, tmplcore.Variable)
        assert isinstance(m, tmplcore.Variable)
        assert {v.op.name: v.dtype.name for v in store.variables} == {
            "m/w": "float32",
            "m/c": "float32",
            "m/n": "int32",
            "m/m": "float32",
        }

    def test_the_gradient_arrives_in_32_bits(self, store):
        if store.backend.name != "torch":
            pytest.skip("torch's way of asking for it")
        import torch

        with tmplcore.variable_scope("m", custom_getter=Cast("bfloat16")):
            w = tmplcore.get_variable("w", [2], initializer=Ones())
        (w * 3).sum().backward()
        (stored,) = store.variables
        assert stored.value.grad.dtype == torch.float32
        assert stored.value.grad.tolist() == [3, 3]

    def test_switched_off_the_variables_are_the_same(self, store):
        cast = Cast("float16", enabled=False)
        with tmplcore.variable_scope("m", custom_getter=cast, reuse=tmplcore.AUTO_REUSE):
            w = tmplcore.get_variable("w", [2], dtype="float16")
            assert w.dtype == np.float32
            with cast.on():
                assert str(tmplcore.get_variable("w", [2], dtype="float16").dtype).endswith("float16")

    def test_an_integer_type_is_refused(self):
        with pytest.raises(InvalidArgumentError, match="int32 is not a floating type"):
            Cast("int32")


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


class TestOverride:
    def test_arguments_are_replaced(self, store):
        with tmplcore.variable_scope("m", custom_getter=Override(trainable=False, dtype="float16")):
            w = tmplcore.get_variable("w", [2], trainable=True)
        assert (w.trainable, w.dtype.name) == (False, "float16")

    def test_an_unknown_argument(self):
        with pytest.raises(InvalidArgumentError, match="no argument 'trainabel'") as caught:
            Override(trainabel=True)
        assert caught.value.hint == "did you mean trainable?"
        with pytest.raises(InvalidArgumentError, match="no argument 'reuse'"):
            Override(reuse=True)


class TestRename:
    def test_groups(self, store):
        rename = Rename({r"(.*)/h(?P<n>\d+)/w": r"\1/layer_\g<n>/kernel"})
        with tmplcore.variable_scope("m", custom_getter=rename):
            tmplcore.get_variable("h12/w", [1])
            tmplcore.get_variable("h12/b", [1])
        assert variables(store) == ["m/layer_12/kernel", "m/h12/b"]

    @pytest.mark.parametrize("rules", [{"(": "x"}, {"a": r"\1"}, {"(?P<n>a)": r"\g<m>"}])
    def test_a_rule_that_does_not_work(self, rules):
        with pytest.raises(InvalidArgumentError, match="does not work"):
            Rename(rules)


def native(store, array):
    if store.backend.name == "torch":
        import torch

        return torch.from_numpy(array)
    return array


def test_chained_getters_stand_in_the_order_of_scopes(store):
    def suffix(text):
        return lambda next_getter, name, **kwargs: next_getter(name + text, **kwargs)

    with (
        tmplcore.variable_scope("s", custom_getter=suffix("_out")),
        tmplcore.variable_scope("t", custom_getter=suffix("_in")),
    ):
        tmplcore.get_variable("v", [1])
    with tmplcore.variable_scope("s/t", custom_getter=Chain(suffix("_in"), suffix("_out"))):
        tmplcore.get_variable("w", [1])
    assert variables(store) == ["s/t/v_in_out", "s/t/w_in_out"]


def test_all_of_them_at_once(store):
    averages, lora = Ema(0.5), Lora(rank=1)
    chain = Chain(Cast("float16"), lora, averages, Rename({"model/(.*)": r"net/\1"}))
    with tmplcore.variable_scope("model", custom_getter=chain):
        w = tmplcore.get_variable("w", [2, 2])
    assert str(w.dtype).endswith("float16")
    assert "net/w/lora_A/ExponentialMovingAverage" in variables(store)
    assert trainables(store) == ["net/w/lora_A", "net/w/lora_B"]
    averages.update()


def test_a_router_refuses_ambiguity(store):
    router = Router({"*/kernel": Freeze(), "m/dense/": None, "re:bias$": Override(dtype="float16")})
    with tmplcore.variable_scope("m", custom_getter=router):
        assert not tmplcore.get_variable("conv/kernel", [1]).trainable
        assert tmplcore.get_variable("conv/bias", [1], dtype="float32").dtype == np.float16
        assert tmplcore.get_variable("dense/w", [1]).trainable
        with pytest.raises(InvalidArgumentError, match=r"'m/dense/kernel' matches 2 routes: '\*/kernel', 'm/dense/'"):
            tmplcore.get_variable("dense/kernel", [1])
    assert "m/dense/kernel" not in variables(store)


def test_a_switch_for_any_getter(store):
    switch = Switch(Override(trainable=False), enabled=False)
    with tmplcore.variable_scope("m", custom_getter=switch):
        assert tmplcore.get_variable("a", [1]).trainable
        with switch.on():
            assert not tmplcore.get_variable("b", [1]).trainable
            with switch.off():
                assert tmplcore.get_variable("c", [1]).trainable


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ema", {"decay": 0.9}),
        ("freeze", {"patterns": ["a/*"]}),
        ("cast", {"read": "float16"}),
        ("lora", {"rank": 4, "patterns": ["re:x$"]}),
        ("override", {"trainable": False, "initializer": {"name": "random_normal", "stddev": 0.5}}),
        ("override", {"initializer": "zeros", "regularizer": {"name": "l2", "scale": 0.5}}),
        ("rename", {"rules": {"a": "b"}}),
    ],
)
def test_a_configuration_can_name_them(name, options):
    plugin = default_registry().getter(name)
    model = plugin.load_options().model_validate(options)
    getter = plugin.load_factory()(**{field: getattr(model, field) for field in type(model).model_fields})
    with tmplcore.VariableStore().as_default(), tmplcore.variable_scope("s", custom_getter=getter):
        tmplcore.get_variable("w", [2, 2])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ema", {"decay": 1.5}),
        ("ema", {"dekay": 0.5}),
        ("cast", {"read": "int8"}),
        ("freeze", {"patterns": ["re:("]}),
        ("lora", {"rank": 0}),
        ("override", {"initializer": "zeroes"}),
        ("override", {"initializer": {"name": "zeros", "stddev": 1}}),
        ("rename", {}),
    ],
)
def test_wrong_options_are_refused(name, options):
    with pytest.raises(ValueError, match="validation error"):
        default_registry().getter(name).load_options().model_validate(options)


def test_a_configured_store_hands_out_its_getters(tmp_path):
    import tmplcore.config

    (tmp_path / "tmpl.toml").write_text(
        '[[getters]]\nname = "cast"\noptions = { read = "float16" }\n'
        '[[getters]]\nname = "ema"\npattern = ["net/*"]\noptions = { decay = 0.5 }\n'
    )
    store = tmplcore.config.load(tmp_path).store()
    with store.as_default():
        w = tmplcore.get_variable("net/w", [2], initializer=Zeros())
        tmplcore.get_variable("other", [2])
        store.variables[0].assign([2.0, 2.0])
        store.custom_getter.named("ema").update()
    assert w.dtype == np.float16
    assert variables(store) == ["net/w", "net/w/ExponentialMovingAverage", "other"]
    assert store.variables[1].numpy().tolist() == [1, 1]
    with pytest.raises(InvalidArgumentError, match="no getters named 'lora'"):
        store.custom_getter.named("lora")


@pytest.mark.parametrize(
    "make", [lambda: Chain(Freeze(), 3), lambda: Router({"*": 3}), lambda: Router({}, default=3), lambda: Switch(3)]
)
def test_what_is_no_getter_is_refused_where_it_is_given(make):
    with pytest.raises(InvalidTypeError, match="3 is not a getter") as caught:
        make()
    assert "next_getter" in caught.value.hint


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Ema("a"), "the decay is a number, not 'a'"),
        (lambda: Ema(None), "the decay is a number, not None"),
        (lambda: Ema(0.9, num_updates="x").update(), "num_updates is a number, not 'x'"),
        (lambda: Lora("a"), "the rank is a whole number, not 'a'"),
        (lambda: Lora(2.5), "the rank is a whole number, not 2.5"),
        (lambda: Lora(2, alpha="x"), "alpha is a number, not 'x'"),
        (lambda: Lora(2, patterns=3), "patterns for names are text, not 3"),
        (lambda: Freeze(3), "patterns for names are text, not 3"),
        (lambda: Rename("a"), "rules of names are a mapping, not 'a'"),
        (lambda: Rename({1: "a"}), "rules of names are a mapping, not {1: 'a'}"),
        (lambda: Router(3), "routes are a mapping, not 3"),
        (lambda: Router({"a": 3}), "3 is not a getter"),
    ],
)
def test_arguments_of_the_wrong_type_are_named(make, message):
    with pytest.raises(InvalidTypeError, match=re.escape(message)) as caught:
        make()
    assert caught.value.hint


def test_an_alpha_that_is_no_scale():
    with pytest.raises(InvalidArgumentError, match="an alpha of 0 is not above 0"):
        Lora(2, alpha=0)
    assert Lora(np.int64(2), alpha=np.float32(4)).scale == 2


def test_numbers_of_any_kind_are_numbers():
    assert Ema(np.float32(0.5)).decay == 0.5
    assert Ema(1).decay == 1


def test_cast_is_asked_first(store):
    """In a chain behind `Freeze` or `Lora` it sees variables that do not train, and leaves them in the stored type."""
    for getter, kernel in (
        (Chain(Cast("float16"), Lora(2), Freeze("*/bias")), "float16"),
        (Chain(Lora(2), Freeze("*/bias"), Cast("float16")), "float32"),
    ):
        with tmplcore.variable_scope(None, "model", custom_getter=getter):
            read = tmplcore.get_variable("kernel", [4, 4])
            bias = tmplcore.get_variable("bias", [4])
        assert {str(getattr(read, "value", read).dtype).removeprefix("torch.") for read in (read, bias)} == {kernel}
    assert {v.dtype.name for v in store.variables} == {"float32"}
