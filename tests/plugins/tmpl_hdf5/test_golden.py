"""Files of every version of the format are read for ever, by ours and by the reader in the documentation."""

import importlib.util
import re
from pathlib import Path

import pytest

from tmpl_hdf5.native.format import NativeFormat
from tmplcore.checkpoint.format import Metadata, WriteOptions

HERE = Path(__file__).parent / "golden"
PAGE = Path(__file__).parents[3] / "docs/reference/checkpoint-format.md"
FILES = ["version-1.h5", "version-1-zstd.h5"]


def golden():
    spec = importlib.util.spec_from_file_location("golden_make", HERE / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def documented_reader():
    source = re.search(r"```python\n(# read_checkpoint.py\n.*?)```", PAGE.read_text(), re.DOTALL)[1]
    assert len(source.splitlines()) <= 60
    scope = {}
    exec(source, scope)
    return scope["read_checkpoint"]


def expected(name):
    model = golden().variables()
    if "zstd" not in name:
        model["large"] = model["large"][:2]
    return model


def equal(got, wanted):
    same = got.dtype == wanted.dtype and got.shape == wanted.shape
    return same and (got.tolist() == wanted.tolist() if wanted.dtype.hasobject else got.tobytes() == wanted.tobytes())


@pytest.mark.parametrize("name", FILES)
def test_ours_reads_it(name):
    make = golden()
    with NativeFormat().open(HERE / name) as reader:
        wanted = expected(name)
        assert list(reader) == list(wanted)
        assert reader.meta == Metadata(**make.META, format_version="1")
        assert list(reader.verify()) == []
        assert all(equal(reader[key][...], value) for key, value in wanted.items())
        assert {key for key in reader if reader[key].trainable} == make.TRAINABLE
        assert reader["tied"].alias_of == "dense/kernel"


@pytest.mark.parametrize("name", FILES)
def test_the_documented_reader_reads_it(name):
    if "zstd" in name:
        pytest.importorskip("hdf5plugin")
    variables, meta = documented_reader()(HERE / name)
    wanted = expected(name)
    assert list(variables) == list(wanted)
    assert all(equal(variables[key], value) for key, value in wanted.items())
    assert meta["step"] == 1234
    assert meta["metrics"] == golden().META["metrics"]


def test_what_is_written_today_is_what_was_written(tmp_path):
    """Version 1 is fixed: the same variables give the same bytes as when the file was made."""
    make = golden()
    path = tmp_path / "now.h5"
    NativeFormat().write(path, expected("version-1.h5"), Metadata(**make.META), WriteOptions(trainable=make.TRAINABLE))
    assert path.read_bytes() == (HERE / "version-1.h5").read_bytes()


def test_the_golden_file_is_small():
    assert sum((HERE / name).stat().st_size for name in FILES) < 1 << 18
