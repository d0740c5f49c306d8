"""The JAX backend against the contract, and what JAX users take for granted."""

import ml_dtypes
import numpy as np
import pytest

from tmplcore.errors import BackendError
from tmplcore.testing.backend import BackendContract, Given, spec

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from tmpl_jax.backend import JaxBackend  # noqa: E402


class TestJax(BackendContract):
    dtypes = tuple(t for t in BackendContract.dtypes if t is not object)
    refused = (object,)

    def open(self, directory):
        return JaxBackend()


def test_the_value_is_a_jax_array_and_a_snapshot():
    backend = JaxBackend()
    of = spec("w", (2,))
    cell = backend.create(of, Given([1, 2]))
    before = cell.value
    assert isinstance(before, jax.Array)
    backend.assign(of, cell, [3, 4])
    assert before.tolist() == [1, 2]
    assert cell.value.tolist() == [3, 4]


def test_64_bits_are_kept_though_jax_computes_in_32():
    assert not jax.config.jax_enable_x64
    backend = JaxBackend()
    of = spec("step", (), "int64", trainable=False)
    cell = backend.create(of, Given(2**40))
    assert int(backend.numpy(of, cell)) == 2**40
    backend.assign(of, cell, np.int64(2**40 + 1))
    assert int(backend.numpy(of, cell)) == 2**40 + 1


def test_a_value_made_inside_a_trace_outlives_it():
    backend = JaxBackend()
    of = spec("w", (2,))
    cells = []

    @jax.jit
    def traced(x):
        cells.append(backend.create(of, Given([1, 2])))
        return x + cells[0].value

    assert traced(jnp.ones(2)).tolist() == [2, 3]
    assert backend.numpy(of, cells[0]).tolist() == [1, 2]


def test_a_value_that_ends_with_its_trace_is_refused():
    backend = JaxBackend()
    of = spec("w", (2,))
    cell = backend.create(of, Given([0, 0]))

    for change in (backend.assign, backend.add):

        @jax.jit
        def traced(x, change=change):
            change(of, cell, x)
            return x

        with pytest.raises(BackendError, match="w would keep a value that JAX is tracing") as caught:
            traced(jnp.ones(2))
        assert "transform" in caught.value.hint
    with pytest.raises(BackendError, match="w would keep"):
        jax.grad(lambda x: backend.create(of, Given(x)).value.sum())(jnp.ones(2))
    assert backend.numpy(of, cell).tolist() == [0, 0]


def test_reading_a_traced_value_says_what_to_do():
    backend = JaxBackend(traced=True)
    of = spec("w", (2,))

    @jax.jit
    def traced(x):
        cell = backend.create(of, Given([0, 0]))
        backend.assign(of, cell, x)
        return backend.numpy(of, cell)

    with pytest.raises(BackendError, match="w is being traced"):
        traced(jnp.ones(2))


def test_numpy_does_not_copy():
    backend = JaxBackend()
    of = spec("w", (1000,), ml_dtypes.bfloat16)
    cell = backend.create(of, Given(np.zeros(1000)))
    assert np.shares_memory(backend.numpy(of, cell), backend.numpy(of, cell))
