"""Restoring into arrays of every kind: filled in place where they can be, refused before anything is touched if not."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType

import ml_dtypes
import numpy as np
import pytest

from tmplcore import checkpoint
from tmplcore.errors import DamagedError, RestoreError

DTYPES = [
    *("bool", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "c8", "c16", "M8[ns]", "m8[s]"),
    *(ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2, ml_dtypes.float8_e8m0fnu, ml_dtypes.int4),
]


def target(kind: str, dtype: np.dtype) -> np.ndarray:
    """Return a 2 by 3 array of zeros that lies in memory in some way."""
    if kind == "Fortran":
        return np.zeros((3, 2), dtype).T
    if kind == "strided":
        return np.zeros((4, 6), dtype)[::2, ::2]
    array = np.zeros((2, 3), dtype)
    array.flags.writeable = kind != "read-only"
    return array


@pytest.mark.parametrize("kind", ["C", "Fortran", "strided", "read-only"])
def test_every_dtype_in_every_order(tmp_path: Path, kind: str) -> None:
    source = {f"v{n}": np.arange(1, 7).astype(dtype).reshape(2, 3) for n, dtype in enumerate(DTYPES)}
    checkpoint.save(tmp_path / "x.h5", source)
    given = {name: target(kind, value.dtype) for name, value in source.items()}
    into = dict(given)
    checkpoint.restore(tmp_path / "x.h5", into)
    for name, value in source.items():
        assert into[name].tobytes() == value.tobytes()
        assert into[name].dtype == value.dtype
        assert (into[name] is given[name]) == (kind != "read-only")


@pytest.mark.parametrize("dtype", [">f4", ">i2", ">c16"])
def test_the_other_byte_order_is_no_other_dtype(tmp_path: Path, dtype: str) -> None:
    source = {"a": np.arange(4).astype(dtype)}
    checkpoint.save(tmp_path / "x.h5", source)
    into = {"a": np.zeros(4, dtype)}
    given = into["a"]
    assert checkpoint.plan(tmp_path / "x.h5", into).ok
    checkpoint.restore(tmp_path / "x.h5", into)
    assert into["a"] is given
    np.testing.assert_array_equal(given, np.arange(4))


def test_an_array_on_a_file_is_filled_there(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.h5", {"a": np.arange(5, dtype="f4")})
    into = {"a": np.memmap(tmp_path / "a.bin", "f4", "w+", shape=(5,))}
    checkpoint.restore(tmp_path / "x.h5", into)
    into["a"].flush()
    np.testing.assert_array_equal(np.fromfile(tmp_path / "a.bin", "f4"), np.arange(5))


def test_text_stays_the_kind_of_text_that_it_was(tmp_path: Path) -> None:
    source = {
        "bytes": np.array([b"ab", b"c"], "S3"),
        "text": np.array([["ab", "ü"]]),
        "objects": np.array([b"ab", b"cde"], object),
        "long": np.array(["more than there is room for"]),
        "raw": np.array([b"\xff"]),
        "none": np.zeros((0, 2), "U4"),
    }
    checkpoint.save(tmp_path / "x.h5", source)
    into = {name: np.full_like(value, b"" if value.dtype.kind == "O" else "") for name, value in source.items()}
    into["long"] = np.array(["short"])
    into["raw"] = np.array(["text"])
    given = dict(into)
    checkpoint.restore(tmp_path / "x.h5", into)
    for name, value in source.items():
        np.testing.assert_array_equal(into[name], value)
        assert (into[name] is given[name]) == (name not in {"long", "raw"})
    assert into["long"].dtype.kind == "U"
    assert into["raw"].dtype.kind == "O"  # what is no UTF-8 is not lost


def test_what_cannot_be_written_to_is_refused_before_anything_is_touched(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.h5", {"a": np.ones(3), "b": np.ones(2)})
    frozen = np.zeros(3)
    frozen.flags.writeable = False
    b = np.zeros(2)
    for into in (MappingProxyType({"b": b, "a": frozen}), MappingProxyType({"a": frozen, "b": b})):
        with pytest.raises(RestoreError, match="a: the target is read-only") as caught:
            checkpoint.restore(tmp_path / "x.h5", into)
        assert "writable" in caught.value.hint
        assert not b.any()
        assert not checkpoint.plan(tmp_path / "x.h5", into).ok
    checkpoint.restore(tmp_path / "x.h5", MappingProxyType({"a": frozen, "b": b}), mismatch="skip")
    assert b.all()


def test_two_names_of_one_array_take_one_value(tmp_path: Path) -> None:
    tied = np.arange(3.0)
    checkpoint.save(tmp_path / "tied.h5", {"a": tied, "b": tied})
    checkpoint.save(tmp_path / "apart.h5", {"a": np.ones(3), "b": np.zeros(3)})
    into = np.full(3, 7.0)
    checkpoint.restore(tmp_path / "tied.h5", {"a": into, "b": into})
    np.testing.assert_array_equal(into, tied)
    apart = {"a": np.zeros(3), "b": np.zeros(3)}
    checkpoint.restore(tmp_path / "tied.h5", apart)
    np.testing.assert_array_equal(apart["a"], tied)
    np.testing.assert_array_equal(apart["b"], tied)
    with pytest.raises(RestoreError, match="is intact, but 'a' changed") as caught:
        checkpoint.restore(tmp_path / "apart.h5", {"a": into, "b": into})
    assert "share memory" in caught.value.hint
    assert "overwritten by then: a, b" in caught.value.__notes__[0]


def damaged(path: Path, arrays: dict[str, np.ndarray], value: float) -> None:
    checkpoint.save(path, arrays)
    content = bytearray(path.read_bytes())
    content[content.rindex(np.float64(value).tobytes())] ^= 1
    path.write_bytes(content)


def test_what_goes_through_a_copy_is_not_overwritten_by_damage(tmp_path: Path) -> None:
    source = {f"a{n}": np.full(50, float(n)) for n in range(1, 6)}
    damaged(tmp_path / "x.h5", source, 3.0)
    into = {name: np.full(100, -1.0)[::2] for name in source}
    with pytest.raises(DamagedError) as caught:
        checkpoint.restore(tmp_path / "x.h5", into)
    assert caught.value.overwritten == ()
    assert [found.name for found in caught.value.damage] == ["a3"]
    assert all((value == -1).all() for value in into.values())
    with checkpoint.open(tmp_path / "x.h5") as reader, pytest.raises(DamagedError) as caught:
        reader.read_into({"a1": np.zeros(50), "a3": into["a3"]}, verify=True)
    assert caught.value.overwritten == ()
    assert (into["a3"] == -1).all()


def test_a_reader_touches_nothing_if_one_array_is_read_only(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.h5", {"a": np.ones(3), "b": np.ones(3)})
    into = {"a": np.zeros(3), "b": np.zeros(3)}
    into["b"].flags.writeable = False
    with checkpoint.open(tmp_path / "x.h5") as reader, pytest.raises(ValueError, match="'b' is read-only"):
        reader.read_into(into)
    assert not into["a"].any()


def test_a_file_that_becomes_shorter_while_it_is_open(tmp_path: Path) -> None:
    source = {f"a{n}": np.full(300_000, float(n)) for n in range(4)}
    checkpoint.save(tmp_path / "x.h5", source)
    into = {name: np.full_like(value, -1.0) for name, value in source.items()}
    with checkpoint.open(tmp_path / "x.h5") as reader:
        os.truncate(tmp_path / "x.h5", 5_000_000)
        with pytest.raises(DamagedError, match="cut short") as caught:
            checkpoint.restore(reader, into)
    changed = {name for name, value in into.items() if (value != -1).any()}
    assert changed <= set(caught.value.overwritten)
    assert changed


def test_a_file_that_is_replaced_while_it_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    checkpoint.save(path, {"a": np.arange(1000.0)})
    with checkpoint.open(path) as reader:
        mapped = checkpoint.load(path, mapped=True)["a"]
        checkpoint.save(path, {"a": np.zeros(1000)}, overwrite=True)
        np.testing.assert_array_equal(mapped, np.arange(1000.0))
        np.testing.assert_array_equal(reader["a"][500:], np.arange(500.0, 1000.0))
    assert not checkpoint.load(path)["a"].any()


def test_numbers_as_keys(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "x.h5", {"state": {0: {"m": np.ones(2)}, 1: {"m": np.zeros(2)}}})
    into = {"state": {0: {"m": np.zeros(2)}, 1: {"m": 5.0 * np.ones(2)}}}
    report = checkpoint.restore(tmp_path / "x.h5", into)
    assert [entry.name for entry in report.matched] == ["state/0/m", "state/1/m"]
    assert into["state"][0]["m"].tolist() == [1, 1]
