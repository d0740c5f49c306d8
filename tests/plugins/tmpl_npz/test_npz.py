"""NumPy's files: read and written without pickles, in bounded memory, and refused when they lie."""

import io
import json
import os
import pickle
import shutil
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from tests import hostile
from tmpl_npz.detect import is_npy, is_npz
from tmpl_npz.npy import NpyFormat
from tmpl_npz.npz import NpzFormat
from tmplcore.checkpoint.format import LazyVariable, Metadata, WriteOptions
from tmplcore.errors import (
    CheckpointNotFoundError,
    DamagedError,
    SaveError,
    UnreadableError,
    UntrustedError,
    VariableMissingError,
)

SHARED = Path(__file__).parents[4] / "shared" / "data"
VALUES = {
    "model/dense/kernel": np.arange(12, dtype=np.float32).reshape(3, 4),
    "model/dense/kernel/Adam": np.zeros((3, 4), np.float32),
    "global_step": np.int64(7).reshape(()),
    "empty": np.zeros((0, 3), np.float16),
    "flags": np.array([True, False]),
    "complex": np.array([1 + 2j, 3 - 4j]),
    "half": np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16),
    "eighth": np.arange(6).astype(ml_dtypes.float8_e4m3fn),
    "names": np.array([b"one", b"", b"three"], object),
    "größe/λ": np.arange(3, dtype=">i4"),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "../up": np.ones(1),
}
META = Metadata(step=12, time=1.5, metrics={"loss": 0.25}, user={"note": "x", "n": [1]}, provenance={"git": "abc"})


def _same(got: np.ndarray, want: np.ndarray) -> None:
    assert got.shape == want.shape
    assert got.dtype == want.dtype.newbyteorder("=") if want.dtype.kind in "iufc" else got.dtype == want.dtype
    assert np.array_equal(got, want)


@pytest.mark.parametrize("compression", [{}, {"*": "deflate"}, {"model/*": "deflate"}])
def test_what_is_written_is_read_back_and_numpy_reads_it_too(tmp_path: Path, compression: dict) -> None:
    path = tmp_path / "a.npz"
    written: list[int] = []
    options = WriteOptions(compression=compression, trainable=frozenset({"half"}), progress=written.append)
    NpzFormat().write(path, VALUES, META, options)
    assert is_npz(path)
    assert not is_npy(path)
    with np.load(path) as stock:
        assert stock.files == list(VALUES)
        for name in ["model/dense/kernel", "global_step", "complex", "größe/λ", "../up", "empty"]:
            assert np.array_equal(stock[name], VALUES[name])
        assert np.array_equal(stock["half"].view(ml_dtypes.bfloat16), VALUES["half"])
        assert stock["names"].tolist() == [b"one", b"", b"three"]
    with NpzFormat().open(path) as reader:
        assert list(reader) == list(VALUES)
        assert reader.meta == META
        for name, want in VALUES.items():
            _same(reader[name][...], want)
            assert reader[name].trainable == (name == "half")
            out = np.empty(want.shape, reader[name].dtype)
            reader.read_into({name: out}, verify=True)
            _same(out, want)
            if want.ndim:
                assert np.array_equal(reader[name][1:], want[1:])
        assert reader["names"].nbytes == 8
        assert list(reader.verify()) == []
    assert sum(written) == sum(v.nbytes for v in VALUES.values() if v.dtype != object) + 15
    # The same again, from the open file instead of arrays: bit for bit the same file.
    with NpzFormat().open(path) as reader:
        NpzFormat().write(tmp_path / "b.npz", reader, reader.meta, options)
    NpzFormat().write(tmp_path / "c.npz", VALUES, META, options)
    assert (tmp_path / "b.npz").read_bytes() == path.read_bytes() == (tmp_path / "c.npz").read_bytes()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read(tmp_path: Path, save) -> None:
    save(tmp_path / "n.npz", **{"a/b": VALUES["fortran"], "c": np.array(["ab", "c"]), "d": VALUES["größe/λ"]})
    with NpzFormat().open(tmp_path / "n.npz") as reader:
        assert list(reader) == ["a/b", "c", "d"]
        assert np.array_equal(reader["a/b"][...], VALUES["fortran"])
        assert np.array_equal(reader["a/b"][:, 1], VALUES["fortran"][:, 1])
        assert np.array_equal(np.concatenate(list(reader["a/b"].blocks(16))), np.arange(6.0))
        assert reader["c"][...].tolist() == ["ab", "c"]
        assert reader["d"].dtype == np.dtype("i4")
        assert np.array_equal(reader["d"][...], [0, 1, 2])
        assert reader.meta == Metadata()
        with pytest.raises(VariableMissingError, match="'e'"):
            reader["e"]
        assert reader.get("e") is None


