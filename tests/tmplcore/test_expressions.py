"""A variable in expressions and calls of each framework, without unwrapping: what works, and what does not."""

import copy
import operator
import pickle

import numpy as np
import pytest

import tmplcore
from tmplcore.plugins import default_registry

START = np.array([[1.0, -2.0], [3.0, 4.0]], np.float32)
OTHER = np.array([[2.0, 3.0], [-1.0, 0.5]], np.float32)


def needs(name):
    missing = bool(default_registry().backend(name).missing())
    return pytest.param(name, marks=pytest.mark.skipif(missing, reason=f"needs {name}"))


@pytest.fixture(params=["numpy", "hdf5", needs("torch"), needs("jax")])
def backend(request, tmp_path):
    if request.param == "hdf5":
        made = default_registry().backend("hdf5").load_factory()(tmp_path / "values.h5")
        yield made
        made.close()
    else:
        yield request.param


@pytest.fixture
def store(backend):
    store = tmplcore.VariableStore(backend)
    with store.as_default():
        yield store


@pytest.fixture
def w(store):
    return tmplcore.get_variable("w", initializer=START, dtype="float32")


@pytest.fixture
def x(w):
    """An array of the variable's framework."""
    if w.backend.name == "torch":
        import torch

        return torch.from_numpy(OTHER.copy())
    if w.backend.name == "jax":
        import jax.numpy as jnp

        return jnp.asarray(OTHER)
    return OTHER.copy()


def native(w):
    return {"torch": "Tensor", "jax": "ArrayImpl"}.get(w.backend.name, "ndarray")


