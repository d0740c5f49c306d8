"""Templates and functions as pure init and apply."""

import collections
import threading

import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.errors import BackendError, InvalidArgumentError, InvalidTypeError, SaveError, VariableNotFoundError
from tmplcore.initializers import Ones, Zeros

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from tmpl_jax import flatten, nest, transform  # noqa: E402


def dense(x, units, name):
    with tmplcore.variable_scope(name):
        kernel = tmplcore.get_variable("kernel", [x.shape[-1], units])
        bias = tmplcore.get_variable("bias", [units], initializer=Zeros())
    return x @ kernel + bias


def model(x):
    """Two layers of which one is shared, and a statistic that is assigned to."""
    mean = tmplcore.get_variable("mean", [x.shape[-1]], trainable=False, initializer=Zeros())
    mean.assign(0.9 * mean + 0.1 * jnp.mean(x, 0))
    inner = tmplcore.make_template("inner", lambda h: jnp.tanh(dense(h, 4, "dense")))
    return dense(inner(inner(x - mean)), 2, "out")


def by_hand(params, state, x):
    mean = 0.9 * state["net"]["mean"] + 0.1 * jnp.mean(x, 0)

    def layer(h, p):
        return h @ p["kernel"] + p["bias"]

    p = params["net"]
    h = jnp.tanh(layer(jnp.tanh(layer(x - mean, p["inner"]["dense"])), p["inner"]["dense"]))
    return layer(h, p["out"]), {"net": {"mean": mean}}


@pytest.fixture
def x():
    return jnp.asarray(np.random.default_rng(0).standard_normal((5, 4)), jnp.float32)


def uncalled():
    return tmplcore.make_template("net", model)


def called(backend):
    def make():
        with tmplcore.VariableStore(backend).as_default():
            template = tmplcore.make_template("net", model)
            template(np.ones((5, 4), np.float32))
        return template

    return make


def function():
    return lambda x: tmplcore.make_template("net", model)(x)


@pytest.fixture(params=[uncalled, called("jax"), function], ids=["uncalled", "called", "function"])
def net(request):
    return transform(request.param())


def same(a, b):
    return jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.array_equal(a, b)), a, b))


def test_params_are_trainable_and_state_is_the_rest_nested_by_scope(net, x):
    params, state = net.init(0, x)
    assert jax.tree.map(jnp.shape, params) == {
        "net": {"inner": {"dense": {"kernel": (4, 4), "bias": (4,)}}, "out": {"kernel": (4, 2), "bias": (2,)}}
    }
    assert jax.tree.map(jnp.shape, state) == {"net": {"mean": (4,)}}


def test_init_is_a_function_of_its_seed(net, x):
    assert same(net.init(3, x), net.init(3, x))
    assert not same(net.init(3, x), net.init(4, x))


def test_init_gives_what_a_store_with_that_seed_would(net, x):
    params, _ = net.init(7, x)
    with tmplcore.VariableStore("numpy", seed=7).as_default() as store:
        tmplcore.make_template("net", model)(np.asarray(x))
    for name, value in flatten(params).items():
        (variable,) = [v for v in store.variables if v.op.name == name]
        assert np.array_equal(variable.numpy(), value)


def test_apply_is_the_function_by_hand(net, x):
    params, state = net.init(0, x)
    out, new = net.apply(params, state, x)
    expected, expected_state = by_hand(params, state, x)
    assert same(out, expected)
    assert same(new, expected_state)
    assert float(jnp.abs(state["net"]["mean"]).sum()) != float(jnp.abs(new["net"]["mean"]).sum())


def test_the_jaxpr_is_the_native_one(net, x):
    params, state = net.init(0, x)
    assert str(jax.make_jaxpr(net.apply)(params, state, x)) == str(jax.make_jaxpr(by_hand)(params, state, x))


