"""JAX arrays of every kind in checkpoints: bit for bit, or refused by name with what to do about it."""

import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.errors import BackendError, SaveError

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

ARRAYS = {
    "bfloat16": lambda: jnp.asarray(np.arange(1 << 16, dtype=np.uint16).view(jnp.bfloat16)),
    "float8_e4m3fn": lambda: jnp.asarray(np.arange(256, dtype=np.uint8).view(jnp.float8_e4m3fn)),
    "int4": lambda: jnp.arange(-8, 8, dtype=jnp.int4),
    "uint2": lambda: jnp.arange(4, dtype=jnp.uint2),
    "float4_e2m1fn": lambda: jnp.arange(4).astype(jnp.float4_e2m1fn),
    "bool": lambda: jnp.array([True, False]),
    "no axis": lambda: jnp.float32(-0.0),
    "empty": lambda: jnp.ones((0, 3)),
    "weakly typed": lambda: jnp.asarray(1.0),
    "old random key": lambda: jax.random.PRNGKey(3),
}


def deleted():
    array = jnp.ones(3) + 1
    array.delete()
    return array


@pytest.mark.parametrize("ending", [".h5", ".npz"])
@pytest.mark.parametrize("make", ARRAYS.values(), ids=ARRAYS)
def test_an_array_comes_back_bit_for_bit(tmp_path, make, ending):
    array = make()
    checkpoint.save(tmp_path / f"a{ending}", {"v": array})
    into = {"v": jnp.zeros_like(array)}
    checkpoint.restore(tmp_path / f"a{ending}", into)
    assert isinstance(into["v"], jax.Array)
    assert into["v"].dtype == array.dtype
    assert np.asarray(into["v"]).tobytes() == np.asarray(array).tobytes()


@pytest.mark.parametrize(
    ("make", "what", "way"),
    [(lambda: jax.random.key(3), "random key", "key_data"), (deleted, "deleted", "returned")],
    ids=["typed random key", "deleted"],
)
def test_an_array_without_elements_to_save_is_refused(tmp_path, make, what, way):
    for source in ({"v": make()}, {"scope": (make(), jnp.ones(2))}):
        with pytest.raises(SaveError, match=what) as caught:
            checkpoint.save(tmp_path / "a.h5", source)
        assert way in caught.value.hint
    assert not (tmp_path / "a.h5").exists()


def test_the_words_of_a_random_key(tmp_path):
    key = jax.random.key(3)
    checkpoint.save(tmp_path / "a.h5", {"key": jax.random.key_data(key)})
    back = jax.random.wrap_key_data(checkpoint.load(tmp_path / "a.h5")["key"])
    assert jax.random.normal(back) == jax.random.normal(key)


def test_a_masked_array_in_a_tree_is_refused(tmp_path):
    with pytest.raises(SaveError, match=r"'1'.*mask would be lost") as caught:
        checkpoint.save(tmp_path / "a.h5", {"v": (jnp.ones(2), np.ma.array([1.0, 2.0], mask=[0, 1]))})
    assert caught.value.__notes__ == ["this is in 'v': its name is 'v/1'"]


def test_a_variable_whose_value_was_donated():
    with tmplcore.VariableStore("jax").as_default():
        v = tmplcore.get_variable("v", [3])
        v.value.delete()
        with pytest.raises(BackendError, match="v has no value any more") as caught:
            v.numpy()
    assert "donated" in caught.value.hint
