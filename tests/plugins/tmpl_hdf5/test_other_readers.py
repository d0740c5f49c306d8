"""Whatever tree of names, shapes and dtypes is saved: h5py, the HDF5 tools, pyfive and our own reader agree on it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pyfive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tmpl_hdf5.generic.reader import HDF5Format
from tmpl_hdf5.names import to_paths
from tmpl_hdf5.native.format import NativeFormat
from tmplcore.checkpoint.format import Metadata, WriteOptions

FORMAT = NativeFormat()
DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1", "c8", "c16", "S3", ">f4", ">i8"]
SMALL = [getattr(ml_dtypes, name) for name in ("bfloat16", "float8_e5m2", "float8_e4m3", "float8_e3m4")]

part = st.one_of(
    st.sampled_from(["a", "b", "w", "kernel", "Adam", "v_1", "Ω", "a b", "-x", "..x", ".hidden"]),
    st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
        lambda text: text not in (".", "..", ".value", ".tmplcore")
    ),
)
names = st.lists(st.lists(part, min_size=1, max_size=4).map("/".join), max_size=40, unique=True)
shapes = st.lists(st.integers(0, 4), max_size=4).map(tuple)


@st.composite
def models(draw):
    variables: dict[str, np.ndarray] = {}
    rng = np.random.default_rng(draw(st.integers(0, 9)))
    for name in draw(names):
        if variables and draw(st.integers(0, 9)) == 0:
            variables[name] = next(iter(variables.values()))
            continue
        shape = draw(shapes)
        dtype = np.dtype(draw(st.sampled_from([*DTYPES, *SMALL])))
        value = rng.integers(0, 5, shape)
        variables[name] = np.array(value.astype("S3") if dtype.kind == "S" else value.astype(dtype))
    return variables


def as_stock(value: np.ndarray) -> np.ndarray:
    """Return a value as readers see it that know no bfloat16 and no fp8."""
    return value.astype("f4") if value.dtype.kind == "V" or value.dtype.name in ml_dtypes.__dict__ else value


def equal(got, value) -> bool:
    got, value = np.asarray(got), as_stock(value)
    return got.shape == value.shape and bool((got == value).all())


def tool(name: str, *arguments: str) -> str | None:
    if shutil.which(name) is None:
        return None
    # The tools of HDF5 print "error" and go on in some cases.
    done = subprocess.run([name, *arguments], capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stderr
    assert "error" not in done.stderr.lower()
    return done.stdout


def check(path: Path, variables: dict[str, np.ndarray], *, tools: bool) -> None:
    with FORMAT.open(path) as reader:
        assert list(reader) == list(variables)
        assert list(reader.verify()) == []
        for name, value in reader.read().items():
            assert value.dtype == variables[name].dtype.newbyteorder("=")
            assert value.tobytes() == variables[name].astype(value.dtype).tobytes()
    places = dict(zip(variables, to_paths(list(variables)), strict=True))
    firsts = {id(value): name for name, value in reversed(variables.items())}
    for libver in ("earliest", "latest"):
        with h5py.File(path, libver=libver) as file:
            found = []
            file.visititems_links(lambda place, _: found.append(place))
            datasets = [place for place in found if isinstance(file[place], h5py.Dataset)]
            assert sorted(datasets) == sorted([*places.values(), ".tmplcore/index", ".tmplcore/meta"])
            for name, place in places.items():
                assert equal(file[place][()], variables[name]), name
                assert file[place] == file[places[firsts[id(variables[name])]]]
    with pyfive.File(str(path)) as file:
        for name, place in places.items():
            value = variables[name]
            if value.dtype.name not in ml_dtypes.__dict__:  # those it takes for IEEE floats of their size
                assert equal(file[place][()], value), name
    with HDF5Format().open(path) as reader:
        assert sorted(reader) == sorted(variables)
        for name, value in variables.items():
            assert equal(reader[name][...].astype(as_stock(value).dtype), value)
    if tools and (out := tool("h5dump", "-H", str(path))) is not None:
        assert len(re.findall(r"^ *DATASET ", out, re.MULTILINE)) == len(places) + 2
        stat = tool("h5stat", str(path))
        assert f"# of unique datasets: {len(firsts) + 2}" in stat
        assert "H5B_SNODE_ID" in tool("h5debug", str(path), *map(str, h5_root(path)))
        tool("h5ls", "-r", str(path))


def h5_root(path: Path) -> tuple[int, int]:
    """Return the addresses of the root group's B-tree and heap, which the superblock repeats."""
    data = path.read_bytes()
    return int.from_bytes(data[80:88], "little"), int.from_bytes(data[88:96], "little")