def test_jit_grad_vmap_and_scan(net, x):
    params, state = net.init(0, x)
    state = jax.tree.map(jnp.zeros_like, state)
    out, _ = jax.jit(net.apply)(params, state, x)
    assert jnp.allclose(out, by_hand(params, state, x)[0], atol=1e-6)

    def loss(apply):
        return lambda params: jnp.sum(apply(params, state, x)[0] ** 2)

    ours, theirs = jax.jit(jax.grad(loss(net.apply)))(params), jax.grad(loss(by_hand))(params)
    assert jax.tree.all(jax.tree.map(lambda a, b: bool(jnp.allclose(a, b, atol=1e-5)), ours, theirs))

    many = jax.tree.map(lambda a: jnp.stack([a, 2 * a]), params)
    outs, _ = jax.vmap(net.apply, in_axes=(0, None, None))(many, state, x)
    assert outs.shape == (2, 5, 2)
    assert jnp.allclose(outs[0], out, atol=1e-6)

    batches = jnp.stack([x, x + 1, x + 2])

    def step(state, batch):
        out, state = net.apply(params, state, batch)
        return state, out

    final, outs = jax.lax.scan(step, state, batches)
    expected = state
    for batch in batches:
        _, expected = by_hand(params, expected, batch)
    assert jnp.allclose(final["net"]["mean"], expected["net"]["mean"], atol=1e-6)
    assert outs.shape == (3, 5, 2)


def test_jit_traces_once(x):
    traces = []

    def counted(x):
        traces.append(x)
        return model(x)

    net = transform(tmplcore.make_template("net", counted))
    params, state = net.init(0, x)
    apply = jax.jit(net.apply)
    for step in range(10):
        _, state = apply(params, state, x + step)
    assert len(traces) == 2


def test_optax_takes_params(net, x):
    optax = pytest.importorskip("optax")
    params, state = net.init(0, x)
    optimizer = optax.adam(0.05)
    moments = optimizer.init(params)

    @jax.jit
    def step(params, state, moments):
        def loss(params):
            out, new = net.apply(params, state, x)
            return jnp.mean((out - 1) ** 2), new

        (value, state_), grads = jax.value_and_grad(loss, has_aux=True)(params)
        updates, moments = optimizer.update(grads, moments, params)
        return optax.apply_updates(params, updates), state_, moments, value

    losses = []
    for _ in range(20):
        params, state, moments, value = step(params, state, moments)
        losses.append(float(value))
    assert losses[-1] < 0.5 * losses[0]


def test_shapes_are_enough_for_init_and_nothing_is_computed(x):
    computed = []

    def watched(x):
        jax.debug.callback(lambda: computed.append(1))
        return model(x)

    net = transform(tmplcore.make_template("net", watched))
    params, state = net.init(0, jax.ShapeDtypeStruct((5, 4), jnp.float32))
    assert not computed
    full, _ = net.init(0, x)
    assert same(params, full)
    out, _ = net.apply(params, state, x)
    assert out.shape == (5, 2)


def test_an_initial_value_that_needs_the_arguments_needs_arrays(x):
    net = transform(lambda x: tmplcore.get_variable("v", initializer=lambda: x * 2))
    assert same(net.init(0, x)[0], {"v": x * 2})
    with pytest.raises(InvalidArgumentError, match="initial value of 'v' depends on the arguments"):
        net.init(0, jax.ShapeDtypeStruct((5, 4), jnp.float32))


def test_a_run_leaves_templates_and_stores_as_they_were(x):
    template = tmplcore.make_template("net", model)
    net = transform(template)
    before = tmplcore.VariableStore("jax")
    with before.as_default():
        params, state = net.init(0, x)
        net.apply(params, state, x)
        assert template.variable_scope is None
        assert before.variables == []
        template(x)
        values = [variable.numpy().copy() for variable in template.variables]
        net.apply(params, state, x)
        net.init(1, x)
        assert all(np.array_equal(v.numpy(), old) for v, old in zip(template.variables, values, strict=True))
        template(x)


def test_a_run_that_fails_leaves_them_too(x):
    fail = [True]

    def sometimes(x):
        out = model(x)
        if fail:
            raise ZeroDivisionError
        return out

    template = tmplcore.make_template("net", sometimes)
    net = transform(template)
    with pytest.raises(ZeroDivisionError):
        net.init(0, x)
    fail.clear()
    params, state = net.init(0, x)
    assert net.apply(params, state, x)[0].shape == (5, 2)


