"""Shapes are TensorFlow's where it answers, and tuples of ints besides; facts observed on TensorFlow 2.21."""

import json
import operator
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmplcore.shapes import Dimension, TensorShape, as_shape


@pytest.mark.parametrize(
    ("dims", "text", "shown"),
    [
        (None, "TensorShape(None)", "<unknown>"),
        ([], "TensorShape([])", "()"),
        (3, "TensorShape([Dimension(3)])", "(3,)"),
        (np.int64(3), "TensorShape([Dimension(3)])", "(3,)"),
        (np.array([2, 3]), "TensorShape([Dimension(2), Dimension(3)])", "(2, 3)"),
        (np.array(3), "TensorShape([Dimension(3)])", "(3,)"),
        ([None, 3], "TensorShape([Dimension(None), Dimension(3)])", "(?, 3)"),
        ([Dimension(2), Dimension(None)], "TensorShape([Dimension(2), Dimension(None)])", "(2, ?)"),
        (Dimension(None), "TensorShape([Dimension(None)])", "(?,)"),
        (range(3), "TensorShape([Dimension(0), Dimension(1), Dimension(2)])", "(0, 1, 2)"),
    ],
)
def test_made_of_and_shown_as(dims, text, shown):
    assert repr(TensorShape(dims)) == text
    assert str(TensorShape(dims)) == shown
    assert pickle.loads(pickle.dumps(TensorShape(dims))) == TensorShape(dims)


@pytest.mark.parametrize(
    ("dims", "error"),
    [([2, -1], ValueError), (-1, ValueError), ([2, "a"], TypeError), ([2.0], TypeError), (3.0, TypeError),
     ("12", TypeError), ([[1, 2]], TypeError), (object(), TypeError)],
)  # fmt: skip
def test_refused(dims, error):
    with pytest.raises(error):
        TensorShape(dims)


def test_known_shape_is_a_tuple_of_ints_everywhere():
    shape = TensorShape([2, 3])
    assert isinstance(shape, tuple)
    assert isinstance(shape, TensorShape)
    assert shape == (2, 3) == shape
    assert shape == [2, 3]
    assert shape != (2, 4)
    assert TensorShape([2]) == 2
    assert TensorShape([2]) != "a"
    assert hash(shape) == hash((2, 3))
    assert np.zeros(shape).shape == (2, 3)
    assert np.zeros(shape).shape == shape
    assert np.zeros(shape[0]).shape == (2,)
    assert json.dumps(shape) == "[2, 3]"
    assert [*range(shape[0])] == [0, 1]
    assert shape[0:1] == TensorShape([2])
    assert isinstance(shape[:1], TensorShape)
    assert shape.as_list() == [2, 3]
    assert type(shape.as_list()[0]) is int
    assert [3, *shape] == [3, 2, 3]
    assert (3,) + shape == (3, 2, 3)  # noqa: RUF005 - the operator is what is tested
    assert shape + [4] == (2, 3, 4)  # noqa: RUF005
    assert shape.num_elements() == 6
    assert TensorShape([]).num_elements() == 1
    assert TensorShape([0, 3]).num_elements() == 0
    assert bool(TensorShape([]))


def test_other_libraries_take_it():
    torch = pytest.importorskip("torch")
    jnp = pytest.importorskip("jax.numpy")
    assert tuple(torch.zeros(TensorShape([2, 3])).shape) == (2, 3)
    assert jnp.zeros(TensorShape([2, 3])).shape == (2, 3)
    assert np.zeros((3, 2)).reshape(TensorShape([2, 3])).shape == (2, 3)


def test_unknown_shape_is_a_type_of_its_own():
    unknown = TensorShape(None)
    assert unknown is TensorShape(None)
    assert isinstance(unknown, TensorShape)
    assert not isinstance(unknown, tuple)
    assert unknown == TensorShape(None)
    assert unknown != TensorShape([])
    assert unknown != ()
    assert unknown.rank is unknown.ndims is unknown.dims is unknown.num_elements() is None
    assert not unknown
    assert not unknown.is_fully_defined()
    for use in (len, list, TensorShape.as_list):
        with pytest.raises(ValueError):
            use(unknown)
    assert unknown[1:3].as_list() == [None, None]
    assert unknown[1:] is unknown
    assert unknown[:-1] is unknown
    assert unknown[0].value is None


