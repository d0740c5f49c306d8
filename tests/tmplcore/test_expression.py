"""A variable in expressions and library calls is its value; `==` is identity."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Iterator

import numpy as np
import pytest

import tmplcore as tmpl
from tmplcore.errors import VariableMismatchError


@pytest.fixture
def w() -> Iterator[tmpl.Variable]:
    with tmpl.VariableStore().as_default():
        yield tmpl.Variable(np.array([[1.0, 2.0], [3.0, 4.0]], "f4"), name="w")


BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.matmul,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
]


@pytest.mark.parametrize("operation", BINARY)
def test_operators_on_either_side(w: tmpl.Variable, operation) -> None:
    other = np.array([[2.0, 1.0], [1.0, 3.0]], "f4")
    assert np.array_equal(operation(w, other), operation(w.value, other))
    assert np.array_equal(operation(other, w), operation(other, w.value))
    assert np.array_equal(operation(w, w), operation(w.value, w.value))


@pytest.mark.parametrize("operation", [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift])
def test_operators_on_integers(operation) -> None:
    with tmpl.VariableStore().as_default():
        n = tmpl.Variable(np.array([6, 5], "i4"))
        assert np.array_equal(operation(n, 3), operation(n.value, 3))
        assert np.array_equal(operation(3, n), operation(3, n.value))
        assert np.array_equal(~n, ~n.value)


def test_unary_and_scalars(w: tmpl.Variable) -> None:
    assert np.array_equal(-w, -w.value)
    assert np.array_equal(abs(-w), w.value)
    with w.graph.as_default():
        one = tmpl.Variable(3, name="n")
    assert (int(one), float(one), complex(one), bool(one), [10, 20, 30, 40][one]) == (3, 3.0, 3, True, 40)
    assert divmod(one, 2) == (1, 1)


def test_equality_is_identity(w: tmpl.Variable) -> None:
    with w.graph.as_default():
        other = tmpl.Variable(w.value.copy(), name="other")
    assert w == w
    assert (w == other) is False
    assert (w != other) is True
    assert {w: 1}[w] == 1
    assert len({w, other, w}) == 2
    assert [w, other].index(other) == 1
    assert np.array_equal(w.value == other, np.ones((2, 2), bool))  # an array on the left decides


def test_numpy_takes_it(w: tmpl.Variable) -> None:
    value = w.value
    assert np.array_equal(np.exp(w), np.exp(value))
    assert np.array_equal(np.add.reduce(w), np.add.reduce(value))
    assert np.array_equal(np.concatenate([w, value, w]), np.concatenate([value] * 3))
    assert np.array_equal(np.where(w > 2, w, 0), np.where(value > 2, value, 0))
    assert np.array_equal(np.einsum("ij,jk", w, w), value @ value)
    assert np.asarray(w) is value
    assert np.array(w, copy=True) is not value
    assert np.asarray(w, dtype="f8").dtype == "f8"
    with pytest.raises(ValueError, match="copy"):
        np.asarray(w, dtype="f8", copy=False)
    out = np.zeros((2, 2), "f4")
    np.add(w, 1, out=out)
    assert np.array_equal(out, value + 1)
    out += w
    assert np.array_equal(out, 2 * value + 1)
    assert np.array_equal(np.from_dlpack(w), value)


def test_indexing_and_what_it_is_not(w: tmpl.Variable) -> None:
    assert np.array_equal(w[0], w.value[0])
    assert np.array_equal(w[:, 1], w.value[:, 1])
    for wrong in (lambda: iter(w), lambda: list(w), lambda: len(w), lambda: 1.0 in w):
        with pytest.raises(TypeError):
            wrong()


def test_torch_takes_it(w: tmpl.Variable) -> None:
    torch = pytest.importorskip("torch")
    x = torch.ones(2, 2)
    with tmpl.VariableStore("torch").as_default():
        v = tmpl.get_variable("v", [2, 2])
    assert torch.equal(torch.nn.functional.linear(x, v), x @ v.value.T)
    assert torch.equal(x + v, x + v.value)
    assert torch.equal(v @ x, v.value @ x)
    assert torch.equal(torch.stack([v, x]), torch.stack([v.value, x]))
    (v * 2).sum().backward()
    assert torch.equal(v.value.grad, torch.full((2, 2), 2.0))


def test_jax_takes_it() -> None:
    jnp = pytest.importorskip("jax.numpy")
    with tmpl.VariableStore("jax").as_default():
        v = tmpl.get_variable("v", [2, 2])
    assert jnp.array_equal(v + jnp.ones((2, 2)), v.value + 1)
    assert jnp.array_equal(jnp.ones((2, 2)) @ v, jnp.ones((2, 2)) @ v.value)


def test_assignment(w: tmpl.Variable) -> None:
    before = w.value
    assert w.assign(np.zeros((2, 2))) is w
    assert w.assign_add(3.0).assign_sub([[1.0, 1.0], [1.0, 1.0]]) is w
    assert np.array_equal(w, np.full((2, 2), 2.0))
    assert w.value is before  # live
    with pytest.raises(VariableMismatchError, match=r"shape \(3,\)") as caught:
        w.assign([1, 2, 3])
    assert caught.value.hint


def test_it_is_neither_pickled_nor_copied(w: tmpl.Variable) -> None:
    with pytest.raises(TypeError, match=r"checkpoint\.save"):
        pickle.dumps(w)
    with pytest.raises(TypeError, match="cannot be copied"):
        copy.deepcopy(w)
    assert copy.copy(w) is w


def test_shape_and_dtype_are_tuples_and_numpys(w: tmpl.Variable) -> None:
    assert w.shape == (2, 2)
    assert w.shape.as_list() == w.get_shape().as_list() == [2, 2]
    assert w.dtype == np.float32
    assert w.dtype == "float32"
    assert (w.ndim, w.size, w.op.name, w.name) == (2, 4, "w", "w:0")
