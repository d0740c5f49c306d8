"""Checkpoints of variables on every backend, and of the objects of frameworks."""

from __future__ import annotations

import gc
import weakref
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager
from tmplcore.errors import RestoreError, SaveError
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
def test_every_backend_is_saved_and_restored(tmp_path: Path, backend: str, request: pytest.FixtureRequest) -> None:
    if backend in ("torch", "jax"):
        pytest.importorskip(backend)
    if backend == "jax":
        import jax

        request.addfinalizer(partial(jax.config.update, "jax_enable_x64", jax.config.jax_enable_x64))
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


def test_trees_and_modules_inside_a_mapping(tmp_path: Path) -> None:
    jax, torch = pytest.importorskip("jax"), pytest.importorskip("torch")
    jnp = jax.numpy

    def made(value: float) -> dict[str, object]:
        module = torch.nn.Linear(2, 2)
        with torch.no_grad():
            module.weight.fill_(value)
            module.bias.fill_(value)
        slots = (jnp.full(3, value, jnp.bfloat16), [jnp.full((2, 2), value)])
        return {"params": {"w": jnp.full(3, value)}, "slots": slots, "net": module, "step": int(value)}

    checkpoint.save(tmp_path / "a.h5", made(2.0))
    into = made(1.0)
    module, slots = into["net"], into["slots"]
    assert [*checkpoint.open(tmp_path / "a.h5")] == [
        *("params/w", "slots/0", "slots/1/0", "net/weight", "net/bias", "step")
    ]
    restored = checkpoint.restore(tmp_path / "a.h5", into).target
    assert restored is into
    assert into["net"] is module
    assert (module.weight == 2).all()
    assert (into["slots"][0].dtype, into["slots"][0].tolist()) == (jnp.bfloat16, [2, 2, 2])
    assert type(into["slots"][1]) is list
    assert into["slots"][1][0].tolist() == [[2, 2], [2, 2]]
    assert slots[0].tolist() == [1, 1, 1]
    assert into["step"] == 2


def test_the_state_of_an_optimizer(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")

    def stepped(factor: float) -> object:
        torch.manual_seed(0)
        module = torch.nn.Linear(2, 2)
        optimizer = torch.optim.Adam(module.parameters())
        (factor * module(torch.ones(1, 2))).sum().backward()
        optimizer.step()
        return optimizer

    saved, other = stepped(1.0), stepped(3.0)
    checkpoint.save(tmp_path / "a.h5", {"adam": saved.state_dict()["state"]})
    checkpoint.restore(tmp_path / "a.h5", {"adam": other.state_dict()["state"]})
    for mine, theirs in zip(other.state.values(), saved.state.values(), strict=True):
        assert all(torch.equal(mine[key], theirs[key]) for key in theirs)
    with pytest.raises(SaveError) as caught:
        checkpoint.save(tmp_path / "b.h5", {"adam": saved})
    assert "state_dict" in caught.value.hint


def test_tensors_of_strange_layouts(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    source = {
        "t": torch.arange(6.0).reshape(2, 3),
        "c": torch.arange(3) + 1j,
        "n": torch.arange(3.0),
        "z": torch.ones(2),
    }
    checkpoint.save(tmp_path / "a.h5", source)
    into = {
        "t": torch.zeros(3, 2).T,
        "c": torch.zeros(3, dtype=torch.complex64).conj(),
        "n": torch._neg_view(torch.zeros(3)),
        "z": torch.zeros(2, requires_grad=True),
    }
    given = dict(into)
    checkpoint.restore(tmp_path / "a.h5", into)
    for name, value in source.items():
        assert into[name] is given[name]
        assert torch.equal(into[name].detach().resolve_conj().resolve_neg(), value)
    expanded = torch.zeros(1).expand(2)
    with pytest.raises(RestoreError, match="z: the target is read-only"):
        checkpoint.restore(tmp_path / "a.h5", {**into, "t": torch.zeros(2, 3), "z": expanded})
    assert (into["t"] == source["t"]).all()


def test_arrays_of_jax_are_let_go_one_by_one(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")
    into = {f"a{n}": jax.numpy.zeros(1000) for n in range(3)}
    checkpoint.save(tmp_path / "a.h5", {name: np.ones(1000, "float32") for name in into})
    old = [weakref.ref(array) for array in into.values()]
    gc.disable()
    try:
        checkpoint.restore(tmp_path / "a.h5", into)
        assert not any(reference() is not None for reference in old)
    finally:
        gc.enable()
