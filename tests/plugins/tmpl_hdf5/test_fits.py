"""What is said of a thousand arrays at once has to be what is true of each of them."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tmpl_hdf5.native.fits import are_ready, fit
from tmpl_hdf5.native.format import NativeFormat
from tmplcore.checkpoint.format import Metadata, WriteOptions

SHAPES = [(4,), (1,), (0,), (), (4, 1), (1, 4), (5,), (2, 3), (3, 2), (0, 3), (2, 3, 1)]


def read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


class Sub(np.ndarray):
    def __len__(self) -> int:
        return 4


def odd(shape: tuple[int, ...]) -> list[np.ndarray]:
    """Arrays of a shape that cannot be filled as they lie, or are of other dtypes."""
    size = int(np.prod(shape))
    found = [
        read_only(np.zeros(shape, np.float32)),
        np.zeros(shape, ">f4"),
        np.zeros(shape, np.int32),
        np.zeros(shape, np.float64),
        np.zeros(shape, ml_dtypes.bfloat16),
        np.frombuffer(bytearray(4 * size + 1), np.float32, size, 1).reshape(shape),
        np.broadcast_to(np.zeros((1,) * len(shape), np.float32), shape),
    ]
    if size > 1:
        axis = int(np.argmax(shape))
        found.append(np.repeat(np.zeros(shape, np.float32), 2, axis)[(slice(None),) * axis + (slice(None, None, 2),)])
        found.append(np.zeros(shape, np.float32)[(slice(None),) * axis + (slice(None, None, -1),)])
        found.append(np.asfortranarray(np.zeros(shape, np.float32)))
        wide = np.zeros((*shape[:-1], shape[-1] + 1), np.float32)
        found.append(wide[..., :-1])
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_ready_arrays_fit_and_can_be_filled(shape: tuple[int, ...]) -> None:
    good = [np.zeros(shape, np.float32) for _ in range(49)]
    for other in [np.zeros(shape, np.float32), *odd(shape), *(np.zeros(s, np.float32) for s in SHAPES)]:
        for place in (0, 25, 49):
            arrays = good.copy()
            arrays.insert(place, other)
            fits = other.shape == shape and other.dtype == np.float32
            shapes, dtypes = [shape] * 50, [np.dtype(np.float32)] * 50
            assert fit(arrays, shapes, dtypes, plain=True) == fits
            assert fit(arrays, shapes, dtypes, plain=False) == fits
            if are_ready(arrays, shapes, dtypes):
                assert fits
                assert other.flags.carray


@pytest.mark.parametrize("shape", [(4,), (2, 3), (2, 3, 5)])
def test_the_usual_arrays_are_ready(shape: tuple[int, ...]) -> None:
    block = np.zeros((60, *shape), np.float32)  # NumPy 2.0 tells of 64 at most
    assert are_ready(list(block), [shape] * 60, [block.dtype] * 60)


def test_arrays_of_several_shapes_and_dtypes_fit() -> None:
    arrays = [np.zeros(shape, dtype) for shape in SHAPES for dtype in ("f4", "i2", ml_dtypes.bfloat16)]
    shapes, dtypes = [array.shape for array in arrays], [array.dtype for array in arrays]
    assert fit(arrays, shapes, dtypes, plain=True)
    assert not are_ready(arrays, shapes, dtypes)  # not said of them, as they are not of one kind
    assert not fit(arrays[::-1], shapes, dtypes, plain=True)


def test_a_class_with_a_length_of_its_own_is_looked_at_by_its_shape() -> None:
    liar = np.zeros(7, np.float32).view(Sub)
    assert not fit([liar], [(4,)], [liar.dtype], plain=False)
    assert not are_ready([liar], [(4,)], [liar.dtype])


@pytest.mark.parametrize("row", [0, 999, 1000, 2345])
def test_nothing_is_touched_if_one_of_thousands_cannot_be_filled(tmp_path: Path, row: int) -> None:
    path = tmp_path / "step.h5"
    NativeFormat().write(path, {f"v{n}": np.ones(4, np.float32) for n in range(2346)}, Metadata(), WriteOptions())
    for wrong in (
        np.zeros(5, np.float32),
        np.zeros((4, 1), np.float32),
        np.zeros(4),
        read_only(np.zeros(4, np.float32)),
    ):
        targets = {f"v{n}": np.zeros(4, np.float32) for n in range(2346)} | {f"v{row}": wrong}
        with NativeFormat().open(path) as reader, pytest.raises(ValueError, match=f"'v{row}'"):
            reader.read_into(targets)
        assert not any(target.any() for target in targets.values())


@pytest.mark.parametrize("count", [1, 999, 1000, 1001, 2000, 2001])
def test_thousands_of_names_are_told_from_others(tmp_path: Path, count: int) -> None:
    path = tmp_path / "step.h5"
    names = [f"scope_{n // 7}/é{n}" for n in range(count)]
    NativeFormat().write(path, dict.fromkeys(names, np.ones(1)), Metadata(), WriteOptions())
    with NativeFormat().open(path) as reader:
        assert reader.lists(names)
        assert reader.lists(dict.fromkeys(names))
        for row in {0, count // 2, count - 1}:
            for other in (
                f"{names[row]}x",
                names[row][:-1],
                names[row] + "\0",
                names[row - 1] if count > 1 else "x",
                "\ud800",
            ):
                assert not reader.lists([*names[:row], other, *names[row + 1 :]])
        assert not reader.lists(names[:-1])
        assert not reader.lists([*names, "x"])