def plain(value):
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.matmul]
COMPARISON = [operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("op", [*ARITHMETIC, operator.floordiv, operator.mod, *COMPARISON], ids=lambda op: op.__name__)
def test_operators_with_the_frameworks_arrays_on_either_side(w, x, op):
    for left, right, expected in ((w, x, op(START, OTHER)), (x, w, op(OTHER, START)), (w, w, op(START, START))):
        result = op(left, right)
        assert type(result).__name__ == native(w)
        assert np.allclose(plain(result), expected, atol=1e-6)


@pytest.mark.parametrize("op", [*ARITHMETIC[:4], operator.pow, *COMPARISON], ids=lambda op: op.__name__)
def test_operators_with_numbers(w, op):
    assert np.allclose(plain(op(w, 2.0)), op(START, 2.0))
    if op is not operator.pow:
        assert np.allclose(plain(op(2.0, w)), op(2.0, START))


def test_unary_operators(w):
    assert np.array_equal(plain(-w), -START)
    assert np.array_equal(plain(+w), START)
    assert np.array_equal(plain(abs(w)), abs(START))


def test_indexing(w):
    for index in (0, -1, (1, 0), slice(0, 1), (slice(None), 1), (..., 0), None):
        assert np.array_equal(plain(w[index]), START[index])
    assert np.array_equal(plain(w[w.value > 0]), START[START > 0])
    if w.backend.name != "jax":
        row = tmplcore.get_variable("row", initializer=np.int64(1))
        assert np.array_equal(plain(w[row]), START[1])


def test_numpys_functions(w):
    assert np.allclose(np.exp(w), np.exp(START))
    assert np.allclose(np.asarray(w), START)
    assert np.asarray(w, np.float64).dtype == np.float64
    assert np.allclose(plain(np.add(OTHER, w)), OTHER + START)
    assert np.allclose(np.add.reduce(w), START.sum(0))
    out = np.empty((2, 2), np.float32)
    assert np.multiply(w, 2, out=out) is out
    assert np.allclose(out, 2 * START)


def test_functions_that_numpy_dispatches(w):
    if w.backend.name == "torch":
        pytest.skip("torch tensors are no NumPy arrays: np.asarray(w) first")
    assert np.isclose(np.sum(w), START.sum())
    assert np.allclose(np.concatenate([w, w]), np.concatenate([START, START]))
    assert np.allclose(np.where(w < 0, 0, w), np.where(START < 0, 0, START))
    assert np.allclose(np.einsum("ij,jk->ik", w, OTHER), START @ OTHER)
    assert np.allclose(np.linalg.norm(w), np.linalg.norm(START))


def test_arrays_of_numpy_on_the_left(w):
    result = OTHER @ w
    assert type(result).__name__ == native(w)
    assert np.allclose(plain(result), OTHER @ START)
    assert np.allclose(plain(OTHER * w), OTHER * START)


def test_conversions(w):
    scalar = w[0, 0]
    number = tmplcore.get_variable("n", initializer=2.5)
    assert (float(number), int(number)) == (2.5, 2)
    assert float(plain(scalar)) == 1.0


def test_a_variable_is_true_whatever_its_value(w):
    """As in TensorFlow 1, where `average if average else variable` is written in many a getter."""
    zero = tmplcore.get_variable("zero", initializer=0.0)
    assert [bool(w), bool(zero)] == [True, True]
    assert (zero or None) is zero


def test_formats_and_rounding_are_about_the_value(w):
    number = tmplcore.get_variable("n", initializer=np.float32(2.625))
    assert f"{number:.2f}|{number:8.1e}" == "2.62| 2.6e+00"
    count = tmplcore.get_variable("count", initializer=np.int32(7), trainable=False)
    assert f"{count:03d}" == "007"
    assert f"{w}" == str(w) == "<Variable 'w:0' shape=(2, 2) dtype=float32>"
    if w.backend.name == "jax":  # the others' arrays do not round either
        assert round(number) == round(number.value) == 3


@pytest.mark.parametrize(
    "expression",
    [
        lambda w, x: divmod(w, x),
        lambda w, x: divmod(x, w),
        lambda w, x: divmod(7.0, w),
        lambda w, x: (pow(w, 2), 2.0**w, x**2 % w, x // w, 7.0 // w),
        lambda w, x: (np.float32(2) * w, w + np.float64(2)),
        lambda w, x: (w[w > 0], w[..., None], w[-1:]),
        lambda w, x: w[[1, 0]],
        lambda w, x: sum([w, x]),
    ],
)
def test_what_the_native_array_does(w, x, expression):
    try:
        expected = expression(w.value, x)
    except TypeError:  # torch divides without a remainder only
        with pytest.raises(TypeError):
            expression(w, x)
        return
    for ours, native in zip(expression(w, x), expected, strict=True):
        assert type(ours).__name__ == type(native).__name__
        assert ours.dtype == native.dtype
        assert np.array_equal(plain(ours), plain(native), equal_nan=True)


def test_a_native_array_is_changed_in_place(w, x):
    before, result = x, x
    result += w
    result *= w
    assert np.allclose(plain(result), (OTHER + START) * START)
    assert (result is before) == (w.backend.name != "jax")


def test_ufuncs_write_into_variables_that_have_memory(w):
    if w.backend.name == "jax":
        with pytest.raises(tmplcore.errors.InvalidTypeError, match="nothing can be written into <Variable 'w:0'"):
            np.add(START, OTHER, out=w)
        return
    np.add(START, OTHER, out=w)
    assert np.array_equal(w.numpy(), START + OTHER)
    np.multiply(w, w, out=w)
    assert np.array_equal(w.numpy(), (START + OTHER) ** 2)
    np.add.at(w, [0, 0], 1)
    assert np.array_equal(w.numpy(), (START + OTHER) ** 2 + [[2], [0]])


def test_a_ufunc_does_not_write_into_what_is_joined_anew(store):
    whole = tmplcore.get_variable("whole", [2, 2], partitioner=tmplcore.fixed_size_partitioner(2))
    with pytest.raises(tmplcore.errors.InvalidTypeError, match="nothing can be written"):
        np.add(START, OTHER, out=whole)


def test_equality_is_identity(w, store):
    other = tmplcore.get_variable("other", initializer=START)
    assert w == w
    assert w != other
    assert len({w, other, w}) == 2
    assert {w: 1}[w] == 1


def test_a_native_array_on_the_left_compares_its_way(w, x):
    assert plain(x == w).shape == (2, 2)


def test_there_is_no_iteration_and_no_length(w):
    for function in (iter, list, len):
        with pytest.raises(TypeError):
            function(w)
    with pytest.raises(TypeError):
        1.0 in w


def test_variables_are_not_copied_by_accident(w):
    assert copy.copy(w) is w
    for function in (copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match="w:0"):
            function(w)


def test_dlpack(w):
    if w.backend.name == "torch":
        pytest.skip("a tensor with a gradient is not exported: use w.value.detach()")
    assert np.array_equal(np.from_dlpack(w), START)


def test_value_is_the_native_array_itself(w):
    assert w.value is w.value
    w.assign(OTHER)
    assert np.array_equal(plain(w.value), OTHER)


def test_in_place_arithmetic_leaves_the_variable(w):
    u = w
    u = u + 1
    assert not isinstance(u, tmplcore.Variable)
    w.assign_add(OTHER)
    assert np.allclose(w.numpy(), START + OTHER)
    w.assign_sub(1.0)
    assert np.allclose(w.numpy(), START + OTHER - 1)


class TestTorch:
    @pytest.fixture
    def backend(self):
        pytest.importorskip("torch")
        return "torch"

    def test_functions_take_it(self, w, x):
        import torch
        from torch.nn import functional as F

        assert torch.equal(F.linear(x, w), F.linear(x, w.value))
        assert torch.equal(torch.exp(w), torch.exp(w.value))
        assert torch.equal(torch.matmul(x, w), x @ w.value)
        assert torch.equal(torch.cat([x, w]), torch.cat([x, w.value]))
        assert torch.equal(torch.einsum("ij,jk->ik", x, w), x @ w.value)
        assert torch.equal(F.embedding(torch.tensor([1, 0]), w), w.value[[1, 0]])

    def test_gradients_arrive_at_the_value(self, w, x):
        import torch
        from torch.nn import functional as F

        (F.linear(x, w).sum() + (w * 2).sum()).backward()
        expected = torch.ones(2, 2) @ x + 2
        assert torch.allclose(w.value.grad, expected)

    def test_what_wants_the_value(self, w):
        """The exceptions of docs/reference/variable.md."""
        import torch

        with pytest.raises(TypeError):
            torch.optim.SGD([w], lr=0.1)
        torch.optim.SGD([w.value], lr=0.1)
        with pytest.raises(TypeError):
            torch.nn.Module().register_parameter("w", w)
        torch.nn.Module().register_parameter("w", w.value)
        with pytest.raises(BufferError) as caught:  # its gradient would be lost without a word
            torch.as_tensor(w)
        assert "take its .value" in caught.value.__notes__[0]
        assert torch.as_tensor(w.value) is w.value


class TestJax:
    @pytest.fixture
    def backend(self):
        pytest.importorskip("jax")
        return "jax"

    def test_functions_take_it(self, w, x):
        import jax.numpy as jnp

        assert jnp.array_equal(jnp.dot(x, w), jnp.dot(x, w.value))
        assert jnp.array_equal(jnp.exp(w), jnp.exp(w.value))
        assert jnp.array_equal(jnp.einsum("ij,jk->ik", x, w), x @ w.value)

    def test_transformations_take_it_as_an_argument(self, w, x):
        import jax
        import jax.numpy as jnp

        def loss(w, x):
            return jnp.sum((x @ w) ** 2)

        assert jnp.allclose(jax.jit(loss)(w, x), loss(w.value, x))
        grads = jax.grad(loss)(w, x)
        assert isinstance(grads, jax.Array)
        assert jnp.allclose(grads, jax.grad(loss)(w.value, x))
        assert jnp.allclose(jax.vmap(lambda row, x: x @ row, (0, None))(w, x), (x @ w.value.T).T)
        assert jnp.allclose(jax.jit(lambda x: x @ w)(x), x @ w.value)

    def test_inside_jit_it_adds_nothing(self, w, x):
        import jax

        v = w.value
        for ours, theirs in (
            (lambda x: x @ w, lambda x: x @ v),
            (lambda x: w * x + w, lambda x: v * x + v),
            (lambda x: w[0] < x, lambda x: v[0] < x),
        ):
            assert str(jax.make_jaxpr(ours)(x)) == str(jax.make_jaxpr(theirs)(x))

    def test_a_tree_of_variables_becomes_a_tree_of_arrays(self, w):
        import jax

        tree = jax.tree.map(lambda a: a + 1, {"w": w})
        assert isinstance(tree["w"], jax.Array)

    def test_what_wants_the_value(self, w, x):
        """The exceptions of docs/reference/variable.md."""
        import jax

        with pytest.raises((TypeError, ValueError)):
            jax.lax.add(x, w)
        assert jax.lax.add(x, w.value).shape == (2, 2)
        for forward in (jax.hessian, jax.jacfwd):
            with pytest.raises(TypeError):
                forward(lambda a: (a**3).sum())(w)
            assert forward(lambda a: (a**3).sum())(w.value).shape[:2] == (2, 2)
        row = tmplcore.get_variable("row", initializer=np.int32(1))
        with pytest.raises((TypeError, ValueError)):
            x[row]
        assert x[row.value].shape == (2,)
