"""What the tests of getters share: a layer, and how a test looks at a store."""

import numpy as np
import pytest

import tmplcore
from tmplcore.initializers import Zeros
from tmplcore.plugins import default_registry


def backends():
    def framework(name):
        return pytest.param(name, marks=pytest.mark.skipif(_missing(name), reason=f"needs {name}"))

    return ["numpy", framework("torch"), framework("jax")]


def _missing(name):
    return bool(default_registry().backend(name).missing())


def variables(store):
    return [variable.op.name for variable in store.variables]


def trainables(store):
    return [variable.op.name for variable in store.get_collection("trainable_variables")]


def dense(x, units=2):
    kernel = tmplcore.get_variable("kernel", [x.shape[-1], units])
    bias = tmplcore.get_variable("bias", [units], initializer=Zeros())
    return x @ kernel.value + bias.value if isinstance(kernel, tmplcore.Variable) else x @ kernel + bias


def number(value):
    return np.asarray(value.detach() if hasattr(value, "detach") else value, np.float64)


def native(store, array):
    if store.backend.name == "torch":
        import torch

        return torch.from_numpy(array)
    return array
