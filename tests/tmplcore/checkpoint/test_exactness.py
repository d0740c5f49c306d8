"""Whatever is given to be saved comes back bit for bit, or is refused by name, with what to do about it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from tmplcore import checkpoint
from tmplcore.errors import SaveError

ENDINGS = [".h5", ".safetensors", ".npz", ".npy"]

SUBNORMAL_AND_NANS = {
    "float16": np.array([0x7E01, 0x7C01, 0xFE55, 0x8000, 0x0001], np.uint16).view(np.float16),
    "float32": np.array([0x7FA00001, 0xFFC00055, 0x80000000, 1], np.uint32).view(np.float32),
    "float64": np.array([0x7FF4000000000001, 1 << 63, 1], np.uint64).view(np.float64),
    "complex64": np.array([0x7FA00001, 0x80000000], np.uint32).view(np.complex64),
    "bfloat16": np.arange(1 << 16, dtype=np.uint16).view(ml_dtypes.bfloat16),
    **{
        name: np.arange(256, dtype=np.uint8).view(getattr(ml_dtypes, name))
        for name in (
            "float8_e3m4", "float8_e4m3", "float8_e4m3b11fnuz", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2",
            "float8_e5m2fnuz", "float8_e8m0fnu",
        )
    },
    **{
        name: np.arange(1 << bits, dtype=np.uint8).view(getattr(ml_dtypes, name))
        for name, bits in {"int4": 4, "uint4": 4, "float4_e2m1fn": 4, "int2": 2, "uint2": 2}.items()
    },
}  # fmt: skip

LAYOUTS = {
    "zero size": np.zeros((3, 0, 2), np.float32, order="F"),
    "no axis": np.array(3.5),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "backwards": np.arange(24.0).reshape(4, 6)[::-2, ::-3],
    "broadcast": np.broadcast_to(np.arange(3.0), (4, 3)),
    "unaligned": np.ndarray((3,), np.float64, b"x" + np.arange(3.0).tobytes(), 1),
    "swapped": np.arange(3, dtype=">f4"),
    "matrix": np.arange(4).reshape(2, 2).view(np.matrix),
    "bool of other bytes": np.array([0, 1, 2, 255], np.uint8).view(bool),
}

FIELDS = {
    "plain": np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
    "records": np.rec.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]),
    "padded": np.frombuffer(
        bytes(range(48)), np.dtype({"names": ["a", "b"], "formats": ["i1", "f8"], "offsets": [0, 8], "itemsize": 24})
    ),
    "bytes": np.array([(1, b"x\0y"), (2, b"z")], [("a", "i4"), ("b", "S3")]),
    "swapped": np.array([(1, 2.0)], [("a", ">i4"), ("b", ">f8")]),
    "titled": np.array([(1, 2.0)], [(("title", "a"), "i4"), ("b", "f8")]),
    "arrays": np.array([(1, [2.0, 3.0])], [("a", "i4"), ("b", "f8", (2,))]),
    "nested": np.array([(1, (2.0, 3))], [("a", "i4"), ("b", [("x", "f8"), ("y", "i1")])]),
    "text": np.array([(1, "x")], [("a", "i4"), ("b", "U3")]),
    "times": np.array([(1, "2020-01-01")], [("a", "i4"), ("b", "M8[D]")]),
    "bfloat16": np.array([(1, 2)], [("a", "i4"), ("b", ml_dtypes.bfloat16)]),
    "other names": np.array([(1,)], [("é b", "i4")]),
    "Greek names": np.array([(1,)], [("δ", "i4")]),
    "overlapping": np.zeros(2, {"names": ["a", "b"], "formats": ["i4", "i2"], "offsets": [0, 2], "itemsize": 8}),
    "none": np.zeros(3, []),
    "objects": np.array([(1, b"x")], [("a", "i4"), ("b", object)]),
    "void": np.array([b"abc", b"d\0\0"], "V3"),
    "no bytes": np.zeros(3, "V0"),
}

TIMES = {
    "nanoseconds": np.array(["2020-01-01", "NaT"], "M8[ns]"),
    "25 seconds": np.array([1, 2], "M8[25s]"),
    "swapped": np.array(["2020-01-01", "NaT"], ">M8[us]"),
    "wide": np.array([1.5], np.longdouble),
    "wide complex": np.array([1.5], np.clongdouble),
}

NUMBERS = {"bool": True, "int": 5, "uint64": 1 << 63, "float": -0.0, "complex": 1j, "float32": np.float32(1.5)}

TEXTS = {
    "bytes": b"ab\0",
    "text": "é\0",
    "np.bytes_": np.bytes_(b"ab\0"),
    "np.str_": np.str_("ab\0"),
    "S": np.array([b"ab", b"a\0b"], "S4"),
    "U": np.array(["ab", "\U0001f600"], ">U4"),
    "objects": np.array([b"a\0", "é", b""], object),
    "StringDType": np.array(["a", "é\0", "long" * 20], np.dtypes.StringDType()),
    "none": np.zeros(0, "U5"),
    "empty": np.zeros(3, "S0"),
    "half a pair": np.array(["\ud800"], "U2"),
    "with None": np.array([None, b"a"], object),
    "missing": np.array(["a", None], np.dtypes.StringDType(na_object=None)),
    "numbers": np.array([1, 2], object),
    "a large int": 1 << 70,
}


def native(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array if array.dtype.isnative or array.dtype.names else array.astype(array.dtype.newbyteorder("="))


def encoded(value: Any) -> list[bytes]:
    items = [value] if isinstance(value, str | bytes) else np.asarray(value).reshape(-1).tolist()
    return [item.encode() if isinstance(item, str) else bytes(item) for item in items]


def saved(path: Path, value: Any) -> np.ndarray | None:
    """Save a value and read it back; None if it was refused as it should be."""
    refused = None
    try:
        checkpoint.save(path, {"v": value}, durable=False)
    except SaveError as error:
        refused = error
    if refused is not None:
        assert re.match(r"v: |'v'|variable 'v'|an \.npy file", str(refused))
        assert refused.hint
        assert not path.exists()
        return None
    (array,) = checkpoint.load(path).values()
    return array


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, id=f"{kind}: {name}")
        for kind, values in {
            "bits": SUBNORMAL_AND_NANS, "layout": LAYOUTS, "fields": FIELDS, "times": TIMES, "number": NUMBERS,
        }.items()
        for name, value in values.items()
    ],
)  # fmt: skip
def test_bits(tmp_path: Path, ending: str, value: Any) -> None:
    got, wanted = saved(tmp_path / f"a{ending}", value), native(value)
    if got is None:
        return
    assert (got.dtype, got.shape) == (wanted.dtype, wanted.shape)
    assert got.dtype.fields == wanted.dtype.fields
    assert got.tobytes() == wanted.tobytes()


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("value", TEXTS.values(), ids=TEXTS)
def test_text(tmp_path: Path, ending: str, value: Any) -> None:
    got = saved(tmp_path / f"a{ending}", value)
    if got is None:
        return
    assert got.dtype == object
    assert got.shape == np.shape(value)
    assert got.reshape(-1).tolist() == encoded(value)


@pytest.mark.parametrize("values", [SUBNORMAL_AND_NANS, LAYOUTS, NUMBERS], ids=["bits", "layouts", "numbers"])
def test_hdf5_holds_all_that_models_are_made_of(tmp_path: Path, values: dict[str, Any]) -> None:
    for name, value in values.items():
        assert saved(tmp_path / f"{name}.h5", value) is not None, name


def test_hdf5_holds_every_text(tmp_path: Path) -> None:
    refused = {name for name, value in TEXTS.items() if saved(tmp_path / f"{name}.h5", value) is None}
    assert refused == {"half a pair", "with None", "missing", "numbers", "a large int"}


@pytest.mark.parametrize("given", ["text", b"bytes", np.str_("text"), np.bytes_(b"bytes")], ids=repr)
def test_one_text_stays_what_it_was(tmp_path: Path, given: Any) -> None:
    checkpoint.save(tmp_path / "a.h5", {"v": given})
    into = {"v": type(given)()}
    checkpoint.restore(tmp_path / "a.h5", into)
    assert type(into["v"]) is type(given)
    assert into["v"] == given


class Metres(np.ndarray):
    """Elements, and a unit beside them."""

    def __array_finalize__(self, other: Any) -> None:
        self.unit = getattr(other, "unit", "m")


MORE = {
    "masked": (np.ma.array([1.0, 2.0], mask=[False, True]), "mask"),
    "masked nowhere": (np.ma.array([1.0, 2.0]), "mask"),
    "masked fields": (np.ma.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")], mask=[(0, 1)]), "mask"),
    "the masked": (np.ma.masked, "mask"),
    "units": (np.arange(2.0).view(Metres), "unit"),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("value", "lost"), MORE.values(), ids=MORE)
def test_what_is_more_than_its_elements_is_refused(tmp_path: Path, value: Any, lost: str, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    for source in ({"v": value}, {"scope": {"v": value}, "w": np.ones(2)}):
        with pytest.raises(SaveError, match=rf"v'.*{lost}") as caught:
            checkpoint.save(path, source)
        assert "array" in caught.value.hint
        assert not path.exists()
    with checkpoint.CheckpointManager(tmp_path / "run") as manager:
        with pytest.raises(SaveError, match=lost):
            manager.save(1, {"v": value})
        with pytest.raises(SaveError, match=lost):
            manager.async_save(1, {"v": value})
        assert list(manager.list()) == []


@pytest.mark.parametrize(("value", "lost"), MORE.values(), ids=MORE)
def test_nothing_is_restored_into_what_is_more_than_its_elements(tmp_path: Path, value: Any, lost: str) -> None:
    checkpoint.save(tmp_path / "a.h5", {"v": np.zeros(2), "w": np.ones(2)})
    into = {"v": value, "w": np.zeros(2)}
    with pytest.raises(SaveError, match=rf"v'.*{lost}"):
        checkpoint.restore(tmp_path / "a.h5", into)
    assert into["v"] is value
    assert not into["w"].any()


def test_the_ways_out_that_the_errors_name(tmp_path: Path) -> None:
    gaps, metres = np.ma.array([1.0, 2.0], mask=[False, True]), np.arange(2.0).view(Metres)
    arrays = {"filled": gaps.filled(-1), "data": gaps.data, "mask": np.ma.getmaskarray(gaps), "m": np.asarray(metres)}
    checkpoint.save(tmp_path / "a.h5", arrays)
    got = checkpoint.load(tmp_path / "a.h5")
    assert got["filled"].tolist() == [1, -1]
    assert np.ma.array(got["data"], mask=got["mask"]).tolist() == [1, None]
    assert got["m"].tolist() == [0, 1]


@pytest.mark.parametrize("kind", [np.matrix, np.recarray, np.memmap])
def test_other_kinds_of_arrays_are_filled_where_they_are(tmp_path: Path, kind: type) -> None:
    into = np.zeros((1, 2)).view(np.matrix)
    if kind is np.recarray:
        into = np.rec.array([(0, 0.0)], [("a", "i4"), ("b", "f8")])
    elif kind is np.memmap:
        into = np.memmap(tmp_path / "m", "f8", "w+", shape=(1, 2))
    value = np.array([(1, 2.0)], into.dtype) if kind is np.recarray else np.array([[1.0, 2.0]])
    checkpoint.save(tmp_path / "a.h5", {"v": value})
    held = {"v": into}
    checkpoint.restore(tmp_path / "a.h5", held)
    assert held["v"] is into
    assert np.array_equal(np.asarray(into), value)
