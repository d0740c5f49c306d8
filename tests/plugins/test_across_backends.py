"""The same program on every backend: the founding example, equal initial values, checkpoints from one to the other."""

import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.errors import TrainableCreatedError, VariableNotFoundError
from tmplcore.initializers import Ones
from tmplcore.plugins import default_registry

NAMES = ["numpy", "hdf5", "torch", "jax"]


@pytest.fixture
def make(tmp_path):
    """Return a function that makes a store on a backend."""
    backends = []

    def make(name, **options):
        plugin = default_registry().backend(name)
        if plugin.missing():
            pytest.skip(f"needs {name}")
        factory = plugin.load_factory()
        backends.append(factory(tmp_path / f"{name}{len(backends)}.h5") if name == "hdf5" else factory())
        return tmplcore.VariableStore(backends[-1], **options)

    yield make
    for backend in backends:
        backend.close()


def native(store, array):
    if store.backend.name == "torch":
        import torch

        return torch.tensor(array)
    if store.backend.name == "jax":
        import jax.numpy as jnp

        return jnp.asarray(array)
    return array


def plain(value):
    return np.asarray(value.detach() if hasattr(value, "detach") else value)


@pytest.mark.parametrize("name", NAMES)
class TestTheFoundingExample:
    @staticmethod
    def my_op(x, scalar_name):
        var1 = tmplcore.get_variable(scalar_name, shape=[], initializer=Ones())
        return x * var1

    def test_two_calls_share_one_variable(self, make, name):
        store = make(name)
        with store.as_default():
            scale_by_y = tmplcore.make_template("scale_by_y", self.my_op, scalar_name="y")
            x = native(store, np.arange(3, dtype=np.float32))
            z, w = scale_by_y(x), scale_by_y(x + 1)
            (y,) = scale_by_y.variables
            assert y.name == "scale_by_y/y:0"
            assert plain(z).tolist() == [0, 1, 2]
            assert plain(w).tolist() == [1, 2, 3]
            y.assign(2.0)
            assert plain(scale_by_y(x)).tolist() == [0, 2, 4]

    def test_names_with_a_scope_made_now(self, make, name):
        store = make(name)
        with store.as_default():
            first = tmplcore.make_template("scale", self.my_op, create_scope_now_=True, scalar_name="y")
            second = tmplcore.make_template("scale", self.my_op, create_scope_now_=True, scalar_name="y")
            x = native(store, np.float32(3))
            second(x), first(x)
            assert [v.name for v in store.variables] == ["scale_1/y:0", "scale/y:0"]

    def test_the_captured_scope_again_shares(self, make, name):
        store = make(name)
        with store.as_default():
            first = tmplcore.make_template("scale", self.my_op, create_scope_now_=True, scalar_name="y")
            x = native(store, np.float32(3))
            first(x)
            with tmplcore.variable_scope(first.variable_scope, reuse=True):
                again = tmplcore.get_variable("y", shape=[])
            assert again is first.variables[0]

    def test_another_name_is_refused_on_the_second_call(self, make, name):
        store = make(name)
        with store.as_default():
            scale = tmplcore.make_template("scale", self.my_op)
            x = native(store, np.float32(3))
            scale(x, scalar_name="a")
            with pytest.raises(VariableNotFoundError, match="scale/b"):
                scale(x, scalar_name="b")

    def test_a_variable_of_its_own_in_the_function(self, make, name):
        store = make(name)
        with store.as_default():
            trained = tmplcore.make_template("trained", lambda: tmplcore.Variable(1.0))
            trained()
            with pytest.raises(TrainableCreatedError):
                trained()
            still = tmplcore.make_template("still", lambda: tmplcore.Variable(1.0, trainable=False))
            still()
            still()


def build():
    with tmplcore.variable_scope("net"):
        tmplcore.get_variable("glorot", [5, 4])
        tmplcore.get_variable("half", [3], "float16", initializer=tmplcore.initializers.RandomNormal())
        tmplcore.get_variable("brain", [3], "bfloat16", initializer=tmplcore.initializers.RandomNormal())
        tmplcore.get_variable("step", initializer=np.array(2**40), dtype="int64", trainable=False)
        tmplcore.get_variable("parted", [5, 2], partitioner=tmplcore.fixed_size_partitioner(2))


def values(store):
    return {v.op.name: (str(v.numpy().dtype), v.numpy().shape, v.numpy().tobytes()) for v in store.variables}


@pytest.mark.parametrize("name", NAMES[1:])
def test_initial_values_are_those_of_numpy_bit_for_bit(make, name):
    stores = [make("numpy", seed=11), make(name, seed=11)]
    for store in stores:
        with store.as_default():
            build()
    assert values(stores[0]) == values(stores[1])


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("source", NAMES)
def test_a_checkpoint_of_one_restores_into_the_other(make, tmp_path, source, target):
    first, second = make(source, seed=1), make(target, seed=2)
    for store in (first, second):
        with store.as_default():
            build()
    assert values(first) != values(second)
    checkpoint.save(tmp_path / "c.ckpt.h5", first)
    assert checkpoint.restore(tmp_path / "c.ckpt.h5", second).ok
    assert values(first) == values(second)
