"""Blocks of memory from which small arrays are cut."""

from __future__ import annotations

import gc
import threading
import weakref
from itertools import pairwise

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tmplcore.arena import Arena, address_of, is_block

DTYPES = ["?", "i1", "f2", "f4", "f8", "c16", "longdouble", ml_dtypes.bfloat16, "S3", "M8[s]"]


@given(st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=3), st.sampled_from(DTYPES)), max_size=60))
def test_arrays_share_no_byte_and_what_is_between_them_stays_zero(forms):
    arena = Arena()
    arrays = [arena.cut(tuple(shape), np.dtype(dtype)) for shape, dtype in forms]
    spans = []
    for (shape, dtype), array in zip(forms, arrays, strict=True):
        if array is None:
            assert np.empty(shape, dtype).nbytes == 0
            continue
        assert (array.shape, array.dtype) == (tuple(shape), np.dtype(dtype))
        assert array.flags.carray
        assert is_block(array.base)
        assert not array.view(np.uint8 if array.ndim else array.dtype).any()
        spans.append((address_of(array), array.nbytes))
        assert spans[-1][0] % 64 == 0
    spans.sort()
    assert all(at + size <= after for (at, size), (after, _) in pairwise(spans))
    made = [array for array in arrays if array is not None]
    for array in made:
        array.reshape(-1).view(np.uint8)[:] = 255
    for block in {id(array.base): array.base for array in made}.values():
        used = sum(array.nbytes for array in made if array.base is block)
        assert np.count_nonzero(block) == used


def test_large_arrays_and_objects_are_not_cut():
    arena = Arena()
    assert arena.cut((1 << 20,), np.dtype("f4")) is None
    assert arena.cut((2,), np.dtype(object)) is None


def test_blocks_go_with_their_last_array():
    arena = Arena()
    arrays = [arena.cut((1000,), np.dtype("f8")) for _ in range(3000)]
    first = arrays[0]
    assert first is not None
    gone = weakref.ref(arrays[1000].base)  # type: ignore[union-attr]
    kept = weakref.ref(first.base)
    del arrays
    gc.collect()
    assert gone() is None
    assert kept() is first.base
    assert is_block(first.base)


def test_an_array_is_no_block():
    array = np.zeros(10)
    assert not is_block(array)
    assert not is_block(None)


def test_the_address_of_what_is_read_only_or_empty():
    array = np.zeros(3)
    array.flags.writeable = False
    assert address_of(array) == array.__array_interface__["data"][0]
    assert isinstance(address_of(np.zeros(0)), int)


@pytest.mark.parametrize("threads", [8])
def test_threads_get_arrays_of_their_own(threads):
    arena, made = Arena(), []

    def cut():
        made.extend(arena.cut((16,), np.dtype("f4")) for _ in range(500))

    workers = [threading.Thread(target=cut) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(set(map(address_of, made))) == 500 * threads