@pytest.mark.parametrize("compress", [False, True])
def test_writing_and_reading_take_memory_for_a_block_not_for_the_variable(tmp_path: Path, compress: bool) -> None:
    size = 48 << 20

    class Zeros(LazyVariable):
        name, shape, dtype = "big", (size,), np.dtype(np.uint8)

        def __getitem__(self, index):
            return np.zeros(size, np.uint8)[index]

        def read_into(self, out):
            raise AssertionError

        def blocks(self, max_bytes=1 << 20):
            for start in range(0, size, max_bytes):
                yield np.zeros(min(max_bytes, size - start), np.uint8)

    tracemalloc.start()
    NpzFormat().write(
        tmp_path / "big.npz",
        {"big": Zeros()},
        Metadata(),
        WriteOptions(compression={"*": "deflate"} if compress else {}),
    )
    with NpzFormat().open(tmp_path / "big.npz") as reader:
        assert sum(block.size for block in reader["big"].blocks(1 << 20)) == size
        assert list(reader.verify()) == []
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 36 << 20


class Bomb:
    def __reduce__(self):
        return (os.mkdir, ("/tmp/tmplcore-pickle-was-run",))


def test_a_pickle_is_refused_with_the_reason_and_never_run(tmp_path: Path) -> None:
    np.save(tmp_path / "p.npy", np.array(Bomb(), object), allow_pickle=True)
    np.savez(tmp_path / "p.npz", fine=np.arange(3), bad=np.array([Bomb()], object))
    real = SHARED / "mtcnn_0.1.1" / "mtcnn_weights.npy"
    for format, path in [(NpyFormat(), tmp_path / "p.npy"), (NpzFormat(), tmp_path / "p.npz"), (NpyFormat(), real)]:
        if path.exists():
            assert is_npy(path) or is_npz(path)
            with pytest.raises(UntrustedError, match=r"pickle; reading one can run any code") as caught:
                format.open(path)
            assert str(path) in str(caught.value)
            assert "allow_pickle=True" in caught.value.hint
    with NpzFormat().open_damaged(tmp_path / "p.npz") as reader:
        assert list(reader) == ["fine"]
        assert [found.name for found in reader.verify()] == ["bad"]
    assert not Path("/tmp/tmplcore-pickle-was-run").exists()


def test_a_pickle_is_never_written(tmp_path: Path) -> None:
    for value, problem in [
        (np.array([{}], object), "Python objects"),
        (np.array([b"ends in zero\0"], object), "fixed lengths"),
        (np.array([b"x" * (1 << 20), *[b""] * 1000], object), "fixed lengths"),
    ]:
        with pytest.raises(SaveError, match=problem) as caught:
            NpzFormat().write(tmp_path / "x.npz", {"v": value}, Metadata())
        assert "v" in str(caught.value)
        assert not (tmp_path / "x.npz").exists()


