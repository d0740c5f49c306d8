"""Regularizers on every array library, with TensorFlow 1's half in l2."""

import numpy as np
import pytest

from tmplcore import regularizers as r

VALUES = [[1.0, -2.0], [3.0, 0.0]]


@pytest.mark.parametrize(
    ("regularizer", "expected"),
    [(r.l1(0.5), 3.0), (r.l2(0.5), 3.5), (r.l1_l2(0.5, 0.25), 4.75), (r.l1_l2(0.0, 0.5), 3.5),
     (r.sum_of([r.l1(0.5), None, r.l2(0.0), r.l2(0.5)]), 6.5)],
)  # fmt: skip
def test_on_each_library(regularizer, expected):
    torch = pytest.importorskip("torch")
    jnp = pytest.importorskip("jax.numpy")
    for array in (np.array(VALUES, np.float32), torch.tensor(VALUES), jnp.array(VALUES)):
        loss = regularizer(array)
        assert float(loss) == expected
        assert type(loss).__module__.split(".")[0] == type(array).__module__.split(".")[0]


def test_gradients_flow():
    torch = pytest.importorskip("torch")
    weights = torch.nn.Parameter(torch.tensor(VALUES))
    r.l1_l2(0.5, 1.0)(weights).backward()
    assert weights.grad.tolist() == [[1.5, -2.5], [3.5, 0.0]]
    jax = pytest.importorskip("jax")
    assert jax.grad(r.l2(1.0))(np.array(VALUES, np.float32)).tolist() == VALUES


def test_scale_zero_is_no_loss():
    for regularizer in (r.l1(0.0), r.l2(0.0), r.l1_l2(0.0, 0.0), r.sum_of([]), r.sum_of([None])):
        assert regularizer(np.ones(2)) is None


@pytest.mark.parametrize("make", [r.l1, r.l2, r.l1_l2])
def test_wrong_scales(make):
    with pytest.raises(ValueError, match="cannot be an integer: 1") as caught:
        make(1)
    assert "1.0" in caught.value.hint
    with pytest.raises(ValueError, match="less than 0"):
        make(-0.5)
    with pytest.raises(ValueError, match="less than 0"):
        make(float("nan"))
