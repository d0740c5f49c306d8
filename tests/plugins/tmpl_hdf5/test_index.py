"""An index of few variables is checked without NumPy: it has to come to what NumPy comes to."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tmpl_hdf5.native import index as index_format
from tmpl_hdf5.native.dtypes import stored_type
from tmpl_hdf5.native.index import HEADER_SIZE, Header, Index
from tmplcore.errors import DamagedError

BYTES = stored_type("|u1")
KINDS = [(BYTES, (64,)), (BYTES, (100,)), (BYTES, (0,)), (stored_type("<f8"), ())]
PLACES = st.lists(
    st.tuples(st.sampled_from([0, 64, 128, 192, 200, 256, 320, 384, 448, -64, 1 << 61]), st.integers(0, 4)), max_size=5
)


def index_of(places: list[tuple[int, int]]) -> Index:
    rows = len(places)
    header = Header(rows, 0, 0, 96, 96, 96, 0, 64, 448, bytes(16), 0)
    offsets, types = zip(*places, strict=True) if places else ((), ())
    columns = (np.array(offsets, "<i8"), np.zeros(rows, "<u8"), np.array(types, "<u4"), np.zeros(rows, "u1"))
    data = bytes(HEADER_SIZE) + b"".join(column.tobytes() for column in columns)
    return Index(header, data, b"\0".join([b"x"] * rows), KINDS)


def problem(index: Index) -> str | None:
    try:
        index._check_places()
    except DamagedError as error:
        return str(error)
    return None


@given(places=PLACES)
@settings(max_examples=500, deadline=None)
def test_both_ways_to_check_places_agree(places: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        found = problem(index_of(places))
        patch.setattr(index_format, "_FEW", -1)
        assert problem(index_of(places)) == found


@pytest.mark.parametrize(
    ("places", "is_sound"),
    [
        ([(64, 0), (128, 1), (256, 0)], True),
        ([(256, 0), (64, 0), (128, 1)], True),
        ([(64, 0), (0, 2), (128, 3)], True),
        ([(64, 1), (128, 0)], False),
        ([(0, 0)], False),
        ([(65, 0)], False),
        ([(384, 1)], False),
        ([(64, 4)], False),
        ([], True),
    ],
)
def test_variables_lie_apart_aligned_inside_the_data(places: list[tuple[int, int]], is_sound: bool) -> None:
    assert (problem(index_of(places)) is None) == is_sound


def test_columns_are_made_once() -> None:
    index = index_of([(64, 0), (128, 1)])
    assert index.offsets.tolist() == [64, 128]
    assert index.sizes.tolist() == [64, 100]
    assert index.offsets is index.offsets
    with pytest.raises(AttributeError):
        index.nothing
