"""The smaller ready-made getters, how all of them go together, and how they are named in a configuration."""

import re

import numpy as np
import pytest

import tmplcore
from tests.plugins.tmpl_getters.models import trainables, variables
from tmpl_getters import Cast, Chain, Ema, Freeze, Lora, Override, Rename, Router, Switch
from tmplcore.errors import InvalidArgumentError, InvalidTypeError
from tmplcore.initializers import Ones, Zeros
from tmplcore.plugins import default_registry


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