def test_templates_in_functions_called_and_not(x):
    with tmplcore.VariableStore("jax").as_default(), tmplcore.variable_scope("outer"):
        old = tmplcore.make_template("old", dense, units=3, name="a")
        old(x)
    new = tmplcore.make_template("new", dense, units=2, name="b")
    net = transform(lambda x: new(old(old_input(x))))

    def old_input(x):
        return x * 2

    params, state = net.init(0, x)
    assert sorted(flatten(params)) == ["new/b/bias", "new/b/kernel", "outer/old/a/bias", "outer/old/a/kernel"]
    out, _ = net.apply(params, state, x)
    expected = (2 * x) @ params["outer"]["old"]["a"]["kernel"] @ params["new"]["b"]["kernel"]
    assert jnp.allclose(out, expected, atol=1e-5)


def test_reuse_is_still_checked(x):
    def missing(x):
        with tmplcore.variable_scope("a", reuse=True):
            return x * tmplcore.get_variable("w", [4])

    with pytest.raises(VariableNotFoundError):
        transform(missing).init(0, x)


def test_names_that_are_scopes_too(x):
    def nested(x):
        return (
            x
            * tmplcore.get_variable("w", [4], initializer=Ones())
            * tmplcore.get_variable("w/scale", [4], initializer=Ones())
        )

    net = transform(nested)
    params, state = net.init(0, x)
    assert jax.tree.map(jnp.shape, params) == {"w": {"": (4,), "scale": (4,)}}
    assert same(net.apply(params, state, x)[0], x)
    names = {"a": 1, "a/b/c": 2, "a/b": 3, "d//e": 4}
    assert flatten(nest(names)) == names


def test_averages_are_state(x):
    from tmpl_getters import Ema

    averages = Ema(decay=0.5)

    def step(x):
        with tmplcore.variable_scope("m", custom_getter=averages, reuse=tmplcore.AUTO_REUSE):
            w = tmplcore.get_variable("w", [4], initializer=Ones())
            averages.update()
            with averages.read():
                return x * w, tmplcore.get_variable("w", [4]).value

    net = transform(step)
    _, state = net.init(0, x)
    assert list(flatten(state)) == ["m/w/ExponentialMovingAverage"]
    apply = jax.jit(net.apply)
    (_, average), state = apply({"m": {"w": jnp.full(4, 3.0)}}, state, x)
    assert average.tolist() == [2.0] * 4
    (_, average), state = apply({"m": {"w": jnp.full(4, 3.0)}}, state, x)
    assert average.tolist() == [2.5] * 4


def test_lora_has_the_adapters_for_params(x):
    from tmpl_getters import Lora

    net = transform(tmplcore.make_template("net", dense, custom_getter_=Lora(rank=2), units=2, name="d"))
    params, state = net.init(0, x)
    assert sorted(flatten(params)) == ["net/d/kernel/lora_A", "net/d/kernel/lora_B"]
    assert sorted(flatten(state)) == ["net/d/bias", "net/d/kernel"]
    grads = jax.grad(lambda params: net.apply(params, state, x)[0].sum())(params)
    assert float(jnp.abs(grads["net"]["d"]["kernel"]["lora_B"]).sum()) > 0


def test_a_global_step_of_64_bits_counts_under_jit(x):
    def count(x):
        step = tmplcore.get_variable("step", [], "int64", initializer=Zeros(), trainable=False)
        step.assign_add(1)
        return x

    net = transform(count)
    params, state = net.init(0, x)
    assert state["step"].dtype == jnp.int64
    for _ in range(3):
        _, state = jax.jit(net.apply)(params, state, x)
    assert int(state["step"]) == 3
    assert state["step"].dtype == jnp.int64


