"""The contract of a backend as a test suite.

Subclass it, say how the backend is made, and run pytest:

    from tmplcore.testing import BackendContract

    class TestMyBackend(BackendContract):
        def open(self, directory):
            return MyBackend(directory / "variables")

Every test makes its own backend in a fresh directory. What a backend says of itself (`live`, `persistent`,
`allocates`, `sliced`, `in_place`) decides what is asked of it.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, final

import ml_dtypes
import numpy as np
import pytest

from tmplcore.arrays import to_numpy
from tmplcore.backend import Backend, InitialValue, VariableSpec
from tmplcore.errors import BackendError

__all__ = ["BackendContract", "Given", "spec"]


@final
class Given(InitialValue):
    """A ready value, counting how often it was asked for.

    Args:
        value: The value; an exception is raised instead of returned.
        pieces: How many blocks to hand it out in.
    """

    def __init__(self, value: Any, *, pieces: int = 1) -> None:
        self.value = value
        self.pieces = pieces
        self.asked = 0

    def array(self) -> Any:
        """Return the value."""
        self.asked += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the value in pieces."""
        yield from np.array_split(to_numpy(self.array()).reshape(-1), self.pieces)


def spec(name: str, shape: tuple[int, ...] | None, dtype: Any = "float32", *, trainable: bool = True) -> VariableSpec:
    """Make a `VariableSpec` with less typing."""
    return VariableSpec(name, shape, np.dtype(dtype), trainable)


