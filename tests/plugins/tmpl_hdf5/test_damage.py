"""A native checkpoint that was changed or cut short is never taken for whole, and what is intact can be salvaged."""

import random
import re
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tmpl_hdf5.native import structure
from tmpl_hdf5.native.format import NativeFormat
from tmpl_hdf5.native.index import HEADER_SIZE, Index
from tmplcore.checkpoint.format import Metadata, WriteOptions
from tmplcore.errors import CheckpointError, DamagedError, UnreadableError

FORMAT = NativeFormat()


def small(path: Path, compression=None) -> dict[str, np.ndarray]:
    kernel = np.arange(35, dtype="f4").reshape(5, 7)
    variables = {
        "dense/kernel": kernel,
        "dense/kernel/Adam": kernel * 2,
        "dense/bias": np.arange(7).astype(ml_dtypes.bfloat16),
        "text": np.array([b"abc\0", b"d"], object),
        "step": np.int64(3),
        "tied": kernel,
        "none": np.zeros((0, 4)),
        "dense/small": np.arange(5).astype(ml_dtypes.float8_e4m3fn),
        "mask": np.array([True, False]),
        "wave": np.array([1 + 2j, 3 - 4j], "c8"),
    }
    if compression:
        variables["packed"] = np.random.default_rng(0).normal(size=(16, 10)).astype("f4")
    options = WriteOptions(durable=False, compression=compression or {})
    FORMAT.write(path, variables, Metadata(step=3, user={"note": "x"}), options)
    return variables


def findings(path: Path) -> tuple[list[str | None], str]:
    """Return the names of what is found to be damaged, and all that is said of it."""
    names, text = [], ""
    try:
        with FORMAT.open(path) as reader:
            for damage in reader.verify():
                names.append(damage.name)
                text += damage.problem
    except DamagedError as error:
        names, text = [None], str(error)
    except UnreadableError as error:
        names, text = [None], str(error)
    return names, text


def owner(index: Index, at: int) -> set[str] | None:
    """Return the variables that a byte of the file belongs to."""
    names = set()
    for row, name in enumerate(index.names):
        if any(start <= at < start + size for start, size in spans(index, row)):
            names.add(name)
    return names or None


def spans(index: Index, row: int) -> list[tuple[int, int]]:
    """Return start and size of each run of bytes of a variable."""
    if row in index.packed:
        return index.packed[row].places.tolist()
    return [(int(index.offsets[row]), int(index.sizes[row]))]


@pytest.mark.parametrize("compression", [None, {"packed": "zstd"}])
def test_every_flipped_byte_is_found_and_named(tmp_path, compression):
    path = tmp_path / "a.h5"
    small(path, compression)
    data = bytearray(path.read_bytes())
    with FORMAT.open(path) as reader:
        index = reader.index
    rng = random.Random(0)
    assert findings(path) == ([], "")
    with path.open("r+b", buffering=0) as file:
        for at in range(len(data)):
            file.seek(at)
            file.write(bytes([data[at] ^ (1 << rng.randrange(8))]))
            names, text = findings(path)
            owners = owner(index, at)
            if owners is None:
                assert names
                assert set(names) == {None}, (at, names)
            else:
                assert set(names) == owners, (at, names)
            assert text
            file.seek(at)
            file.write(data[at : at + 1])
    assert findings(path) == ([], "")


@pytest.mark.parametrize("compression", [None, {"packed": "zstd"}])
def test_truncation_at_every_length(tmp_path, compression):
    path = tmp_path / "a.h5"
    variables = small(path, compression)
    data = path.read_bytes()
    with FORMAT.open(path) as reader:
        index = reader.index
    ends = {
        name: max((start + size for start, size in spans(index, row) if size), default=0)
        for row, name in enumerate(index.names)
    }
    for length in range(len(data) - 1, -1, -1):
        with path.open("r+b") as file:
            file.truncate(length)
        with pytest.raises(UnreadableError) as caught:
            FORMAT.open(path)
        assert length < index.header.index or "cut short" in f"{caught.value} {caught.value.hint}"
        if length < index.header.index + index.header.index_size:
            with pytest.raises(UnreadableError):
                FORMAT.open_damaged(path)
            continue
        # What describes the data comes first: the rest of it is known to be whole.
        with FORMAT.open_damaged(path) as reader:
            assert list(reader) == list(variables)
            lost = {name for name, end in ends.items() if end > length}
            damage = list(reader.verify())
            assert {found.name for found in damage} == lost | {None}
            assert all(found.start is not None for found in damage if found.name)
            if length % 50 == 0:
                for name, value in variables.items():
                    if name in lost:
                        with pytest.raises(DamagedError):
                            reader[name][...]
                    else:
                        assert (reader[name][...] == value).all()


