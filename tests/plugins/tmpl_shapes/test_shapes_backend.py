"""The shapes backend keeps the contract, allocates nothing and asks for nothing."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tmpl_shapes.backend import ShapesBackend
from tmplcore.errors import BackendError
from tmplcore.testing.backend import BackendContract, Given, spec


class TestShapesBackend(BackendContract):
    def open(self, directory: Path) -> ShapesBackend:
        return ShapesBackend()


def test_a_terabyte_costs_nothing():
    backend = ShapesBackend()
    tracemalloc.start()
    initial = Given(MemoryError())
    cell = backend.create(spec("huge", (1 << 20, 1 << 20)), initial)
    backend.assign(spec("huge", (1 << 20, 1 << 20)), cell, np.broadcast_to(np.float32(1), (1 << 20, 1 << 20)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert initial.asked == 0
    assert peak < 100_000
    assert cell.value.shape == (1 << 20, 1 << 20)


def test_mathematics_runs_on_the_stand_in():
    cell = ShapesBackend().create(spec("w", (3, 2)), Given(None))
    assert (np.ones((4, 3), np.float32) @ cell.value).shape == (4, 2)
    with pytest.raises(ValueError, match="read-only"):
        cell.value += 1


def test_assigning_another_shape_is_refused():
    backend = ShapesBackend()
    cell = backend.create(spec("w", (3, 2)), Given(None))
    with pytest.raises(BackendError, match="w: a value of shape"):
        backend.assign(spec("w", (3, 2)), cell, np.ones(3))
