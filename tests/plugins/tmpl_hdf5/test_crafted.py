"""HDF5 files whose structure was changed by hand or at random: they are read or refused, never a crash or a hang."""

import re
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5o, h5p, h5s, h5t

from tests import hostile
from tests.plugins.tmpl_hdf5 import hdf5_files
from tests.plugins.tmpl_hdf5.hdf5_files import lookup3
from tmpl_hdf5.generic import examiner
from tmpl_hdf5.generic.reader import HDF5Format
from tmplcore.errors import DamagedError, UntrustedError

FORMAT = "tmpl_hdf5.generic.reader:HDF5Format"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "crafted.h5"


def patched(path: Path, at: int, form: str, *values: int) -> None:
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, at, *values)
    path.write_bytes(data)


def group_tree(path: Path) -> int:
    """Write a group of the old style; return the address of its B-tree."""
    with h5py.File(path, "w") as file:
        for number in range(8):
            file[f"g/v{number}"] = np.float32(number)
        header = h5o.get_info(file["g"].id).addr
    (tree,) = struct.unpack_from("<Q", path.read_bytes(), header + 24)
    assert path.read_bytes()[tree : tree + 4] == b"TREE"
    return tree


def test_a_group_whose_tree_is_its_own_child(path):
    tree = group_tree(path)
    patched(path, tree + 5, "<B", 1)
    patched(path, tree + 32, "<Q", tree)
    hostile.refused(FORMAT, path, "DamagedError", "crashes on its structure", "made to do harm")


@pytest.mark.parametrize("target", [0, 8, 1 << 40, (1 << 64) - 2])
def test_a_group_whose_tree_leads_elsewhere(path, target):
    tree = group_tree(path)
    patched(path, tree + 32, "<Q", target)
    hostile.refused(FORMAT, path, "DamagedError", str(path))