@given(models())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_all_readers_agree(variables):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "a.h5"
        FORMAT.write(path, variables, Metadata(step=1), WriteOptions(durable=False))
        check(path, variables, tools=len(variables) % 4 == 1)


@pytest.mark.soak
@given(models())
@settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck))
def test_all_readers_agree_for_long(variables):
    test_all_readers_agree.hypothesis.inner_test(variables)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 15, 16, 17, 100, 513, 3000])
@pytest.mark.parametrize("per_group", [1, 10, 10_000])
def test_counts_that_fill_and_overflow_the_nodes(tmp_path, count, per_group):
    variables = {f"g{n // per_group}/v{n % per_group}": np.full(2, n, "f4") for n in range(count)}
    path = tmp_path / "a.h5"
    FORMAT.write(path, variables, Metadata(), WriteOptions(durable=False))
    if count > 513:
        with h5py.File(path) as file:
            assert all(file[name][0] == value[0] for name, value in list(variables.items())[::17])
            assert sum(len(file[group]) for group in file if group != ".tmplcore") == count
        with pyfive.File(str(path)) as file:
            assert all(file[name][0] == value[0] for name, value in list(variables.items())[::171])
        assert tool("h5stat", str(path)) is None or f"unique datasets: {count + 2}" in tool("h5stat", str(path))
    else:
        check(path, variables, tools=True)


def test_hdf5_tools_can_work_on_it(tmp_path):
    path = tmp_path / "a.h5"
    variables = {f"s{n % 5}/v{n}": np.random.default_rng(n).random((n + 1, 3), "f4") for n in range(50)}
    FORMAT.write(path, variables, Metadata(), WriteOptions(durable=False))
    copy = tmp_path / "copy.h5"
    if tool("h5repack", str(path), str(copy)) is None:
        pytest.skip("hdf5-tools is not installed")
    assert tool("h5diff", str(path), str(copy)) == ""
    with HDF5Format().open(copy) as reader:
        assert all((reader[name][...] == value).all() for name, value in variables.items())
    # An ordinary editor may add to it; ours then says that it was edited.
    with h5py.File(path, "r+") as file:
        file["s1/new"] = np.ones(4)
        file["s0/v0"].attrs["note"] = "x"
        del file["s2/v7"]
    with h5py.File(path) as file:
        assert file["s1/new"][0] == 1
        assert (file["s4/v49"][()] == variables["s4/v49"]).all()


def test_custom_floats_print_as_numbers(tmp_path):
    path = tmp_path / "a.h5"
    value = np.array([1.5, -2, 0.25])
    FORMAT.write(path, {"w": value.astype(ml_dtypes.bfloat16)}, Metadata(), WriteOptions(durable=False))
    if (out := tool("h5dump", "-d", "/w", str(path))) is not None:
        assert "1.5, -2, 0.25" in out


def test_our_own_files_need_no_libhdf5(tmp_path):
    path = tmp_path / "a.h5"
    code = f"""
import sys
from pathlib import Path
import numpy as np
sys.modules["h5py"] = None
from tmplcore import checkpoint
path = Path({str(path)!r})
checkpoint.save(path, {{"a/w": np.ones((3, 4), "f4"), "z": np.random.rand(100, 100)}}, compression={{"z": "zstd"}})
target = {{"a/w": np.zeros((3, 4), "f4"), "z": np.zeros((100, 100))}}
checkpoint.restore(path, target)
assert target["a/w"].all() and target["z"].any()
with checkpoint.open(path) as reader:
    assert not list(reader.verify()) and reader.meta.format_version == "1"
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, env=os.environ)