class TestErrors:
    def test_a_seed_that_is_no_number(self, x):
        net = transform(model)
        with pytest.raises(InvalidTypeError, match="seed is a Python int"):
            net.init(jax.random.key(0), x)
        with pytest.raises(InvalidTypeError) as caught:
            jax.jit(net.init)(0, x)
        assert "outside of jit" in caught.value.hint

    def test_a_variable_that_init_did_not_make(self, x):
        net = transform(lambda x, extra: x * tmplcore.get_variable("b", [4]) if extra else x)
        params, state = net.init(0, x, False)
        with pytest.raises(InvalidArgumentError, match="params has no value for the variable 'b'") as caught:
            net.apply(params, state, x, True)
        assert "call init" in caught.value.hint

    def test_a_value_of_another_shape(self, x):
        net = transform(lambda x: x * tmplcore.get_variable("b", [4]))
        with pytest.raises(InvalidArgumentError, match=r"shape \(3,\) for the variable 'b' of shape \(4,\)"):
            net.apply({"b": jnp.ones(3)}, {}, x)

    def test_an_assignment_that_would_be_lost(self, x):
        def clip(x):
            w = tmplcore.get_variable("w", [4], initializer=Ones())
            w.assign(w * 0.5)
            return x * w

        net = transform(clip)
        params, state = net.init(0, x)
        with pytest.raises(InvalidArgumentError, match="assigned to w:0, which is among params"):
            net.apply(params, state, x)

    @pytest.mark.parametrize("inner", ["scan", "jit", "cond", "grad", "vmap", "checkpoint"])
    def test_an_assignment_in_a_trace_of_its_own(self, x, inner):
        """The value would be a tracer that ends before the run; JAX alone would say so much later, or not at all."""

        def counted(x):
            count = tmplcore.get_variable("count", [], initializer=Zeros(), trainable=False)

            def body(value):
                count.assign_add(1.0)
                return (value * 2).sum()

            if inner == "scan":
                return jax.lax.scan(lambda carry, row: (carry + body(row), row), 0.0, x)[0]
            if inner == "cond":
                return jax.lax.cond(True, body, lambda value: 0.0, x)
            return getattr(jax, inner)(body)(x)

        net = transform(counted)
        with pytest.raises(BackendError, match="count is assigned inside of a function that JAX traces"):
            net.init(0, x)
        with pytest.raises(BackendError, match="its value would end with that trace"):
            net.apply({}, {"count": jnp.zeros(())}, x)
        with jax.disable_jit():  # where scan is a loop
            if inner == "scan":
                assert net.apply({}, {"count": jnp.zeros(())}, x)[1] == {"count": 5}

    def test_a_whole_run_may_be_in_any_trace(self, x):
        net = transform(uncalled())
        params, state = net.init(0, x)
        expected = net.apply(params, state, x)[1]["net"]["mean"]

        def run(state, x):
            return net.apply(params, state, x)[1]["net"]["mean"]

        for traced in (jax.jit(run), jax.checkpoint(run), jax.vmap(run, (None, None), axis_size=2, out_axes=0)):
            assert jnp.allclose(traced(state, x).reshape(-1, 4)[0], expected)

    def test_state_that_was_left_out(self, x):
        net = transform(uncalled())
        params, _ = net.init(0, x)
        with pytest.raises(
            InvalidTypeError, match="state is a nested dict as init returns it, not ArrayImpl"
        ) as caught:
            net.apply(params, x)
        assert "apply(params, state, *args)" in caught.value.hint

    def test_values_that_nothing_asks_for(self, x):
        params, state = transform(uncalled()).init(0, x)
        more = {**params, "head": {"kernel": jnp.ones(3)}}
        lenient, strict = transform(uncalled()), transform(uncalled(), unexpected="error")
        out, new = lenient.apply(more, {**state, "old": jnp.ones(2)}, x)
        assert jnp.array_equal(new["old"], jnp.ones(2))
        assert jnp.array_equal(out, strict.apply(params, state, x)[0])
        grads = jax.grad(lambda params: lenient.apply(params, state, x)[0].sum())(more)
        assert not grads["head"]["kernel"].any()
        with pytest.raises(InvalidArgumentError, match=r"2 values that .* no variable of: 'head/kernel', 'old'"):
            strict.apply(more, {**state, "old": jnp.ones(2)}, x)
        with pytest.raises(InvalidArgumentError, match="unexpected='raise' is not a policy"):
            transform(uncalled(), unexpected="raise")

    def test_params_of_a_cheaper_type_are_taken_as_they_are(self, x):
        net = transform(lambda x: x * tmplcore.get_variable("w", [4], initializer=Ones()))
        out, _ = net.apply({"w": jnp.ones(4, jnp.bfloat16)}, {}, x.astype(jnp.bfloat16))
        assert out.dtype == jnp.bfloat16