def sample(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return values that every dtype can hold exactly, all different where the type has room for it."""
    count = int(np.prod(shape, dtype=int))
    dtype = np.dtype(dtype)
    if dtype.hasobject:
        return np.array([b"text %d \x00" % i for i in range(count)] or [b""], dtype=object)[:count].reshape(shape)
    if dtype == np.dtype(bool):
        return np.asarray(np.arange(count) % 3 == 0).reshape(shape)
    return np.asarray(np.arange(count) % 8).astype(dtype).reshape(shape)


def same(got: Any, wanted: np.ndarray) -> bool:
    """Tell whether two arrays have the same shape, dtype and bits."""
    got = to_numpy(got)
    if got.shape != wanted.shape or got.dtype != wanted.dtype:
        return False
    if wanted.dtype.hasobject:
        return bool(np.array_equal(got, wanted))
    return np.ascontiguousarray(got).tobytes() == np.ascontiguousarray(wanted).tobytes()


class BackendContract:
    """What every backend must do. See the module for how to use it.

    Attributes:
        dtypes: The element types that the backend stores.
        refused: Element types that it must refuse with a BackendError that names the variable.
        refused_names: Names that it must refuse with a ValueError that quotes the name.
    """

    dtypes: ClassVar[tuple[Any, ...]] = (
        "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
        "float16", "float32", "float64", "complex64", "complex128",
        ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, object,
    )  # fmt: skip
    refused: ClassVar[tuple[Any, ...]] = ()
    refused_names: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def open(self, directory: Path) -> Backend:
        """Make a backend; one that keeps files keeps them in `directory`, and finds those of an earlier one there."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        """A backend that is closed after the test."""
        backend = self.open(tmp_path)
        yield backend
        backend.close()

    @pytest.fixture
    def stored(self, backend: Backend) -> Backend:
        """The backend, for tests that read values back: skipped where there are none."""
        if not backend.allocates:
            pytest.skip("this backend keeps no values")
        return backend

    def test_is_a_backend_with_a_name(self, backend: Backend) -> None:
        assert isinstance(backend, Backend)
        assert backend.name
        assert backend.name == type(backend).name

    def test_value_has_the_shape_and_dtype_asked_for(self, backend: Backend) -> None:
        for name, shape in {"scalar": (), "vector": (3,), "matrix": (2, 3), "empty": (0, 4)}.items():
            of = spec(name, shape)
            cell = backend.create(of, Given(np.ones(shape, np.float32)))
            assert tuple(cell.value.shape) == shape
            array = backend.numpy(of, cell)
            assert isinstance(array, np.ndarray)
            assert array.shape == shape
            assert array.dtype == np.float32

    def test_every_dtype_comes_back_bit_for_bit(self, stored: Backend) -> None:
        for position, dtype in enumerate(self.dtypes):
            wanted = sample((3, 4), dtype)
            of = spec(f"scope/v{position}", (3, 4), dtype)
            cell = stored.create(of, Given(wanted))
            assert same(stored.numpy(of, cell), wanted), dtype

    def test_dtypes_it_cannot_store_are_refused_by_name(self, backend: Backend) -> None:
        for dtype in self.refused:
            with pytest.raises(BackendError, match="scope/odd"):
                backend.create(spec("scope/odd", (2,), dtype), Given(np.zeros(2, dtype)))
        of = spec("scope/odd", (2,))
        backend.create(of, Given(np.zeros(2, np.float32)))

    def test_initial_value_is_cast_to_the_dtype(self, stored: Backend) -> None:
        of = spec("v", (2,), "float16")
        assert same(stored.numpy(of, stored.create(of, Given([1, 2]))), np.array([1, 2], np.float16))

    def test_initial_value_is_copied(self, stored: Backend) -> None:
        given = np.zeros(4, np.float32)
        of = spec("v", (4,))
        cell = stored.create(of, Given(given))
        given += 1
        assert same(stored.numpy(of, cell), np.zeros(4, np.float32))
        stored.assign(of, cell, np.full(4, 5, np.float32))
        assert given[0] == 1

    def test_an_initial_value_in_blocks_is_whole(self, stored: Backend) -> None:
        wanted = np.arange(700_001, dtype=np.float32)
        of = spec("large", (700_001,))
        cell = stored.create(of, Given(wanted, pieces=7))
        assert same(stored.numpy(of, cell), wanted)

    def test_a_failing_initial_value_leaves_nothing_behind(self, backend: Backend) -> None:
        # A shape that is not known yet makes every backend ask.
        with pytest.raises(ZeroDivisionError):
            backend.create(spec("v", None), Given(ZeroDivisionError("no value")))
        if backend.allocates:
            with pytest.raises(ZeroDivisionError):
                backend.create(spec("v", (2,)), Given(ZeroDivisionError("no value")))
        of = spec("v", (3,))
        assert tuple(backend.create(of, Given(np.ones(3, np.float32))).value.shape) == (3,)

    def test_initial_value_of_another_shape_is_refused(self, stored: Backend) -> None:
        with pytest.raises(BackendError, match="v"):
            stored.create(spec("v", (3,)), Given(np.ones(2, np.float32)))
        with pytest.raises(BackendError, match="v"):
            stored.create(spec("v", (600_000,)), Given(np.ones(599_999, np.float32), pieces=3))
        stored.create(spec("v", (3,)), Given(np.ones(3, np.float32)))

    def test_unknown_shape_takes_that_of_the_value(self, backend: Backend) -> None:
        of = spec("v", None)
        cell = backend.create(of, Given(np.ones((2, 3), np.float32)))
        assert backend.numpy(of, cell).shape == (2, 3)
        backend.assign(of, cell, np.zeros(5, np.float32))
        assert backend.numpy(of, cell).shape == (5,)

    def test_assign_replaces_and_casts(self, stored: Backend) -> None:
        of = spec("v", (2, 2))
        cell = stored.create(of, Given(np.zeros((2, 2), np.float32)))
        for value in ([[1, 2], [3, 4]], np.array([[1, 2], [3, 4]], np.int64), np.array([[1, 2], [3, 4]], np.float64)):
            stored.assign(of, cell, np.zeros((2, 2)))
            stored.assign(of, cell, value)
            assert same(stored.numpy(of, cell), np.array([[1, 2], [3, 4]], np.float32))

    def test_add_and_subtract_in_the_dtype_of_the_variable(self, stored: Backend) -> None:
        for dtype in ("float32", "float16", "int32"):
            of = spec(f"v_{dtype}", (2,), dtype)
            cell = stored.create(of, Given(np.array([1, 2], dtype)))
            stored.add(of, cell, np.array([1.0, 1.0]))
            stored.add(of, cell, 3, sign=-1)
            assert same(stored.numpy(of, cell), np.array([-1, 0], dtype))
        of = spec("step", (), "int64")
        cell = stored.create(of, Given(np.int64(1)))
        stored.add(of, cell, 1)
        assert stored.numpy(of, cell) == 2

    def test_memory_is_the_value_itself(self, stored: Backend) -> None:
        of = spec("v", (2, 3))
        cell = stored.create(of, Given(np.zeros((2, 3), np.float32)))
        memory = stored.memory(of, cell)
        if memory is None:
            pytest.skip("this backend hands out no memory")
        assert memory.flags.c_contiguous
        memory[...] = sample((2, 3), "float32")
        assert same(cell.value, sample((2, 3), "float32"))
        assert same(stored.numpy(of, cell), sample((2, 3), "float32"))

    def test_assign_takes_what_the_backend_hands_out(self, stored: Backend) -> None:
        first, second = spec("a", (3,)), spec("b", (3,))
        a = stored.create(first, Given(np.arange(3, dtype=np.float32)))
        b = stored.create(second, Given(np.zeros(3, np.float32)))
        stored.assign(second, b, a.value)
        assert same(stored.numpy(second, b), np.arange(3, dtype=np.float32))
        stored.assign(first, a, stored.numpy(first, a) + 1)
        assert same(stored.numpy(second, b), np.arange(3, dtype=np.float32))

    def test_a_scalar_is_assigned_and_read(self, stored: Backend) -> None:
        of = spec("step", (), "int64", trainable=False)
        cell = stored.create(of, Given(np.int64(7)))
        assert int(stored.numpy(of, cell)) == 7
        stored.assign(of, cell, 8)
        assert stored.numpy(of, cell) == 8
        assert stored.numpy(of, cell).shape == ()

    def test_live_values_show_later_assignments_and_snapshots_do_not(self, stored: Backend) -> None:
        of = spec("v", (2,))
        cell = stored.create(of, Given(np.zeros(2, np.float32)))
        earlier = cell.value
        stored.assign(of, cell, np.ones(2))
        expected = 1 if stored.live else 0
        assert float(to_numpy(earlier)[0]) == expected
        assert float(to_numpy(cell.value)[0]) == 1

    def test_values_that_are_changed_in_place_stay_the_same_objects(self, stored: Backend) -> None:
        if not stored.in_place:
            pytest.skip("values of this backend are exchanged")
        of = spec("v", (2, 3))
        cell = stored.create(of, Given(np.zeros((2, 3), np.float32)))
        array = stored.numpy(of, cell)
        stored.assign(of, cell, np.ones((2, 3)))
        stored.add(of, cell, 2)
        stored.write_slice(of, cell, 0, [5, 6, 7])
        assert stored.numpy(of, cell) is array
        assert stored.arrays([of], [cell])[0] is array
        assert same(array, np.array([[5, 6, 7], [3, 3, 3]], np.float32))

    def test_a_live_value_changed_in_place_changes_the_variable(self, stored: Backend) -> None:
        of = spec("v", (2,), trainable=False)
        cell = stored.create(of, Given(np.zeros(2, np.float32)))
        if not stored.live:
            pytest.skip("values of this backend are snapshots")
        cell.value += 3
        assert same(stored.numpy(of, cell), np.full(2, 3, np.float32))

    INDICES: ClassVar[tuple[Any, ...]] = (
        0, -1, (1, 2), slice(1, 4), slice(None, None, 2), slice(4, 1, -1), (slice(1, 3), slice(0, 2)), ..., (..., 1),
        (), [3, 0, 3], (np.array([0, 4]), np.array([1, 2])), slice(2, 2), (slice(None), [2, 0]),
    )  # fmt: skip

    def test_slices_are_those_of_numpy(self, stored: Backend) -> None:
        wanted = np.arange(15, dtype=np.float32).reshape(5, 3)
        of = spec("table", (5, 3))
        cell = stored.create(of, Given(wanted))
        mask = wanted % 2 == 0
        for index in (*self.INDICES, mask, mask[:, 0]):
            assert same(stored.read_slice(of, cell, index), np.asarray(wanted[index])), index

    def test_writing_a_slice_changes_that_slice_alone(self, stored: Backend) -> None:
        wanted = np.arange(15, dtype=np.float32).reshape(5, 3)
        of = spec("table", (5, 3))
        cell = stored.create(of, Given(wanted))
        mask = wanted % 2 == 0
        for count, index in enumerate((*self.INDICES, mask, mask[:, 0])):
            stored.write_slice(of, cell, index, 100.0 + count)
            wanted[index] = 100.0 + count
            assert same(stored.numpy(of, cell), wanted), index
        stored.write_slice(of, cell, [1, 3], [[1, 2, 3], [4, 5, 6]])
        wanted[[1, 3]] = [[1, 2, 3], [4, 5, 6]]
        assert same(stored.numpy(of, cell), wanted)

    def test_an_index_out_of_range_is_an_index_error(self, stored: Backend) -> None:
        of = spec("table", (5, 3))
        cell = stored.create(of, Given(np.zeros((5, 3), np.float32)))
        for index in (5, -6, (0, 3), [0, 5], (0, 0, 0)):
            with pytest.raises(IndexError):
                stored.read_slice(of, cell, index)
            with pytest.raises(IndexError):
                stored.write_slice(of, cell, index, 1.0)

    def test_a_deleted_variable_can_be_made_again(self, backend: Backend) -> None:
        of = spec("scope/v", (2,))
        backend.delete(of, backend.create(of, Given(np.zeros(2, np.float32))))
        other = spec("scope/v", (3, 3), "int32")
        cell = backend.create(other, Given(np.ones((3, 3), np.int32)))
        assert backend.numpy(other, cell).shape == (3, 3)

    def test_names_of_slots_and_odd_names(self, stored: Backend) -> None:
        names = [
            "dense/kernel",
            "dense/kernel/Adam",
            "dense/kernel/Adam_1",
            "a.b/c-d",
            "deep/er/and/deep/er",
            "_x",
            "kernel",
        ]
        specs = [spec(name, (2,)) for name in [*names, *(f"{name}/longer" for name in names)]]
        cells = [stored.create(of, Given(np.full(2, i, np.float32))) for i, of in enumerate(specs)]
        for i, (of, cell) in enumerate(zip(specs, cells, strict=True)):
            assert same(stored.numpy(of, cell), np.full(2, i, np.float32)), of.name

    def test_slots_can_come_first(self, stored: Backend) -> None:
        names = ["dense/kernel/Adam", "dense/kernel", "dense", "dense/kernel/Adam/m"]
        specs = [spec(name, (2,)) for name in names]
        cells = [stored.create(of, Given(np.full(2, i, np.float32))) for i, of in enumerate(specs)]
        stored.delete(specs[0], cells[0])
        for i, (of, cell) in list(enumerate(zip(specs, cells, strict=True)))[1:]:
            assert same(stored.numpy(of, cell), np.full(2, i, np.float32)), of.name

    def test_names_it_cannot_store_are_refused(self, backend: Backend) -> None:
        for name in self.refused_names:
            with pytest.raises(ValueError, match=re.escape(repr(name))):
                backend.create(spec(name, (2,)), Given(np.zeros(2, np.float32)))
        backend.create(spec("v", (2,)), Given(np.zeros(2, np.float32)))

    def test_many_variables(self, stored: Backend) -> None:
        specs = [spec(f"layer_{i % 10}/v{i}", (i % 7,)) for i in range(300)]
        cells = [stored.create(of, Given(np.full(i % 7, i, np.float32))) for i, of in enumerate(specs)]
        for i, (of, cell) in enumerate(zip(specs, cells, strict=True)):
            assert same(stored.numpy(of, cell), np.full(i % 7, i, np.float32))

    def test_flush_and_close_can_be_repeated(self, tmp_path: Path) -> None:
        backend = self.open(tmp_path)
        backend.create(spec("v", (2,)), Given(np.zeros(2, np.float32)))
        backend.flush()
        backend.flush()
        backend.close()
        backend.close()

    def test_persistent_values_are_found_again(self, tmp_path: Path) -> None:
        backend = self.open(tmp_path)
        if not backend.persistent:
            backend.close()
            pytest.skip("values of this backend end with the process")
        specs = [spec(f"scope/v{i}", (3, 4), dtype) for i, dtype in enumerate(self.dtypes)]
        specs += [spec("scope", (3, 4)), spec("scope/v0/slot", (3, 4)), spec("scope/v0/slot/slot", (3, 4))]
        for of in specs:
            backend.create(of, Given(sample((3, 4), of.dtype)))
        backend.close()

        again = self.open(tmp_path)
        try:
            for of in specs:
                initial = Given(ZeroDivisionError("the initial value of a variable that is there already"))
                cell = again.create(of, initial)
                assert same(again.numpy(of, cell), sample((3, 4), of.dtype)), of.dtype
                assert initial.asked == 0
            changed = spec("scope/v0/slot", (3, 4))
            cell = again.create(changed, Given(None))
            again.assign(changed, cell, np.full((3, 4), 7))
            again.delete(specs[0], again.create(specs[0], Given(None)))
            again.create(spec("scope/new", (2,)), Given([1, 2]))
        finally:
            again.close()

        again = self.open(tmp_path)
        try:
            assert same(again.numpy(changed, again.create(changed, Given(None))), np.full((3, 4), 7, np.float32))
            new = spec("scope/new", (2,))
            assert same(again.numpy(new, again.create(new, Given([0, 0]))), np.array([1, 2], np.float32))
            made_again = Given(sample((3, 4), specs[0].dtype))
            again.create(specs[0], made_again)
            assert made_again.asked == 1
        finally:
            again.close()
