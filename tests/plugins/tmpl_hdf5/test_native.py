"""The native format: what goes in comes out, and other readers see the same."""

import subprocess
import sys
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest

import tmplcore
from tmpl_hdf5.detect import is_hdf5, is_native
from tmpl_hdf5.generic.reader import HDF5Format
from tmpl_hdf5.native.format import NativeFormat
from tmplcore.checkpoint.format import Metadata, WriteOptions
from tmplcore.errors import CheckpointNotFoundError, DamagedError, SaveError, VariableMissingError
from tmplcore.plugins import default_registry

FORMAT = NativeFormat()


def sample():
    kernel = np.arange(12, dtype="f4").reshape(3, 4)
    return {
        "dense/kernel": kernel,
        "dense/kernel/Adam": kernel * 2,
        "dense/bias": np.arange(3),
        "step": np.float32(3),
        "mask": np.array([True, False]),
        "complex": np.array([1 + 2j], "c8"),
        "bfloat16": np.arange(5).astype(ml_dtypes.bfloat16),
        "float8": np.arange(5).astype(ml_dtypes.float8_e4m3fn),
        "int4": np.arange(-3, 3).astype(ml_dtypes.int4),
        "empty": np.zeros((0, 3)),
        "bytes": np.array([[b"abc", b"de\0", b""]], object),
        "one object": np.array(b"\0\1\0", object),
        "text": np.array(["hé", "x"]),
        "fixed": np.array([b"x", b"yy"]),
        "dates": np.array(["2020-01-01"], "M8[D]"),
        "delta": np.array([3], "m8[15s]"),
        "tied": kernel,
        "big_endian": np.arange(3, dtype=">i4"),
        "fortran": np.asfortranarray(kernel),
        "large": np.random.default_rng(0).random((512, 600)),
        "large_fortran": np.random.default_rng(1).random((512, 600)).T,
        "table": np.array([(1, 2.5)], [("a", "i4"), ("b", "f8")]),
        "имя/重み": np.ones(2),
        "line\nbreak": np.ones(1),
    }