def test_chunks_whose_tree_is_its_own_child(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", data=np.arange(1000.0), chunks=(10,))
    data = path.read_bytes()
    tree = next(found.start() for found in re.finditer(b"TREE\x01", data))
    patched(path, tree + 5, "<B", data[tree + 5] + 1)
    patched(path, tree + 24 + 24, "<Q", tree)
    with h5py.File(path) as file:
        assert file["w"].shape == (1000,)
    assert_harmless(path)


def assert_harmless(path: Path) -> None:
    """Refused or read, within the limits; which of the two depends on what libhdf5 makes of it."""
    base = path.with_name("again.h5")
    base.write_bytes(path.read_bytes())
    hostile.endures(FORMAT, base, "tests.hostile:same", rounds=1, opened=False)


def test_a_claim_of_ten_million_links(path):
    with h5py.File(path, "w", libver="latest") as file:
        for number in range(20):
            file[f"g/v{number}"] = np.float32(number)
    data = bytearray(path.read_bytes())
    start = data.index(b"BTHD\0\5")  # of link names
    assert struct.unpack_from("<H", data, start + 24 + 0) == (20,) or struct.unpack_from("<H", data, start + 24)
    struct.pack_into("<Q", data, start + 26, 10_000_000)
    struct.pack_into("<I", data, start + 34, lookup3(bytes(data[start : start + 34])))
    path.write_bytes(data)
    hostile.refused(FORMAT, path, "UntrustedError", "more than 1000000 links")


def test_many_attributes_and_a_huge_one(path):
    with h5py.File(path, "w", libver="latest") as file:
        file["w"] = np.ones(3)
        for number in range(2000):
            file.attrs[f"a{number}"] = number
        file.attrs["huge"] = np.zeros(1 << 20)
    with HDF5Format().open(path) as reader:
        found = reader.meta.provenance["attributes"]
        assert "huge" not in found
        assert 90 <= len(found) <= 100
    assert_harmless(path)


@pytest.mark.parametrize("shape", [(1 << 40, 1 << 40, 0), (0, (1 << 63) - 1)])
def test_no_elements_in_a_shape_that_overflows(path, shape):
    with h5py.File(path, "w") as file:
        h5d.create(file.id, b"w", h5t.IEEE_F64LE, h5s.create_simple(shape))
    hostile.refused(FORMAT, path, "UntrustedError", "'w'", "which no array has")


def test_no_elements_in_a_large_shape(path):
    with h5py.File(path, "w") as file:
        h5d.create(file.id, b"w", h5t.IEEE_F64LE, h5s.create_simple((0, 1 << 50)))
    with HDF5Format().open(path) as reader:
        assert reader["w"][...].shape == (0, 1 << 50)


def test_a_chunk_that_is_larger_than_memory(path):
    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_chunk((1 << 28,))
    with h5py.File(path, "w") as file:
        h5d.create(file.id, b"w", h5t.IEEE_F64LE, h5s.create_simple((10,), (h5s.UNLIMITED,)), creation)
    hostile.refused(FORMAT, path, "UntrustedError", "'w'", "chunks of 2147483648 bytes")


def test_more_chunks_than_bytes(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", (1 << 20,), "u1", chunks=(1,))
    hostile.refused(FORMAT, path, "UntrustedError", "'w'", "declares 1048576 chunks")


def test_a_record_of_many_members(path):
    kind = h5t.create(h5t.COMPOUND, 3000)
    for number in range(3000):
        kind.insert(b"m%d" % number, number, h5t.STD_U8LE)
    with h5py.File(path, "w", libver="latest") as file:
        h5d.create(file.id, b"w", kind, h5s.create_simple((1,)))
    assert_harmless(path)


def test_types_within_types(path):
    kind = h5t.STD_U8LE
    for _ in range(500):
        outer = h5t.create(h5t.COMPOUND, 1)
        outer.insert(b"m", 0, kind)
        kind = outer
    with h5py.File(path, "w", libver="latest") as file:
        h5d.create(file.id, b"w", kind, h5s.create_simple((1,)))
    assert_harmless(path)


def test_a_text_that_claims_terabytes(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("w", data=["text"] * 3, dtype=h5py.string_dtype())
    data = bytearray(path.read_bytes())
    with h5py.File(path) as file:
        at = file["w"].id.get_offset()
    struct.pack_into("<I", data, at, 0xFFFFFFFF)
    path.write_bytes(data)
    assert_harmless(path)
    heap = data.index(b"GCOL")
    struct.pack_into("<Q", data, heap + 16 + 8, 1 << 60)  # the size of its first object
    path.write_bytes(data)
    assert_harmless(path)


def test_an_attribute_that_claims_gigabytes(path):
    with h5py.File(path, "w") as file:
        file["w"] = np.ones(3)
        file.attrs["note"] = "text"
    data = bytearray(path.read_bytes())
    heap = data.index(b"GCOL")
    (size,) = struct.unpack_from("<Q", data, heap + 16 + 8)
    place = data.index(struct.pack("<IQ", size, heap))  # the length of the text, and where it is
    struct.pack_into("<I", data, place, 1_000_000_000)
    path.write_bytes(data)
    hostile.refused(FORMAT, path, "UntrustedError", "attribute 'note'", "more memory")


def test_an_attribute_whose_text_is_read_from_behind_it(path):
    with h5py.File(path, "w") as file:
        file["w"] = np.ones(3)
        file.attrs["note"] = "text"
    with HDF5Format().open(path) as reader:
        assert reader.meta.provenance["attributes"] == {"note": "text"}
    data = bytearray(path.read_bytes())
    kind = data.index(bytes.fromhex("1901010010000000"), data.index(b"note\0"))  # text of any length, in 16 bytes
    data[kind + 4] = 1
    path.write_bytes(data)
    with HDF5Format().open(path) as reader:
        assert "attributes" not in reader.meta.provenance
        assert list(reader) == ["w"]
    assert_harmless(path)


@pytest.mark.parametrize(
    ("libver", "change"),
    [("earliest", "tests.hostile:random_bytes"), ("latest", "tests.plugins.tmpl_hdf5.hdf5_files:fixed_up")],
)
def test_changes_at_random(path, libver, change):
    hdf5_files.write(path, libver)
    hostile.endures(FORMAT, path, change, rounds=200)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    ("libver", "change"),
    [("earliest", "tests.hostile:random_bytes"), ("latest", "tests.plugins.tmpl_hdf5.hdf5_files:fixed_up")],
)
def test_changes_at_random_for_long(path, libver, change, seed):
    hdf5_files.write(path, libver)
    hostile.endures(FORMAT, path, change, rounds=5000, seed=seed + 1, timeout=3000)


class TestExaminer:
    def test_it_serves_again_after_a_crash(self, path):
        bad, good = path.with_name("bad.h5"), path.with_name("good.h5")
        with h5py.File(good, "w") as file:
            file["w"] = np.ones(3)
        tree = group_tree(bad)
        patched(bad, tree + 5, "<B", 1)
        patched(bad, tree + 32, "<Q", tree)
        tool = examiner.Examiner()
        try:
            for _ in range(2):
                tool.examine(good, good.stat().st_size)
                with pytest.raises(DamagedError, match="crashes on its structure"):
                    tool.examine(bad, bad.stat().st_size)
        finally:
            tool.close()
            tool.close()

    def test_without_a_process_files_are_still_read(self, path, monkeypatch):
        monkeypatch.setattr("sys.executable", "")
        monkeypatch.setattr(examiner, "_EXAMINER", examiner.Examiner())
        with h5py.File(path, "w") as file:
            file["w"] = np.ones(3)
        with HDF5Format().open(path) as reader:
            assert list(reader) == ["w"]
        with h5py.File(path, "w") as file:
            file["s"] = h5py.SoftLink("/w")
        with pytest.raises(UntrustedError, match="soft link"):
            HDF5Format().open(path)

    def test_a_fork_gets_one_of_its_own(self, path):
        import os

        with h5py.File(path, "w") as file:
            file["w"] = np.ones(3)
        tool = examiner.Examiner()
        try:
            tool.examine(path, 100)
            before = tool._process.pid
            child = os.fork()
            if not child:
                try:
                    tool.examine(path, 100)
                    os._exit(int(tool._process.pid == before))
                finally:
                    os._exit(2)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            tool.examine(path, 100)
            assert tool._process.pid == before
        finally:
            tool.close()