def test_npy_is_one_variable_called_like_its_file(tmp_path: Path) -> None:
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    NpyFormat().write(tmp_path / "embedding.npy", {"whatever": value}, META)
    assert np.array_equal(np.load(tmp_path / "embedding.npy"), value)
    assert is_npy(tmp_path / "embedding.npy")
    for saved in [value, value.T, value.astype(">f8"), np.float32(3)]:
        np.save(tmp_path / "embedding.npy", saved)
        with NpyFormat().open(tmp_path / "embedding.npy") as reader:
            assert list(reader) == ["embedding"]
            assert np.array_equal(reader["embedding"][...], saved)
            assert reader.meta == Metadata()
            assert list(reader.verify()) == []
            with pytest.raises(VariableMissingError, match="embedding") as caught:
                reader["w"]
            assert "'embedding'" in caught.value.hint
    for variables, problem in [({}, "not 0"), ({"a": value, "b": value}, "not 2"), ({"h": VALUES["half"]}, "bfloat16")]:
        with pytest.raises(SaveError, match=problem):
            NpyFormat().write(tmp_path / "y.npy", variables, Metadata())
    with pytest.raises(SaveError, match="never compressed"):
        NpyFormat().write(tmp_path / "y.npy", {"a": value}, Metadata(), WriteOptions(compression={"*": "deflate"}))
    assert not (tmp_path / "y.npy").exists()


def test_metadata_that_does_not_fit_loses_its_provenance_first(tmp_path: Path) -> None:
    long = Metadata(step=1, provenance={"argv": "x" * 70_000})
    NpzFormat().write(tmp_path / "a.npz", {"v": np.ones(1)}, long)
    with NpzFormat().open(tmp_path / "a.npz") as reader:
        assert reader.meta == Metadata(step=1)
    with pytest.raises(SaveError, match="the metadata takes"):
        NpzFormat().write(tmp_path / "b.npz", {}, Metadata(user={"note": "x" * 70_000}))
    assert not (tmp_path / "b.npz").exists()
    with pytest.raises(SaveError, match="'zstd'"):
        NpzFormat().write(tmp_path / "b.npz", {}, Metadata(), WriteOptions(compression={"*": "zstd"}))