def test_threads(x):
    net = transform(tmplcore.make_template("net", model))
    params, state = net.init(0, x)
    outs, errors = [], []

    def run(step):
        try:
            outs.append(net.apply(params, state, x)[0])
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert all(same(out, outs[0]) for out in outs)


class TestCheckpoints:
    def test_params_and_state_go_in_and_out(self, x, tmp_path):
        net = transform(tmplcore.make_template("net", model))
        params, state = net.init(0, x)
        checkpoint.save(tmp_path / "c.h5", {**flatten(params), **flatten(state)})
        with tmplcore.VariableStore("numpy").as_default():
            template = tmplcore.make_template("net", model)
            template(np.asarray(x))
            checkpoint.restore(tmp_path / "c.h5", template)
            assert all(
                np.array_equal(v.numpy(), {**flatten(params), **flatten(state)}[v.op.name]) for v in template.variables
            )
        checkpoint.save(tmp_path / "p.h5", params)
        other, _ = net.init(1, x)
        checkpoint.restore(tmp_path / "p.h5", other)
        assert same(other, params)

    def test_a_tree_whose_names_are_scopes_too(self, tmp_path):
        tree = {"w": {"": jnp.ones(2), "lora_A": jnp.zeros(2)}}
        checkpoint.save(tmp_path / "c.h5", tree)
        assert sorted(checkpoint.load(tmp_path / "c.h5")) == ["w", "w/lora_A"]
        other = jax.tree.map(jnp.zeros_like, tree)
        checkpoint.restore(tmp_path / "c.h5", other)
        assert same(other, tree)

    def test_a_pytree_of_optax(self, x, tmp_path):
        optax = pytest.importorskip("optax")
        params = {"net": {"w": jnp.ones(3)}}
        optimizer = optax.adam(0.1)
        _, moments = optimizer.update(params, optimizer.init(params), params)
        checkpoint.save(tmp_path / "c.h5", moments)
        assert "0/mu/net/w" in checkpoint.load(tmp_path / "c.h5")
        report = checkpoint.restore(tmp_path / "c.h5", optimizer.init(params))
        assert report.ok
        assert same(report.target, moments)

    def test_other_trees(self, tmp_path):
        pair = collections.namedtuple("pair", "left right")  # noqa: PYI024
        tree = pair(jnp.arange(3), [jnp.ones((), jnp.bfloat16), 2.5])
        checkpoint.save(tmp_path / "c.h5", tree)
        assert sorted(checkpoint.load(tmp_path / "c.h5")) == ["left", "right/0", "right/1"]

    def test_what_cannot_be_saved_says_so(self, tmp_path):
        with pytest.raises(SaveError, match="'key' is a typed random key"):
            checkpoint.save(tmp_path / "c.h5", {"key": jax.random.key(0)})
        with pytest.raises(SaveError, match="is being traced"):
            jax.jit(lambda x: checkpoint.save(tmp_path / "c.h5", {"x": x}))(jnp.ones(2))


def test_the_founding_example():
    def my_op(x, scalar_name):
        return x * tmplcore.get_variable(scalar_name, shape=[], initializer=Ones())

    scale_by_y = tmplcore.make_template("scale_by_y", my_op, scalar_name="y")
    net = transform(lambda a, b: (scale_by_y(a), scale_by_y(b)))
    params, state = net.init(0, 2.0, 3.0)
    assert jax.tree.map(float, params) == {"scale_by_y": {"y": 1.0}}
    grads = jax.grad(lambda params: sum(net.apply(params, state, 2.0, 3.0)[0]))(params)
    assert float(grads["scale_by_y"]["y"]) == 5.0