def test_an_edited_structure_is_refused_but_can_be_salvaged(tmp_path):
    import h5py

    path = tmp_path / "a.h5"
    variables = small(path)
    with h5py.File(path, "r+") as file:
        file["new"] = np.ones(3)
    with pytest.raises(DamagedError, match=r"structure|bytes") as caught:
        FORMAT.open(path)
    assert "hdf5" in caught.value.hint
    with FORMAT.open_damaged(path) as reader:
        assert (reader["dense/kernel"][...] == variables["dense/kernel"]).all()
        assert {found.name for found in reader.verify()} == {None}


def test_a_broken_index_is_salvaged_through_libhdf5(tmp_path):
    path = tmp_path / "a.h5"
    variables = small(path)
    with FORMAT.open(path) as reader:
        at = reader.index.header.index + HEADER_SIZE
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="index"):
        FORMAT.open(path)
    with FORMAT.open_damaged(path) as reader:
        assert (reader["dense/kernel"][...] == variables["dense/kernel"]).all()
        assert [found.name for found in reader.verify()] == [None]


def test_a_verified_read_of_damaged_data_says_what_was_overwritten(tmp_path):
    path = tmp_path / "a.h5"
    variables = small(path)
    with FORMAT.open(path) as reader:
        at = int(reader.index.offsets[0])
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    with FORMAT.open(path) as reader:
        targets = {name: np.empty_like(variables[name]) for name in ("dense/kernel", "step")}
        with pytest.raises(DamagedError, match="dense/kernel") as caught:
            reader.read_into(targets, verify=True)
        assert [found.name for found in caught.value.damage] == ["dense/kernel"]
        assert list(caught.value.overwritten) == ["dense/kernel", "step"]
        for mapped in (False, True):
            with pytest.raises(DamagedError, match="dense/kernel"):
                reader.read(verify=True, mapped=mapped)
        reader.read_into(targets)
        assert [found.name for found in reader.verify(["step"])] == []


def fuzz(path: Path, rounds: int, seed: int) -> None:
    """Change bytes of the index and make its hash right again, as an attacker can: errors, never a crash."""
    import xxhash

    small(path)
    data = bytearray(path.read_bytes())
    with FORMAT.open(path) as reader:
        header = reader.index.header
    at = header.index
    rng = random.Random(seed)
    for _ in range(rounds):
        changed = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 8))):
            place = at + rng.randrange(header.index_size - 16)
            changed[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        changed[at + header.index_size - 16 : at + header.index_size] = xxhash.xxh3_128_digest(
            bytes(changed[at : at + header.index_size - 16])
        )
        path.write_bytes(changed)
        try:
            with FORMAT.open(path) as reader:
                list(reader.verify())
                for variable in reader.values():
                    if variable.nbytes < 1 << 20:
                        variable[...]
        except CheckpointError:
            pass


@pytest.mark.parametrize("lengths", [b'{"7":[4,1]}', b'{"-1":[4] }', b"[4,1,2,3,4]", b'{"2":[[]] }'])
def test_a_table_that_names_rows_that_are_not_there(tmp_path, lengths):
    import xxhash

    path = tmp_path / "a.h5"
    small(path)
    with FORMAT.open(path) as reader:
        at, size = reader.index.header.index, reader.index.header.index_size
    data = path.read_bytes()
    index, changes = re.subn(rb'(?<="lengths":)\{"\d":\[4,1\]\}', lambda _: lengths, data[at : at + size - 16])
    assert changes == 1
    path.write_bytes(data[:at] + index + xxhash.xxh3_128_digest(index) + data[at + size :])
    with pytest.raises(DamagedError, match="the table in its index"):
        FORMAT.open(path)


def test_fuzzed_index(tmp_path):
    fuzz(tmp_path / "a.h5", 800, 0)


@pytest.mark.soak
def test_fuzzed_index_for_long(tmp_path):
    for seed in range(100):
        fuzz(tmp_path / f"{seed}.h5", 2000, seed)


def test_the_first_header_is_the_index(tmp_path):
    path = tmp_path / "a.h5"
    small(path)
    assert path.read_bytes()[: structure.FIRST_HEADER].startswith(structure.SIGNATURE)
