"""Checkpoints of variables on every backend, and of the objects of frameworks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager
from tmplcore.plugins import default_registry


def store_of(backend: str, path: Path) -> tmplcore.VariableStore:
    options = {"path": path / "working.h5"} if backend == "hdf5" else {}
    return tmplcore.VariableStore(default_registry().backend(backend).load_factory()(**options))


def build() -> list[object]:
    with tmplcore.variable_scope("m", reuse=tmplcore.AUTO_REUSE):
        big = tmplcore.get_variable("big", [1200, 1000, 4])
        small = tmplcore.get_variable("small", [3], dtype="float64")
        count = tmplcore.get_variable("count", [], dtype="int64", trainable=False)
    return [big, small, count]


@pytest.mark.parametrize("backend", ["numpy", "hdf5", "torch", "jax"])
def test_every_backend_is_saved_and_restored(tmp_path: Path, backend: str) -> None:
    if backend in ("torch", "jax"):
        pytest.importorskip(backend)
    if backend == "jax":
        import jax

        jax.config.update("jax_enable_x64", True)
    store = store_of(backend, tmp_path)
    with store.as_default():
        variables = build()
        expected = {v.op.name: np.array(v.numpy()) for v in variables}
        manager = CheckpointManager(tmp_path / "run")
        manager.save(1, store)
        manager.async_save(2, store)
        for v in variables:
            v.assign(np.zeros(v.shape.as_list(), v.dtype.as_numpy_dtype))
        manager.wait()
        for step in (1, 2):
            loaded = manager.load(step)
            assert list(loaded) == list(expected)
            for name, value in expected.items():
                assert loaded[name].dtype == value.dtype
                assert np.array_equal(loaded[name], value)
        native = variables[0].value
        report = manager.restore(store)
        assert report.ok
        for v in variables:
            assert np.array_equal(v.numpy(), expected[v.op.name])
        if backend in ("numpy", "torch"):
            assert variables[0].value is native
        single = {name: value.astype("float32") for name, value in expected.items() if name != "m/count"}
        checkpoint.save(tmp_path / "cast.h5", single)
        checkpoint.restore(tmp_path / "cast.h5", store, cast=True, missing="skip")
        assert np.allclose(variables[1].numpy(), expected["m/small"])
    store.backend.close()


def test_a_module_and_tied_weights(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.Linear(4, 4))
    model[2].weight = model[0].weight
    checkpoint.save(tmp_path / "a.h5", model)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert set(checkpoint.open(tmp_path / "a.h5")) == set(state)
    weight = model[0].weight
    with torch.no_grad():
        for value in model.state_dict().values():
            value.zero_()
    report = checkpoint.restore(tmp_path / "a.h5", model)
    assert report.target is model
    assert model[0].weight is weight
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    into = {name: torch.zeros_like(value) for name, value in state.items()}
    checkpoint.restore(tmp_path / "a.h5", into)
    assert all(torch.equal(into[name], state[name]) for name in into)


def test_a_pytree_comes_back_as_a_new_one(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    tree = {"dense": {"w": jnp.arange(6.0).reshape(2, 3), "b": jnp.ones(3)}, "step": jnp.array(3)}
    checkpoint.save(tmp_path / "a.h5", tree)
    assert set(checkpoint.open(tmp_path / "a.h5")) == {"dense/w", "dense/b", "step"}
    zeros = jax.tree.map(jnp.zeros_like, tree)
    restored = checkpoint.restore(tmp_path / "a.h5", zeros).target
    assert jax.tree.all(jax.tree.map(lambda x, y: bool((x == y).all()), restored, tree))
    pair = (jnp.zeros(2), [jnp.ones(1)])
    checkpoint.save(tmp_path / "b.h5", pair)
    restored = checkpoint.restore(tmp_path / "b.h5", jax.tree.map(lambda x: x + 5, pair)).target
    assert isinstance(restored, tuple)
    assert restored[0].tolist() == [0, 0]
