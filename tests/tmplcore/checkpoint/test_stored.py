"""Arrays that lie in a file: what a slice returns is what NumPy returns, and damage is an error."""

import os
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tmplcore.checkpoint import stored
from tmplcore.checkpoint.stored import InputFile, StoredArray
from tmplcore.errors import CheckpointNotFoundError, DamagedError, InvalidArgumentError, UnreadableError


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stored")


def _store(path: Path, raw: bytes, lead: int = 5) -> InputFile:
    path.write_bytes(b"\x55" * lead + raw)
    return InputFile(path)


@settings(max_examples=300, deadline=None)
@given(
    data=st.data(),
    shape=npst.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
    fortran=st.booleans(),
    at_once=st.sampled_from([1, 40, 1 << 20]),
)
def test_any_basic_index_returns_what_numpy_returns(folder, data, shape, fortran, at_once) -> None:
    value = np.arange(np.prod(shape, dtype=int), dtype="<i4").reshape(shape)
    index = data.draw(npst.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    with _store(folder / "a", value.tobytes("F" if fortran else "C")) as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored, "_MOST_AT_ONCE", at_once)
        variable = StoredArray("v", shape, value.dtype, file, 5, fortran=fortran)
        got = variable[index]
        want = np.asarray(value[index])
        assert got.shape == want.shape
        assert got.dtype == want.dtype
        assert np.array_equal(got, want)
        whole = np.empty(shape, "i4")
        variable.read_into(whole)
        assert np.array_equal(whole, value)
        assert np.array_equal(np.concatenate([*variable.blocks(8), np.empty(0, "i4")]), value.reshape(-1))


def test_an_index_that_is_not_basic_works_too(folder) -> None:
    value = np.arange(12).reshape(3, 4)
    with _store(folder / "b", value.tobytes()) as file:
        variable = StoredArray("v", (3, 4), value.dtype, file, 5)
        assert np.array_equal(variable[[2, 0]], value[[2, 0]])
        assert np.array_equal(variable[value > 5], value[value > 5])
        for wrong in [(3,), (0, 4), (0, -5), (0, 0, 0), (..., ...)]:
            with pytest.raises(IndexError):
                variable[wrong]


@pytest.mark.parametrize("dtype", ["f4", "c16", "U3", "i8", "f2", ml_dtypes.bfloat16])
def test_the_other_byte_order_is_swapped(folder, dtype) -> None:
    dtype = np.dtype(dtype)
    value = np.array([[1, 2], [300, 4]]).astype(dtype)
    words = {"c": dtype.itemsize // 2, "U": 4}.get(dtype.kind, dtype.itemsize)
    with _store(folder / "c", value.view(f"u{words}").byteswap().tobytes()) as file:
        variable = StoredArray("v", (2, 2), dtype, file, 5, swapped=True)
        assert variable.dtype == dtype
        assert np.array_equal(variable[...], value)
        assert variable[1, 0] == value[1, 0]


def test_what_lies_beyond_the_end_is_damage_and_allocates_nothing(folder) -> None:
    with _store(folder / "d", b"1234") as file:
        variable = StoredArray("v", (2,), np.dtype("f4"), file, 5)
        with pytest.raises(DamagedError, match="ends at 9") as caught:
            variable[...]
        assert "cut short" in caught.value.hint
        for offset, count in [(0, 1 << 60), (-1, 2), (0, -1), (10, 0)]:
            with pytest.raises(DamagedError):
                file.read(offset, count)
        os.truncate(folder / "d", 3)
        with pytest.raises(DamagedError, match="became shorter"):
            file.read(0, 9)


def test_only_a_fitting_array_is_read_into(folder) -> None:
    with _store(folder / "e", b"1" * 16) as file:
        variable = StoredArray("v", (2, 2), np.dtype("f4"), file, 5)
        frozen = np.empty((2, 2), "f4")
        frozen.flags.writeable = False
        for out in [np.empty((4,), "f4"), np.empty((2, 2), "i4"), frozen]:
            with pytest.raises(InvalidArgumentError):
                variable.read_into(out)


def test_only_regular_files_are_opened(tmp_path) -> None:
    with pytest.raises(CheckpointNotFoundError, match="no such file"):
        InputFile(tmp_path / "none")
    with pytest.raises(UnreadableError, match="not a regular file"):
        InputFile(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UnreadableError, match="not a regular file"):
        InputFile(tmp_path / "pipe")