def test_partly_known():
    shape = TensorShape([2, None])
    assert shape.rank == 2
    assert not shape.is_fully_defined()
    assert shape.num_elements() is None
    assert shape == [2, None]
    assert shape != [2, 3]
    with pytest.raises(ValueError, match="not fully defined"):
        shape.assert_is_fully_defined()
    with pytest.raises(ValueError):
        np.zeros(shape)


@pytest.mark.parametrize(
    ("a", "b", "compatible", "merged"),
    [
        ([2, 3], [2, None], True, [2, 3]), ([2, None], [None, 3], True, [2, 3]), ([2], [3], False, None),
        ([2], [2, 3], False, None), (None, [2], True, [2]), ([2], None, True, [2]), ([2], 2, True, [2]),
        ([2], 3, False, None),
    ],
)  # fmt: skip
def test_compatibility(a, b, compatible, merged):
    assert TensorShape(a).is_compatible_with(b) is compatible
    assert TensorShape(b).is_compatible_with(a) is compatible
    if compatible:
        assert TensorShape(a).merge_with(b) == merged
        TensorShape(a).assert_is_compatible_with(b)
    else:
        with pytest.raises(ValueError, match="not compatible"):
            TensorShape(a).merge_with(b)
        with pytest.raises(ValueError, match="are incompatible"):
            TensorShape(a).assert_is_compatible_with(b)


def test_ranks():
    shape = TensorShape([2, 3])
    assert shape.with_rank(2) is shape
    assert shape.with_rank_at_least(1) is shape
    assert shape.with_rank_at_most(2) is shape
    assert TensorShape(None).with_rank(2) == [None, None]
    shape.assert_has_rank(2)
    shape.assert_same_rank([5, 5])
    for call in (
        lambda: shape.with_rank(3),
        lambda: shape.with_rank_at_most(1),
        lambda: shape.with_rank_at_least(3),
        lambda: shape.assert_has_rank(1),
        lambda: shape.assert_same_rank([1]),
    ):
        with pytest.raises(ValueError, match="rank"):
            call()
    assert shape.concatenate([4]) == (2, 3, 4)
    assert TensorShape(None).concatenate([4]) is TensorShape(None)
    assert shape.most_specific_compatible_shape([2, 4]) == [2, None]
    assert shape.most_specific_compatible_shape([2]) is TensorShape(None)
    assert as_shape(shape) is shape


@given(st.integers(0, 50), st.integers(1, 50))
def test_dimension_arithmetic_is_that_of_ints(a, b):
    for operation in (operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod):
        expected = operation(a, b)
        for answer in (operation(Dimension(a), b), operation(a, Dimension(b)), operation(Dimension(a), Dimension(b))):
            assert answer == expected
            assert isinstance(answer, Dimension) == (expected >= 0)
    assert Dimension(a).value == a
    assert type(Dimension(a).value) is int
    assert Dimension(a) / b == a / b
    assert (Dimension(a) < b) is (a < b)


def test_unknown_dimension():
    unknown = Dimension(None)
    assert unknown is Dimension(None)
    assert isinstance(unknown, Dimension)
    assert unknown.value is None
    for answer in (unknown + 1, 1 + unknown, Dimension(3) + None, Dimension(3) * unknown, 7 // unknown, unknown % 2):
        assert answer is unknown
    for answer in (unknown == 3, unknown == unknown, unknown < 3, Dimension(3) == unknown, unknown != 3):
        assert answer is None
    for use in (int, float, operator.neg):
        with pytest.raises(TypeError):
            use(unknown)
    assert str(unknown) == f"{unknown}" == "?"
    assert f"{Dimension(3):>3}" == "  3"
    assert Dimension(3).merge_with(None) == Dimension(None).merge_with(3) == 3
    with pytest.raises(ValueError, match="Dimensions 3 and 4 are not compatible"):
        Dimension(3).assert_is_compatible_with(4)
