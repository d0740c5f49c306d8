"""Parts of an array in a file are NumPy's parts, whatever the index, and little else is moved."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tmpl_hdf5 import backend_slices
from tmpl_hdf5.backend_slices import Region


class Memory:
    """A file in memory that counts what is moved."""

    def __init__(self, array):
        self.data = bytearray(64) + bytearray(array.tobytes())
        self.moved = 0

    def read(self, at, into):
        flat = into.reshape(-1).view(np.uint8)
        flat[:] = np.frombuffer(self.data, np.uint8, len(flat), at)
        self.moved += len(flat)

    def store(self, at, data):
        raw = data.tobytes()
        assert at + len(raw) <= len(self.data)
        self.data[at : at + len(raw)] = raw
        self.moved += len(raw)

    def array(self, like):
        return np.frombuffer(self.data, like.dtype, like.size, 64).reshape(like.shape)


def region_of(array):
    memory = Memory(array)
    return memory, Region(memory, 64, array.shape, array.dtype)


@pytest.fixture(params=[1 << 24, 40, 8])
def block(request, monkeypatch):
    monkeypatch.setattr(backend_slices, "BLOCK", request.param)


SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)


@st.composite
def indexed(draw):
    shape = draw(SHAPES)
    kind = draw(st.sampled_from(["basic", "rows", "rows and more", "mask", "inner"]))
    basic = hnp.basic_indices(shape, allow_newaxis=True)
    if kind == "basic" or not shape or shape[0] == 0:
        return shape, draw(basic)
    rows = draw(
        hnp.arrays(np.intp, hnp.array_shapes(max_dims=2, max_side=4), elements=st.integers(-shape[0], shape[0] - 1))
    )
    if kind == "rows":
        return shape, rows.tolist() if draw(st.booleans()) else rows
    if kind == "mask":
        return shape, draw(hnp.arrays(bool, draw(st.sampled_from([shape[:1], shape]))))
    rest = draw(hnp.basic_indices(shape[1:], allow_newaxis=False, allow_ellipsis=False))
    rest = rest if isinstance(rest, tuple) else (rest,)
    if kind == "rows and more":
        return shape, (rows, *rest)
    if len(shape) > 1 and shape[1]:
        columns = draw(hnp.arrays(np.intp, 3, elements=st.integers(0, shape[1] - 1)))
        return shape, (draw(st.sampled_from([slice(None), slice(None, None, -2), 0])), columns)
    return shape, ...


@settings(max_examples=300)
@given(indexed(), st.sampled_from([1 << 24, 40, 8]))
def test_any_index_is_numpys(case, block_size):
    shape, index = case
    array = np.arange(int(np.prod(shape)), dtype=np.float32).reshape(shape)
    memory, region = region_of(array)
    before, backend_slices.BLOCK = backend_slices.BLOCK, block_size
    try:
        got = region.get(index)
        if got is None:
            return
        expected = np.asarray(array[index])
        assert got.dtype == expected.dtype
        assert got.shape == expected.shape
        assert (got == expected).all()
        value = -1 - np.arange(expected.size, dtype=np.float32).reshape(expected.shape)
        wanted = array.copy()
        for new in (value, np.float32(7)):
            wanted[index] = new
            assert region.set(index, np.asarray(new))
            assert (memory.array(array) == wanted).all()
    finally:
        backend_slices.BLOCK = before


@pytest.mark.parametrize("index", [5, -6, (0, 3), [0, 5], [-6], (0, 0, 0), (slice(None), 3), "a", 1.5, ([0], [3])])
def test_no_index(index, block):
    _, region = region_of(np.zeros((5, 3)))
    with pytest.raises(IndexError):
        region.get(index)
    with pytest.raises(IndexError):
        region.set(index, np.asarray(1.0))


def test_values_must_fit():
    memory, region = region_of(np.zeros((5, 3)))
    for index, value in [(0, np.zeros(2)), ([0, 1], np.zeros((3, 3))), (slice(0, 2), np.zeros((3, 3)))]:
        with pytest.raises(ValueError, match="broadcast"):
            region.set(index, value)
    assert not memory.array(np.zeros((5, 3))).any()


@pytest.mark.parametrize(
    ("index", "moved"),
    [
        (7, 400),
        ((7, 3), 4),
        ([1, 5, 5, 9], 1200),
        (slice(10, 20), 4000),
        ((slice(10, 20), 3), 4000),
        ((7, slice(2, 5)), 12),
    ],
)
def test_little_more_than_the_part_is_moved(index, moved):
    memory, region = region_of(np.zeros((10_000, 100), np.float32))
    region.get(index)
    assert memory.moved == moved
