"""Files that ask for what no checkpoint needs are refused: with the reason, under 2 s and 100 MB, without a crash."""

import os
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
import xxhash
from h5py import h5d, h5p, h5s, h5t

from tests import hostile
from tmpl_hdf5.detect import is_hdf5, is_native
from tmpl_hdf5.generic.reader import HDF5Format
from tmpl_hdf5.native.format import NativeFormat
from tmpl_hdf5.native.structure import _tree_levels
from tmplcore.checkpoint.format import Metadata, WriteOptions
from tmplcore.errors import UnreadableError


def refused(form: type, path: Path, kind: str, *words: str) -> None:
    hostile.refused(f"{form.__module__}:{form.__name__}", path, kind, *words)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "crafted.h5"


def test_external_storage(path, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"\1" * 64)
    with h5py.File(path, "w") as file:
        file.create_dataset("a/w", (8,), "f8", external=[(str(secret), 0, 64)])
    refused(HDF5Format, path, "UntrustedError", "'a/w'", "another file")


def test_external_link(path, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["w"] = 1.0
    with h5py.File(path, "w") as file:
        file["a"] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/w")
    refused(HDF5Format, path, "UntrustedError", "'a'", "another file")


def test_virtual_dataset(path, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["w"] = np.ones(10)
    layout = h5py.VirtualLayout((10,), "f8")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "w", (10,))
    with h5py.File(path, "w", libver="latest") as file:
        file.create_virtual_dataset("v", layout)
    refused(HDF5Format, path, "UntrustedError", "'v'", "virtual")


@pytest.mark.parametrize("target", ["/a", "/b", "../../etc/passwd"])
def test_soft_links_and_loops(path, target):
    with h5py.File(path, "w") as file:
        file["a"] = h5py.SoftLink(target)
        file["b"] = h5py.SoftLink("/a")
    refused(HDF5Format, path, "UntrustedError", "soft link")


def test_cyclic_groups(path):
    with h5py.File(path, "w") as file:
        inner = file.create_group("a/b")
        inner["up"] = file["a"]
    refused(HDF5Format, path, "UntrustedError", "'a/b/up'", "two paths or by itself")


def test_a_tree_of_doubling_paths(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("g0")
        for n in range(1, 40):
            inner = group.create_group("x")
            group["y"] = inner
            group = inner
            group.attrs["n"] = n
    refused(HDF5Format, path, "UntrustedError", "two paths")


def test_deep_nesting(path):
    with h5py.File(path, "w") as file:
        group = file
        for _ in range(3000):
            group = group.create_group("g")
    refused(HDF5Format, path, "UntrustedError", "too deep")


def filtered(path: Path, number: int) -> None:
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_chunk((10,))
    creation.set_filter(number, h5py.h5z.FLAG_OPTIONAL, (1,))
    with h5py.File(path, "w") as file:
        dataset = h5d.create(file.id, b"w", h5t.IEEE_F64LE, h5s.create_simple((10,)), creation)
        dataset.write_direct_chunk((0,), b"\0" * 80)


def test_filter_plugins(path, tmp_path, monkeypatch):
    filtered(path, 31999)
    monkeypatch.setenv("HDF5_PLUGIN_PATH", str(tmp_path))
    refused(HDF5Format, path, "UntrustedError", "'w'", "filter plugin 31999")


@pytest.mark.parametrize("layout", ["contiguous", "chunked"])
def test_shapes_of_2_to_the_60(path, layout):
    creation = h5p.create(h5p.DATASET_CREATE)
    if layout == "chunked":
        creation.set_chunk((1 << 20,))
    with h5py.File(path, "w") as file:
        h5d.create(file.id, b"w", h5t.IEEE_F64LE, h5s.create_simple((1 << 60,)), creation)
    refused(HDF5Format, path, "UntrustedError", "'w'", "declares 9223372036854775808 bytes")


def test_ten_million_links(path):
    """A small file can claim them: a B-tree whose leaves lead to one and the same symbol node, again and again."""
    variables = {f"g/{n}": np.zeros(0) for n in range(8)}
    NativeFormat().write(path, variables, Metadata(), WriteOptions(durable=False))
    with h5py.File(path) as file:
        header = h5py.h5o.get_info(file["g"].id).addr
    data = bytearray(path.read_bytes())
    (tree,) = struct.unpack_from("<Q", data, header + 24)
    (node,) = struct.unpack_from("<Q", data, tree + 32)
    leaves = 10_000_000 // struct.unpack_from("<H", data, node + 6)[0] + 1
    (rank,) = struct.unpack_from("<H", data, 18)
    children = np.full(leaves, node)
    nodes, root = _tree_levels(np.zeros((leaves + 1, 1), np.int64), children, rank, len(data), kind=0)
    struct.pack_into("<Q", data, header + 24, root)
    data += nodes
    struct.pack_into("<Q", data, 40, len(data))
    path.write_bytes(data)
    refused(HDF5Format, path, "UntrustedError", "more than 1000000 links")


def test_objects_that_are_no_variables_are_left_out_and_said(path):
    with h5py.File(path, "w") as file:
        file["w"] = np.ones(3)
        file["reference"] = np.array([file["w"].ref], h5py.ref_dtype)
        file.create_dataset("vlen", (2,), h5py.vlen_dtype(np.int64))[0] = np.arange(3)
        file["null"] = h5py.Empty("f4")
        file["type"] = np.dtype("f4")
        file["text"] = "text"
        file.attrs["big"] = np.zeros(6000)
        file.attrs["version"] = "2.1"
    with HDF5Format().open(path) as reader:
        assert list(reader) == ["text", "w"]
        assert reader["text"][...] == np.array(b"text", object)
        assert sorted(reader.meta.provenance["skipped"]) == ["null", "reference", "vlen"]
        assert reader.meta.provenance["attributes"]["version"] == "2.1"


@pytest.fixture
def native(path):
    """A native file, and a way to change its index as an attacker does: with its hash made right."""
    variables = {"a": np.arange(100.0), "b": np.arange(64, dtype="f4")}
    NativeFormat().write(path, variables, Metadata(), WriteOptions(durable=False))
    with NativeFormat().open(path) as reader:
        header = reader.index.header

    def change(at: int, form: str, *values: int) -> None:
        data = bytearray(path.read_bytes())
        struct.pack_into(form, data, header.index + at, *values)
        end = header.index + header.index_size - 16
        data[end : end + 16] = xxhash.xxh3_128_digest(bytes(data[header.index : end]))
        path.write_bytes(data)

    return change


def not_taken_for_whole(path: Path) -> bool:
    try:
        with NativeFormat().open(path) as reader:
            return list(reader.verify()) != []
    except UnreadableError:
        return True


ROWS, NAMES, TABLE, STRUCTURE, INDEX, META, META_SIZE, DATA, SIZE = range(16, 88, 8)
OFFSETS = 128


@pytest.mark.parametrize("field", [ROWS, NAMES, TABLE, STRUCTURE, INDEX, META, META_SIZE, DATA, SIZE])
@pytest.mark.parametrize("value", [0, 1, 5, 1 << 20, 1 << 40, 1 << 62, (1 << 64) - 1])
def test_huge_and_wrong_numbers_in_the_index(path, native, field, value):
    native(field, "<Q", value)
    assert not_taken_for_whole(path)


def test_a_huge_count_takes_no_memory(path, native):
    native(ROWS, "<Q", 1 << 50)
    refused(NativeFormat, path, "DamagedError", "its index")


@pytest.mark.parametrize("offset", [0, 64, 4097, 1 << 40, (1 << 63) - 64, (1 << 64) - 64])
def test_offsets_out_of_range(path, native, offset):
    native(OFFSETS, "<Q", offset)
    refused(NativeFormat, path, "DamagedError", "its index places a variable")


def test_overlapping_variables(path, native):
    with NativeFormat().open(path) as reader:
        first = int(reader.index.offsets[0])
    native(OFFSETS + 8, "<Q", first)
    refused(NativeFormat, path, "DamagedError", "two variables on the same bytes")


def test_a_later_version_says_what_to_do(path, native):
    native(8, "<H", 2)
    refused(NativeFormat, path, "LaterVersionError", "version 2", "pip install --upgrade")
    native(8, "<H", 1)
    for features, what in ((1, "values in files of other steps"), (2, "variables in parts"), (4, "features 0x4;")):
        native(12, "<I", features)
        refused(NativeFormat, path, "LaterVersionError", what, "this program reads version 1")


def table_of(variables: dict[str, np.ndarray], path: Path, change) -> None:
    """Write a file whose JSON table was changed; it has to keep its length."""
    NativeFormat().write(path, variables, Metadata(), WriteOptions(durable=False))
    with NativeFormat().open(path) as reader:
        header = reader.index.header
    data = bytearray(path.read_bytes())
    end = header.index + header.index_size - 16
    start = end - header.table
    text = change(bytes(data[start:end]))
    assert len(text) <= header.table
    data[start:end] = text.ljust(header.table)
    data[end : end + 16] = xxhash.xxh3_128_digest(bytes(data[header.index : end]))
    path.write_bytes(data)


@pytest.mark.parametrize(
    "table",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"[" * 350,
        b'{"types":[["|O",[1]],["<f8",[100]]]}',
        b'{"types":[["<f8",[1152921504606846976]],["<f4",[1]]]}',
        b'{"types":[["<f8",[1e3]],["<f4",[1]]]}',
        b'{"types":[["<f8",[1099511627776,1099511627776,0]],["<f4",[1]]]}',
        b'{"types":[["<f8",[-1]],["<f4",[1]]]}',
        b'{"types":[["{9999999999;a:0:<f8}",[1]],["<f4",[1]]]}',
        b'{"types":[["{8;a:0:{8;a:0:<f8}}",[1]],["<f4",[1]]]}',
        b'{"types":[["object/S9999999999",[1]],["<f4",[1]]]}',
        b'{"types":[["<f8",[100]],["<f4",[64]]],"aliases":[[1,0]]}',
        b'{"types":[["<f8",[100]],["<f4",[64]]],"aliases":[[0,1]]}',
        b'{"types":[["<f8",[100]],["<f4",[64]]],"aliases":[[0,-1]]}',
        b'{"types":[["<f8",[100]],["<f4",[64]]],"lengths":{"9":[1]}}',
        b'{"types":[["<f8",[100]],["<f4",[64]]],"packed":{"0":{"chunk":[0],"filters":[],"chunks":[],"stored_hash":"0"}}}',
        b'{"types":[["<f8",[100]],["<f4",[64]]],"packed":{"0":{"chunk":[100],"filters":[],"chunks":[[0,9]],"stored_hash":"0"}}}',
    ],
)
def test_crafted_tables(path, table):
    variables = {"a": np.arange(100.0), "b": np.arange(64, dtype="f4")}
    # More kinds of shape make room for the table that is to be put in.
    variables |= {f"v{n}": np.zeros((1,) * 5 + (n,), "f8") for n in range(16)}
    table_of(variables, path, lambda _: table)
    assert not_taken_for_whole(path)


def test_names_that_are_paths(path):
    NativeFormat().write(path, {"aa/bb/cc": np.ones(2)}, Metadata(), WriteOptions(durable=False))
    with NativeFormat().open(path) as reader:
        header = reader.index.header
    for name in (b"../../cc", b"/etc/psw", b"aa//bbcc", b"aa/bb/c\0", b"aa/bb/\xff\xfe", b".tmplcor"):
        data = bytearray(path.read_bytes())
        at = header.index + OFFSETS + 21 * header.rows
        data[at : at + 8] = name
        end = header.index + header.index_size - 16
        data[end : end + 16] = xxhash.xxh3_128_digest(bytes(data[header.index : end]))
        other = path.with_name("other.h5")
        other.write_bytes(data)
        if name == b".tmplcor":
            continue
        with pytest.raises(UnreadableError, match="name"):
            NativeFormat().open(other)


def test_what_is_not_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        assert not is_native(path)
        assert not is_hdf5(path)
        for form in (NativeFormat(), HDF5Format()):
            with pytest.raises(UnreadableError):
                form.open(path)


def test_a_bomb_of_holes(path, native):
    """A sparse file claims a huge index: it has no blocks to hold one."""
    with NativeFormat().open(path) as reader:
        header = reader.index.header
    size = 1 << 36
    data = bytearray(path.read_bytes())
    at = data.index(struct.pack("<QQ", header.index, header.index_size))
    struct.pack_into("<QQ", data, at, header.index, size)
    struct.pack_into("<Q", data, header.index + ROWS, (size - 144 - header.names - header.table) // 21)
    path.write_bytes(data)
    with path.open("r+b") as file:
        file.truncate(header.index + size)
    refused(NativeFormat, path, "DamagedError")
