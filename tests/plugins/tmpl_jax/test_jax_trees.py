"""States of training programs: trees of several kinds, on several devices, in and out of checkpoints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tmplcore import checkpoint
from tmplcore.errors import InvalidTypeError, SaveError


def params(value: float = 1.0) -> dict:
    return {"dense": {"kernel": jnp.full((3, 2), value), "bias": jnp.full(2, value, jnp.bfloat16)}}


OPTIMIZERS = {
    "sgd": optax.sgd(0.1),  # its state has no arrays
    "momentum": optax.sgd(0.1, momentum=0.9),
    "adam": optax.adam(0.1),
    "chain": optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(optax.cosine_decay_schedule(0.1, 9))),
    "steps": optax.MultiSteps(optax.adam(0.1), 4),
}


@pytest.mark.parametrize("fetched", [False, True])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_state_of_an_optimizer_goes_on(tmp_path: Path, name: str, fetched: bool) -> None:
    optimizer = OPTIMIZERS[name]
    model = params()
    state = optimizer.init(model)
    for _ in range(3):
        updates, state = optimizer.update(params(0.5), state, model)
        model = optax.apply_updates(model, updates)
    saved = {"params": model, "state": state}
    checkpoint.save(tmp_path / "x.h5", jax.device_get(saved) if fetched else saved)
    fresh = {"params": params(), "state": optimizer.init(params())}
    assert checkpoint.restore(tmp_path / "x.h5", fresh).ok
    assert jax.tree.structure(fresh) == jax.tree.structure(saved)
    jax.tree.map(np.testing.assert_array_equal, fresh, saved)
    host = jax.device_get({"params": params(), "state": optimizer.init(params())})
    checkpoint.restore(tmp_path / "x.h5", host)
    jax.tree.map(np.testing.assert_array_equal, host, saved)


@pytest.mark.parametrize("source", [[np.zeros(1)], (np.zeros(1), {"w": np.ones(2)}), [1.0, 2.0], np.zeros(3)])
def test_a_list_of_arrays_of_numpy_is_refused_as_it_is_without_jax(tmp_path: Path, source: object) -> None:
    with pytest.raises(InvalidTypeError):
        checkpoint.save(tmp_path / "x.h5", source)
    if not isinstance(source, np.ndarray):
        with pytest.raises(SaveError, match="no array"):
            checkpoint.save(tmp_path / "x.h5", {"layers": source})


def test_two_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SaveError, match="the name '0/a/b'"):
        checkpoint.save(tmp_path / "x.h5", ({"a/b": jnp.ones(1), "a": {"b": jnp.zeros(1)}},))
    assert list(tmp_path.iterdir()) == []


def test_what_a_pattern_leaves_out_of_a_tree_may_be_anything(tmp_path: Path) -> None:
    model = {"net": (jnp.ones(2), jax.nn.relu, jax.random.key(0))}
    with pytest.raises(SaveError, match=r"'1' is a .*no array") as caught:
        checkpoint.save(tmp_path / "x.h5", model)
    assert any("'net/1'" in note for note in caught.value.__notes__)
    left_out = ["net/1", "net/2"]
    checkpoint.save(tmp_path / "x.h5", model, exclude=left_out)
    assert set(checkpoint.load(tmp_path / "x.h5")) == {"net/0"}
    into = {"net": (jnp.zeros(2), jax.nn.relu, jax.random.key(7))}
    checkpoint.restore(tmp_path / "x.h5", into, exclude=left_out)
    assert into["net"][0].tolist() == [1, 1]
    assert into["net"][1] is jax.nn.relu


def test_the_description_of_a_tree_is_a_target(tmp_path: Path) -> None:
    optimizer = OPTIMIZERS["adam"]
    checkpoint.save(tmp_path / "x.h5", {"params": params(2.0), "state": optimizer.init(params())})
    abstract = jax.eval_shape(lambda: {"params": params(), "state": optimizer.init(params())})
    assert checkpoint.plan(tmp_path / "x.h5", abstract).ok
    checkpoint.restore(tmp_path / "x.h5", abstract)
    jax.tree.map(np.testing.assert_array_equal, abstract, {"params": params(2.0), "state": optimizer.init(params())})
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(abstract))
    with pytest.raises(SaveError, match="has no value"):
        checkpoint.save(tmp_path / "y.h5", jax.eval_shape(params))


def test_a_restored_number_widens_nothing(tmp_path: Path) -> None:
    state = {"rate": jnp.asarray(0.5), "rates": jnp.full(3, 0.5), "rate32": jnp.float32(0.5)}
    checkpoint.save(tmp_path / "x.h5", state)
    into = {"rate": jnp.asarray(0.0), "rates": jnp.full(3, 0.0), "rate32": jnp.float32(0.0)}
    checkpoint.restore(tmp_path / "x.h5", into)
    for name, value in into.items():
        assert (value == state[name]).all()
        assert (value * jnp.bfloat16(1)).dtype == (state[name] * jnp.bfloat16(1)).dtype


DEVICES = """
import sys
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
from tmplcore import checkpoint

mesh = Mesh(np.array(jax.devices()).reshape(2, 2), ("a", "b"))
place = lambda *axes: NamedSharding(mesh, P(*axes))
value = jnp.arange(64.0).reshape(8, 8)
checkpoint.save(sys.argv[1], {"x": jax.device_put(value, place("a", "b")), "w": value})
abstract = jax.ShapeDtypeStruct((8, 8), "float32", sharding=place(None, "a"))
for old, sharding in ((jax.device_put(jnp.zeros((8, 8)), place("b")), place("b")), (abstract, place(None, "a"))):
    into = {"x": old, "w": jnp.zeros((8, 8))}
    checkpoint.restore(sys.argv[1], into)
    assert into["x"].sharding == sharding, into["x"].sharding
    assert (into["x"] == value).all()
    # What was put on no device in particular still goes along with what is spread over all.
    assert (jax.jit(jnp.matmul)(into["w"], into["x"]) == value @ value).all()
"""


def test_arrays_on_several_devices(tmp_path: Path) -> None:
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", DEVICES, str(tmp_path / "x.h5")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_tree_with_two_names_alike_is_refused_unless_all_of_it_is_left_out(tmp_path: Path) -> None:
    source = {"w": np.ones(2), "opt": ({"a/b": jnp.ones(2), "a": {"b": jnp.ones(3)}},)}
    for how in ({}, {"include": "*/b"}, {"exclude": "*/b"}):
        with pytest.raises(SaveError, match="'0/a/b'") as found:
            checkpoint.save(tmp_path / "x.h5", source, **how)
        assert found.value.__notes__ == ["this is in 'opt'"]
    for number, how in enumerate(({"exclude": "opt/"}, {"exclude": "opt"}, {"include": "w"}, {"include": "w*"})):
        checkpoint.save(tmp_path / f"{number}.h5", source, **how)
        assert list(checkpoint.load(tmp_path / f"{number}.h5")) == ["w"]