def _zip(path: Path, *members: tuple[str, bytes], method: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, raw in members:
            archive.writestr(zipfile.ZipInfo(name), raw, method)


def _npy(value: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, value)
    return buffer.getvalue()


def test_archives_that_lie_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    good = _npy(np.arange(4))
    huge = good.replace(b"(4,)", b"(1<<40,)") if b"(1<<40,)" in good else good.replace(b"(4,), }    ", b"(400000,), }")
    cases = [
        ([("a.txt", b"hello")], "is not an array"),
        ([("a.npy", b"hello")], "does not start like"),
        ([("a.npy", huge)], "takes 3200000"),
        ([("a.npy", good[:-1])], "has 31 bytes"),
        ([("a.npy", good + b"x")], "has 33 bytes"),
        ([("a.npy", good[:20])], "header of the array is damaged"),
        ([("a.npy", b"\x93NUMPY\x07\x00" + good[8:])], "version 7"),
        ([("a.npy", b"\x93NUMPY\x02\x00\xff\xff\xff\x7f")], "claims a header"),
        ([("a.npy", good.replace(b"'<i8'", b"'<zz'"))], "header of the array is damaged"),
        ([("a.npy", good.replace(b"(4,)", b"(-4)"))], "header of the array is damaged"),
    ]
    for members, problem in cases:
        for method in [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]:
            _zip(path, *members, method=method)
            with pytest.raises(UnreadableError, match=problem):
                NpzFormat().open(path)
    with pytest.warns(UserWarning, match="Duplicate"):
        _zip(path, ("a.npy", good), ("a.npy", good))
    with pytest.raises(DamagedError, match="twice"):
        NpzFormat().open(path)
    _zip(path, ("a.npy", good), method=zipfile.ZIP_BZIP2)
    with pytest.raises(UnreadableError, match="compressed by method 12"):
        NpzFormat().open(path)
    _zip(path, ("a.npy", good), ("b.npy", good))
    raw = path.read_bytes()
    second = raw.rindex(b"PK\x01\x02")
    path.write_bytes(raw[: second + 42] + struct.pack("<I", 0) + raw[second + 46 :])  # b's local header is a's
    with pytest.raises(DamagedError, match="claim the same bytes"):
        NpzFormat().open(path)
    _zip(path, ("a.npy", _npy(np.zeros(1 << 16))), method=zipfile.ZIP_DEFLATED)
    raw = path.read_bytes()
    central = raw.rindex(b"PK\x01\x02")
    path.write_bytes(raw[: central + 24] + struct.pack("<I", 1 << 31) + raw[central + 28 :])
    with pytest.raises(DamagedError, match="claims to grow"):
        NpzFormat().open(path)


def test_a_local_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    NpzFormat().write(path, {"größe": np.ones(3)}, META, WriteOptions(durable=False, compression={"*": "deflate"}))
    raw = path.read_bytes()
    path.write_bytes(raw.replace("größe".encode(), b"gr\xff\xfe\xff\xffe", 1))  # not in the directory
    with pytest.raises(UnreadableError, match="cannot be opened"):
        NpzFormat().open(path)


def test_a_directory_of_many_names_for_one_array_is_refused_unread(tmp_path: Path) -> None:
    """Each entry leads to the same bytes; parsing 400,000 of them would take seconds and gigabytes."""
    body, name = _npy(np.zeros(4)), b"v000000.npy"
    crc, count = zlib.crc32(body), 400_000
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 0, 0, 0, crc, len(body), len(body), len(name), 0) + name + body
    fixed = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, 0, 0, 0, 0, crc, len(body), len(body), 11, *[0] * 6)
    directory = b"".join(fixed + b"v%06d.npy" % number for number in range(count))
    place = len(local)
    large = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(directory), place)
    large += struct.pack("<4sIQI", b"PK\6\7", 0, place + len(directory), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path = tmp_path / "many.npz"
    path.write_bytes(local + directory + large + end)
    assert len(zipfile.ZipFile(path).infolist()) == count
    hostile.refused("tmpl_npz.npz:NpzFormat", path, "DamagedError", "its directory takes")


@pytest.mark.parametrize("shape", [(1 << 40, 1 << 40, 0), (0,) * 65])
def test_no_elements_in_a_shape_that_no_array_has(tmp_path: Path, shape: tuple[int, ...]) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    (tmp_path / "a.npy").write_bytes(buffer.getvalue())
    with pytest.raises(DamagedError, match="no array has the shape"):
        NpyFormat().open(tmp_path / "a.npy")
    _zip(tmp_path / "a.npz", ("a.npy", buffer.getvalue()))
    with pytest.raises(DamagedError, match="no array has the shape"):
        NpzFormat().open(tmp_path / "a.npz")


def test_a_file_cut_short_or_missing_is_said_so(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", v=np.arange(100))
    raw = (tmp_path / "a.npz").read_bytes()
    np.save(tmp_path / "a.npy", np.arange(100))
    for length in [0, 5, 100, len(raw) - 1]:
        (tmp_path / "cut.npz").write_bytes(raw[:length])
        assert is_npz(tmp_path / "cut.npz")
        with pytest.raises(DamagedError, match="missing or damaged") as caught:
            NpzFormat().open(tmp_path / "cut.npz")
        assert "cut short" in caught.value.hint
    for length in [0, 9, 60, 500]:
        (tmp_path / "cut.npy").write_bytes((tmp_path / "a.npy").read_bytes()[:length])
        assert is_npy(tmp_path / "cut.npy")
        with pytest.raises(DamagedError):
            NpyFormat().open(tmp_path / "cut.npy")
    for format in [NpzFormat(), NpyFormat()]:
        with pytest.raises(CheckpointNotFoundError):
            format.open(tmp_path / "none")
        with pytest.raises(UnreadableError):
            format.open(tmp_path)
    for wrong in [tmp_path, tmp_path / "none", Path("a\0b")]:
        assert not is_npz(wrong)
        assert not is_npy(wrong)


def test_other_zip_files_are_not_ours(tmp_path: Path) -> None:
    _zip(tmp_path / "model.pt", ("archive/data.pkl", pickle.dumps({})), ("archive/data/0", b"1234"))
    assert not is_npz(tmp_path / "model.pt")
    np.savez(tmp_path / "weights.npz", v=np.ones(1))
    shutil.move(tmp_path / "weights.npz", tmp_path / "weights")
    assert is_npz(tmp_path / "weights")


@pytest.mark.parametrize("compression", [{}, {"*": "deflate"}])
def test_a_flipped_bit_is_found(tmp_path: Path, compression: dict) -> None:
    values = {"a": np.arange(1000), "b": np.arange(500.0)}
    NpzFormat().write(tmp_path / "a.npz", values, Metadata(), WriteOptions(compression=compression))
    with NpzFormat().open(tmp_path / "a.npz") as reader:
        member, _ = reader._variables["b"]
        place = member.header_offset + 200
    raw = bytearray((tmp_path / "a.npz").read_bytes())
    raw[place] ^= 4
    (tmp_path / "a.npz").write_bytes(raw)
    with NpzFormat().open(tmp_path / "a.npz") as reader:
        (found,) = reader.verify()
        assert found.name == "b"
        assert found.start <= place < found.stop
        with pytest.raises(DamagedError, match="b"):
            reader.read_into({"b": np.empty(500)}, verify=True)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_bytes_gives_an_answer_or_a_clear_error(tmp_path: Path, data) -> None:
    path = tmp_path / "fuzz.npz"
    compression = {"*": "deflate"} if data.draw(st.booleans()) else {}
    path.unlink(missing_ok=True)
    NpzFormat().write(
        path, {"a": np.arange(6.0), "b/c": np.array([b"x", b"yz"], object)}, META, WriteOptions(compression=compression)
    )
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) - 1, len(raw) // 2]))])
    is_npz(path)
    try:
        with NpzFormat().open(path) as reader:
            _ = reader.meta
            list(reader.verify())
            for variable in reader.values():
                variable[...]
    except UnreadableError as error:
        problem = str(error)
        assert str(path) in problem  # that nothing is raised is as good


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=npst.arrays(npst.scalar_dtypes(), npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)))
def test_every_dtype_of_numpy_survives(tmp_path: Path, value: np.ndarray) -> None:
    path = tmp_path / "v.npz"
    path.unlink(missing_ok=True)
    NpzFormat().write(path, {"v": value}, Metadata(), WriteOptions(durable=False))
    with NpzFormat().open(path) as reader, np.load(path) as stock:
        got = reader["v"][...]
        assert got.dtype == value.dtype.newbyteorder("=")
        assert got.tobytes() == value.astype(value.dtype.newbyteorder("=")).tobytes()
        assert stock["v"].shape == value.shape


def test_the_comment_is_not_believed(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", v=np.ones(1))
    for comment in [b"hello", b"[" * 10_000, json.dumps({"tmplcore": [1]}).encode(), b'{"tmplcore": {"step": "x"}}']:
        with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
            archive.comment = comment
        with NpzFormat().open(tmp_path / "a.npz") as reader:
            assert reader.meta == Metadata()


@pytest.mark.parametrize("rounds", [200, pytest.param(20_000, marks=pytest.mark.soak)])
@pytest.mark.parametrize("compression", [{}, {"*": "deflate"}])
def test_changes_at_random_take_little_time_and_memory(tmp_path: Path, compression: dict, rounds: int) -> None:
    path = tmp_path / "a.npz"
    NpzFormat().write(path, VALUES, META, WriteOptions(durable=False, compression=compression))
    hostile.endures("tmpl_npz.npz:NpzFormat", path, "tests.hostile:random_bytes", rounds=rounds, timeout=3000)