def write(path: Path, variables, **meta) -> Path:
    FORMAT.write(path, variables, Metadata(**meta))
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def equal(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and (a == b).all()


def test_everything_comes_back(path):
    variables = sample()
    write(path, variables, step=7, time=1.5, metrics={"loss": 0.25}, user={"a": [1, None]}, provenance={"host": "x"})
    with FORMAT.open(path) as reader:
        assert list(reader) == list(variables)
        assert reader.meta == Metadata(7, 1.5, {"loss": 0.25}, {"a": [1, None]}, {"host": "x"}, "1")
        for name, variable in reader.items():
            value = np.asarray(variables[name])
            assert variable.shape == value.shape
            assert variable.dtype == value.dtype.newbyteorder("=")
            assert equal(variable[...], value), name
            assert equal(reader[name][...], value), name
            out = np.empty(variable.shape, variable.dtype)
            variable.read_into(out)
            assert equal(out, value), name
        assert reader["tied"].alias_of == "dense/kernel"
        assert reader["dense/kernel"].alias_of is None
        assert list(reader.verify()) == []
        with pytest.raises(VariableMissingError):
            reader["nothing"]
        assert "nothing" not in reader


def test_stock_h5py_sees_the_same(path):
    variables = sample()
    write(path, variables)
    with h5py.File(path) as file:
        assert equal(file["dense/kernel/.value"][()], variables["dense/kernel"])
        assert equal(file["dense/kernel/Adam"][()], variables["dense/kernel/Adam"])
        assert file["tied"] == file["dense/kernel/.value"]
        assert file["mask"].dtype == bool
        assert equal(file["bfloat16"][()], variables["bfloat16"].astype("f4"))
        assert equal(file["float8"][()], variables["float8"].astype("f4"))
        assert equal(file["complex"][()], variables["complex"])
        assert equal(file["large_fortran"][()], variables["large_fortran"])
        assert equal(file["имя/重み"][()], [1, 1])
        assert file["text"].asstr()[()].tolist() == ["hé", "x"]
        assert file["empty"].shape == (0, 3)


def test_slices(path):
    large = np.arange(600_000, dtype="f4").reshape(300, 2000)
    write(path, {"w": large, "s": np.float64(2)})
    with FORMAT.open(path) as reader:
        w = reader["w"]
        for index in [0, -1, slice(3, 9), (slice(None), 5), (2, slice(1, 50, 7)), (Ellipsis, -1), slice(9, 3, -1)]:
            assert equal(w[index], large[index])
        assert reader["s"][()] == 2
        assert equal(np.concatenate(list(w.blocks(40_000))), large.reshape(-1))


def test_a_second_save_of_the_same_model_with_other_values(tmp_path):
    for step in range(3):
        value = {"a/w": np.full((3, 3), step, "f4"), "a/b": np.full(5, step)}
        write(tmp_path / f"{step}.h5", value, step=step, metrics={"loss": 10.0**step})
        with FORMAT.open(tmp_path / f"{step}.h5") as reader:
            assert reader.meta.step == step
            assert equal(reader["a/w"][...], value["a/w"])
            assert list(reader.verify()) == []
        with h5py.File(tmp_path / f"{step}.h5") as file:
            assert equal(file["a/w"][()], value["a/w"])


def test_equal_content_gives_equal_bytes(tmp_path):
    first, second = (write(tmp_path / name, sample(), step=1) for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    "name", ["", "a//b", "/a", "a/", "a/../b", ".", "..", "a\0b", "a/.value", ".tmplcore/x", "\ud800"]
)
def test_names_without_a_path_are_refused(path, name):
    with pytest.raises(SaveError):
        write(path, {"fine": np.ones(1), name: np.ones(1)})
    assert not path.exists()


@pytest.mark.parametrize(
    "value", [np.ones(2, "g"), np.array([None]), np.array([1], object), np.zeros(2, "V3"), [1, 2], 3.0, "text"]
)
def test_what_is_not_an_array_of_plain_data_is_refused_by_name(path, value):
    with pytest.raises(SaveError, match="'bad'"):
        write(path, {"fine": np.ones(1), "bad": value})
    assert not path.exists()


def test_an_existing_file_is_not_touched(path):
    path.write_bytes(b"precious")
    with pytest.raises(SaveError, match="File exists"):
        write(path, {"w": np.ones(1)})
    assert path.read_bytes() == b"precious"


def test_metadata_must_be_json(path):
    with pytest.raises(SaveError, match="metadata"):
        write(path, {"w": np.ones(1)}, user={"x": object()})


def test_no_variables(path):
    write(path, {})
    with FORMAT.open(path) as reader:
        assert len(reader) == 0
        assert list(reader.items()) == []
        assert list(reader.verify()) == []


def test_nothing_there(path):
    with pytest.raises(CheckpointNotFoundError):
        FORMAT.open(path)


def test_trailing_bytes_and_missing_bytes(path):
    write(path, sample())
    data = path.read_bytes()
    for changed in (data + b"x", data[:-1], data[:5000]):
        path.write_bytes(changed)
        assert is_native(path)
        with pytest.raises(DamagedError):
            FORMAT.open(path)


def test_detection_looks_at_bytes(path, tmp_path):
    write(path, sample())
    assert is_native(path)
    assert is_hdf5(path)
    other = tmp_path / "other.h5"
    for libver in ("earliest", "latest"):
        with h5py.File(other, "w", libver=libver, userblock_size=1024) as file:
            file["x"] = 1
        assert is_hdf5(other)
        assert not is_native(other)
    other.write_bytes(b"")
    assert not is_hdf5(other)
    assert not is_hdf5(tmp_path)
    assert not is_native(tmp_path)
    assert default_registry().detect(path).name == "tmplcore"


@pytest.mark.parametrize("codec", ["zstd", "blosc2"])
def test_compressed(path, codec):
    if codec == "blosc2":
        pytest.importorskip("hdf5plugin")
    rng = np.random.default_rng(0)
    kernel = rng.normal(size=(3000, 1000)).astype("f4")
    variables = {
        "a/kernel": kernel,
        "a/bias": np.zeros(3000),
        "fortran": np.asfortranarray(rng.random((700, 333))),
        "scalar": np.float32(2),
        "text": np.array(["héllo" * 50, "b"] * 100),
        "tied": kernel,
        "deep": rng.integers(0, 9, (2000, 3, 4)),
        "bf16": kernel.astype(ml_dtypes.bfloat16),
        "wide": rng.integers(0, 3, (2, 3, 800_000)),
    }
    FORMAT.write(path, variables, Metadata(step=1), WriteOptions(compression={"*": codec, "a/bias": "none"}))
    assert path.stat().st_size < sum(value.nbytes for value in variables.values()) * 0.8
    with FORMAT.open(path) as reader:
        assert list(reader.verify(jobs=2)) == []
        for read in (reader.read(), reader.read(mapped=True), reader.read(verify=True)):
            assert all(equal(read[name], value) for name, value in variables.items())
        out = np.empty((3000, 1000), "f4")
        reader.read_into({"a/kernel": out}, verify=True)
        assert equal(out, kernel)
        assert equal(reader["a/kernel"][3:5, 7], kernel[3:5, 7])
        assert reader["tied"].alias_of == "a/kernel"
    pytest.importorskip("hdf5plugin")
    with h5py.File(path) as file:
        assert equal(file["a/kernel"][()], kernel)
        assert equal(file["deep"][()], variables["deep"])
        assert equal(file["wide"][()], variables["wide"])
    data = bytearray(path.read_bytes())
    with FORMAT.open(path) as reader:
        at = int(reader.index.packed[0].places[0, 0]) + 1000
    data[at] ^= 1
    path.write_bytes(data)
    with FORMAT.open(path) as reader:
        assert [found.name for found in reader.verify()] == ["a/kernel", "tied"]


def test_unknown_compression(path):
    with pytest.raises(SaveError, match="unknown compression 'lzma'"):
        FORMAT.write(path, {"w": np.ones(9999)}, Metadata(), WriteOptions(compression={"*": "lzma"}))
    assert not path.exists()


def test_aliases_survive_a_copy_and_a_renaming(path, tmp_path):
    value = np.random.default_rng(0).random((300, 100))
    write(path, {"a": value, "b": value, "c": value.copy()})
    with FORMAT.open(path) as reader:
        copy = write(tmp_path / "copy.h5", {name: reader[name] for name in ("c", "b", "a")})
        swapped = write(tmp_path / "swapped.h5", {"b": reader["b"], "a": reader["c"]})
    with FORMAT.open(copy) as reader:
        assert [reader[name].alias_of for name in ("c", "b", "a")] == [None, None, "b"]
        assert all(equal(reader[name][...], value) for name in reader)
    with FORMAT.open(swapped) as reader:
        assert {variable.alias_of for variable in reader.values()} == {None}


def test_a_full_disk_leaves_nothing(path):
    code = f"""
import resource, signal
from pathlib import Path
import numpy as np
from tmpl_hdf5.native.format import NativeFormat
from tmplcore.checkpoint.format import Metadata, WriteOptions
from tmplcore.errors import SaveError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
path = Path({str(path)!r})
for options in (WriteOptions(), WriteOptions(durable=False), WriteOptions(compression={{"*": "zstd"}})):
    for shape in ((10_000_000,), (1000, 1000)):
        small = {{f"v{{n}}": np.random.rand(3000) for n in range(100)}}
        try:
            NativeFormat().write(path, {{"w": np.random.rand(*shape), **small}}, Metadata(), options)
        except SaveError as error:
            assert "File too large" in str(error), error
            assert error.hint
        else:
            raise AssertionError("it was saved")
        assert not path.exists()
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=100)


def test_memory_of_saving_and_restoring_is_bounded(path):
    """Large variables, one of them not contiguous, are saved and restored without a second copy."""
    code = f"""
from pathlib import Path
import numpy as np
from tmpl_hdf5.native.format import NativeFormat
from tmplcore.checkpoint.format import Metadata, WriteOptions

def measured(work):
    Path("/proc/self/clear_refs").write_text("5")
    def peak():
        return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
    before = peak()
    work()
    return (peak() - before) / 1024

path = Path({str(path)!r})
arrays = {{"a": np.ones((3000, 5000)), "b": np.ones((5000, 3000), "f4").T, "c": np.ones((2000, 3000), ">f8")}}
NativeFormat().write(path, {{"x": np.ones(1)}}, Metadata())
for durable in (False, True):
    path.unlink()
    used = measured(lambda: NativeFormat().write(path, arrays, Metadata(), WriteOptions(durable=durable)))
    assert used <= 64, used
with NativeFormat().open(path) as reader:
    targets = {{"a": arrays["a"], "c": np.ones((2000, 3000))}}
    for verify in (False, True):
        used = measured(lambda: reader.read_into(targets, verify=verify))
        assert used <= 16, used
"""
    if not Path("/proc/self/clear_refs").exists():
        pytest.skip("this system does not tell the peak")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


def test_a_live_working_file_is_read_as_hdf5(tmp_path):
    from tmpl_hdf5.backend import HDF5Backend
    from tmplcore.store import VariableStore

    path = tmp_path / "run.h5"
    backend = HDF5Backend(path)
    store = VariableStore(backend)
    with store.as_default():
        kernel = tmplcore.get_variable("dense/kernel", initializer=np.ones((3, 4), "f4"))
        tmplcore.get_variable("dense/kernel/Adam", initializer=np.full((3, 4), 2, "f4"))
        kernel.assign(np.full((3, 4), 5, "f4"))
    backend.close()
    assert default_registry().detect(path).name == "hdf5"
    with HDF5Format().open(path) as reader:
        assert sorted(reader) == ["dense/kernel", "dense/kernel/Adam"]
        assert (reader["dense/kernel"][...] == 5).all()
