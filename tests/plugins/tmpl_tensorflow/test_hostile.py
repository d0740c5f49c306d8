"""Indices that no TensorFlow wrote: each is refused with a clear error, in little memory and little time."""

import struct
import time
import tracemalloc
from pathlib import Path

import cramjam
import google_crc32c
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tmpl_tensorflow.bundle import BundleFormat
from tmpl_tensorflow.entries import FULL, slice_key
from tmpl_tensorflow.locate import detect
from tmpl_tensorflow.table import MAGIC, entries
from tmpl_tensorflow.variables import cover
from tmplcore.checkpoint.format import Box
from tmplcore.checkpoint.stored import InputFile
from tmplcore.errors import DamagedError, TmplError, UnreadableError

# -- a writer of tables and messages, of our own, that can also write wrong ones -------------------------------------


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def text(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def fixed(field: int, value: int) -> bytes:
    return varint(field << 3 | 5) + struct.pack("<I", value)


def mask(crc: int) -> int:
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def header(shards: int = 1, big: int = 0, consumer: int = 0) -> bytes:
    return number(1, shards) + (number(2, big) if big else b"") + text(3, number(1, 1) + number(2, consumer))


def shape(*lengths: int) -> bytes:
    return b"".join(text(2, number(1, length)) for length in lengths)


def entry(dtype: int, lengths: bytes, offset: int, raw: bytes, shard: int = 0, slices: bytes = b"") -> bytes:
    place = number(3, shard) + number(4, offset) + number(5, len(raw))
    return number(1, dtype) + text(2, lengths) + place + fixed(6, mask(google_crc32c.value(raw))) + slices


def extents(*pairs: tuple[int, int]) -> bytes:
    return text(7, b"".join(text(1, number(1, start) + number(2, length)) for start, length in pairs))


def block(pairs: list[tuple[bytes, bytes]], restart: int = 16) -> bytes:
    out, last, restarts = bytearray(), b"", []
    for place, (key, value) in enumerate(pairs):
        shared = 0
        if place % restart == 0:
            restarts.append(len(out))
        else:
            common = min(len(key), len(last))
            differ = np.frombuffer(key, "u1", common) != np.frombuffer(last, "u1", common)
            shared = int(differ.argmax()) if differ.any() else common
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    restarts = restarts or [0]
    return bytes(out) + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def sealed(raw: bytes, kind: int = 0) -> bytes:
    body = raw + bytes([kind])
    return body + struct.pack("<I", mask(google_crc32c.value(body)))


def table(blocks: list[tuple[bytes, int]], handles: list[tuple[int, int]] | None = None) -> bytes:
    """Blocks as (content, compression kind); `handles` replaces the true places in the index block."""
    out, places = b"", []
    for raw, kind in blocks:
        places.append((len(out), len(raw)))
        out += sealed(raw, kind)
    meta = (len(out), len(block([])))
    out += sealed(block([]))
    named = block([(b"%08d" % i, varint(a) + varint(n)) for i, (a, n) in enumerate(handles or places)], restart=1)
    index = (len(out), len(named))
    out += sealed(named)
    footer = b"".join(map(varint, (*meta, *index)))
    return out + footer + b"\0" * (40 - len(footer)) + MAGIC


def bundle(folder: Path, pairs: list[tuple[bytes, bytes]], data: bytes = b"", *, snappy: bool = False) -> Path:
    raw = block(pairs)
    raw = (bytes(cramjam.snappy.compress_raw(raw)), 1) if snappy else (raw, 0)
    (folder / "b.index").write_bytes(table([raw]))
    (folder / "b.data-00000-of-00001").write_bytes(data)
    return folder / "b"


def read_all(path: Path) -> None:
    with BundleFormat().open(path) as reader:
        for variable in reader.values():
            variable[...]


def refused(path: Path, problem: str) -> None:
    assert detect(path)
    tracemalloc.start()
    start = time.process_time()
    with pytest.raises(UnreadableError, match=problem) as caught:
        read_all(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert str(path.parent) in str(caught.value)
    assert peak < 24 << 20
    assert time.process_time() - start < 5


# -- the writer writes what TensorFlow would, so that its lies are believed as far as possible -------------------------

VALUE = np.arange(6, dtype=np.float32)
GOOD = [(b"", header()), (b"w", entry(1, shape(2, 3), 0, VALUE.tobytes()))]


@pytest.mark.parametrize("snappy", [False, True])
def test_the_writer_of_this_test_is_understood(tmp_path: Path, snappy: bool) -> None:
    with BundleFormat().open(bundle(tmp_path, GOOD, VALUE.tobytes(), snappy=snappy)) as reader:
        assert np.array_equal(reader["w"][...], VALUE.reshape(2, 3))
        assert list(reader.verify()) == []


def test_the_other_byte_order(tmp_path: Path) -> None:
    raw = VALUE.astype(">f4").tobytes() + np.array([1 + 2j, 3 - 4j], ">c16").tobytes() + b"\x3f\x80\x40\x00"
    pairs = [
        (b"", header(big=1)),
        (b"c", entry(18, shape(2), 24, raw[24:56])),
        (b"h", entry(14, shape(2), 56, raw[56:])),
        (b"w", entry(1, shape(6), 0, raw[:24])),
    ]
    with BundleFormat().open(bundle(tmp_path, pairs, raw)) as reader:
        assert np.array_equal(reader["w"][...], VALUE)
        assert np.array_equal(reader["w"][2:4], VALUE[2:4])
        assert reader["c"][...].tolist() == [1 + 2j, 3 - 4j]
        assert reader["h"][...].astype(float).tolist() == [1.0, 2.0]
        assert reader["w"].digest is None
        assert list(reader.verify()) == []


def test_unknown_fields_are_passed_over_and_unknown_types_listed(tmp_path: Path) -> None:
    extra = number(99, 5) + text(98, b"future") + varint(97 << 3 | 1) + b"8 bytes!" + fixed(96, 1)
    pairs = [
        (b"", header() + extra),
        (b"variant", entry(21, shape(2), 24, b"abc")),
        (b"w", extra + entry(1, shape(2, 3), 0, VALUE.tobytes()) + extra),
    ]
    with BundleFormat().open(bundle(tmp_path, pairs, VALUE.tobytes() + b"abc")) as reader:
        assert np.array_equal(reader["w"][...], VALUE.reshape(2, 3))
        assert reader["variant"].shape == (2,)
        assert reader["variant"].nbytes == 3
        with pytest.raises(UnreadableError, match="number 21") as caught:
            reader["variant"][...]
        assert "--exclude" in caught.value.hint
        assert list(reader.verify()) == []


def test_slices_of_names_with_every_byte(tmp_path: Path) -> None:
    name = b"a\0\xff\xfe\xffz"
    parts = [((0, 1), (0, FULL)), ((1, 1), (0, FULL))]
    pairs = [
        (slice_key(name, part), entry(1, shape(1, 3), 12 * i, VALUE[3 * i : 3 * i + 3].tobytes()))
        for i, part in enumerate(parts)
    ]
    whole = (
        number(1, 1)
        + text(2, shape(2, 3))
        + text(7, text(1, number(2, 1)) + text(1, b""))
        + text(7, text(1, number(1, 1) + number(2, 1)) + text(1, b""))
    )
    with BundleFormat().open(bundle(tmp_path, [(b"", header()), *pairs, (name, whole)], VALUE.tobytes())) as reader:
        assert list(reader) == ["a\0\\xff\\xfe\\xffz"]
        assert np.array_equal(next(iter(reader.values()))[...], VALUE.reshape(2, 3))


# -- lies ------------------------------------------------------------------------------------------------------------

HUGE = 1 << 62
LIES = {
    "shape larger than the data": (entry(1, shape(1 << 40), 0, VALUE.tobytes()), "needs 4398046511104 bytes"),
    "shape that overflows": (entry(1, shape(HUGE, 4), 0, VALUE.tobytes()), "cannot have the shape"),
    "shape with zero hiding an overflow": (entry(1, shape(HUGE, HUGE, 0), 0, b""), "cannot have the shape"),
    "shape with zero and too many bytes": (entry(1, shape(3, 0), 0, b"x"), "needs 0 bytes"),
    "negative length": (entry(1, shape(-1), 0, b""), "cannot have the shape"),
    "unknown rank": (entry(1, number(3, 1), 0, b""), "no known rank"),
    "too many axes": (entry(1, shape(*[1] * 300), 0, b"1234"), "cannot have the shape"),
    "axes beyond NumPy's": (entry(1, shape(*[1] * 65), 0, b"1234"), "too many for NumPy"),
    "offset beyond the end": (entry(1, shape(6), 1 << 50, VALUE.tobytes()), "cut short"),
    "size beyond the end": (number(1, 1) + text(2, shape(1 << 40)) + number(5, 4 << 40), "cut short"),
    "negative offset": (number(1, 1) + text(2, shape(1)) + number(4, -4) + number(5, 4), "lies at byte -4"),
    "negative size": (number(1, 1) + text(2, shape(1)) + number(5, -4), "has -4 bytes"),
    "shard that does not exist": (entry(1, shape(6), 0, VALUE.tobytes(), shard=7), "in data file 7 of 1"),
    "text longer than its bytes": (entry(7, shape(1 << 40), 0, VALUE.tobytes()), "cannot have 1099511627776 strings"),
    "text lengths that do not add up": (entry(7, shape(2), 0, VALUE.tobytes()), "do not add up"),
    "slices without their entries": (entry(1, shape(2, 3), 0, b"", slices=extents((0, 2), (0, 3))), "not in the index"),
    "slice of another rank": (entry(1, shape(2, 3), 0, b"", slices=extents((0, 2))), "another number of axes"),
    "slice before the start": (entry(1, shape(2), 0, b"", slices=extents((-1, 2))), "a slice starts at -1"),
    "message cut short": (b"\x0a\xff\x01x", "but only"),
    "number without end": (b"\x08" + b"\xff" * 12, "does not end"),
    "group": (b"\x0b", "unknown wire type 3"),
    "wrong wire type": (text(1, b"x"), "wire type 2"),
    "wrong wire type of a message": (number(2, 1), "wire type 0"),
}


@pytest.mark.parametrize(("lie", "problem"), LIES.values(), ids=list(LIES))
def test_entries_that_lie(tmp_path: Path, lie: bytes, problem: str) -> None:
    path = bundle(tmp_path, [(b"", header()), (b"w", lie)], VALUE.tobytes())
    if problem == "too many for NumPy":
        reader = BundleFormat().open(path)
        with pytest.raises(UnreadableError, match=problem):
            reader["w"][...]
        reader.close()
    else:
        refused(path, problem)


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (header(shards=0), "names 0 data files"),
        (header(shards=1 << 30), "names 1073741824 data files"),
        (header(big=7), "unknown byte order 7"),
        (header(consumer=2), "reader of version 2"),
        (text(1, b""), "the header: field 1"),
    ],
)
def test_headers_that_lie(tmp_path: Path, value: bytes, problem: str) -> None:
    refused(bundle(tmp_path, [(b"", value)]), problem)


def test_tables_that_lie(tmp_path: Path) -> None:
    good = block(GOOD)
    snappy = bytes(cramjam.snappy.compress_raw(good))
    bomb = varint(1 << 31) + b"\xfe\x01\x00" * 10
    one = (block([GOOD[0]]), 0)
    two = (block([GOOD[1]]), 0)
    size = len(one[0])
    cases = {
        "not in a file": table([one], [(1 << 40, 10)]),
        "cannot be in a file": table([one], [(0, 1 << 40)]),
        "overlaps": table([one, two], [(0, size), (0, size)]),
        "out of order": table([(block([GOOD[0], GOOD[1], GOOD[1]]), 0)]),
        "is out of order": table([(block(GOOD), 0), one]),
        "not the index of a V2": table([two]),
        "it is empty": table([(block([]), 0)]),
        "unknown compression 9": table([(good, 9)]),
        "claims to expand": table([(bomb, 1)]),
        "cannot be expanded": table([(snappy[:-4], 1)]),
        "names 4294967295 restart points": table([(good[:-4] + b"\xff" * 4, 0)]),
        "a block is too short": table([(b"abc", 0)]),
        "reaches beyond its block": table([(b"\x00\x7f\x00abc" + b"\0\0\0\0\1\0\0\0", 0)]),
        "does not end": table([(b"\xff" * 9 + b"\0\0\0\0\1\0\0\0", 0)]),
    }
    cases["cannot be in a file of"] = cases.pop("not in a file")
    (tmp_path / "b.data-00000-of-00001").write_bytes(VALUE.tobytes())
    for problem, raw in cases.items():
        (tmp_path / "b.index").write_bytes(raw)
        refused(tmp_path / "b", problem)
    whole = table([(good, 0)])
    for length in [0, 1, 47, 48, len(whole) - 1]:
        (tmp_path / "b.index").write_bytes(whole[:length])
        refused(tmp_path / "b", "too few|does not end like")
    for place in range(len(whole) - 48):
        damaged = bytearray(whole)
        damaged[place] ^= 1
        (tmp_path / "b.index").write_bytes(damaged)
        # The block in between holds nothing that is read.
        try:
            BundleFormat().open(tmp_path / "b").close()
        except DamagedError as error:
            assert "checksum" in str(error)  # noqa: PT017


def test_a_small_file_cannot_name_more_than_it_holds(tmp_path: Path) -> None:
    # Every key shares 6000 bytes with the one before: 20 000 of them would be 120 MB.
    start = b"k" * 6_000
    pairs = [(b"", header()), *((start + b"%06d" % i, entry(1, shape(), 4 * i, b"1234")) for i in range(20_000))]
    (tmp_path / "b.index").write_bytes(table([(block(pairs, restart=1 << 30), 0)]))
    (tmp_path / "b.data-00000-of-00001").write_bytes(b"1234" * 20_000)
    tracemalloc.start()
    with pytest.raises(DamagedError, match="longer than a file of this size"):
        BundleFormat().open(tmp_path / "b")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 << 20


def test_two_variables_cannot_claim_the_same_bytes(tmp_path: Path) -> None:
    pairs = [(b"", header()), *((b"w%03d" % i, entry(1, shape(6), 0, VALUE.tobytes())) for i in range(100))]
    refused(bundle(tmp_path, pairs, VALUE.tobytes()), "'w000' and 'w001' claim the same bytes")


@pytest.mark.parametrize(
    "parts",
    [
        [((0, 1), (0, 3))],
        [((0, 1), (0, 3)), ((0, 1), (0, 3))],
        [((0, 2), (0, 2)), ((0, 2), (1, 2))],
        [((0, 2), (0, 3)), ((1, 1), (0, 3))],
        [((0, 1), (0, 3)), ((2, 1), (0, 3))],
    ],
)
def test_slices_must_cover_a_variable_exactly(tmp_path: Path, parts: list) -> None:
    pieces = {slice_key(b"w", tuple(part)): part for part in parts}
    pairs, offset = [], 0
    for key, part in sorted(pieces.items()):
        count = part[0][1] * part[1][1]
        pairs.append((key, entry(1, shape(*(n for _, n in part)), offset, bytes(4 * count))))
        offset += 4 * count
    whole = number(1, 1) + text(2, shape(2, 3)) + b"".join(extents(*part) for part in parts)
    path = bundle(tmp_path, [(b"", header()), *pairs, (b"w", whole)], bytes(offset))
    refused(path, "do not cover its shape|not in the index as it should be")


@settings(max_examples=200)
@given(st.data())
def test_cover_agrees_with_counting(data) -> None:
    whole = tuple(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=3)))
    boxes = []
    for _ in range(data.draw(st.integers(0, 4))):
        offset = tuple(data.draw(st.integers(0, n - 1)) for n in whole)
        boxes.append(Box(offset, tuple(data.draw(st.integers(1, n - a)) for n, a in zip(whole, offset, strict=True))))
    if data.draw(st.booleans()):  # a true partition
        axis = data.draw(st.integers(0, len(whole) - 1))
        cut = data.draw(st.integers(0, whole[axis]))
        low = tuple(cut if i == axis else n for i, n in enumerate(whole))
        high = tuple(n - cut if i == axis else n for i, n in enumerate(whole))
        boxes = [Box((0,) * len(whole), low), Box(tuple(cut if i == axis else 0 for i in range(len(whole))), high)]
    count = np.zeros(whole, int)
    for box in boxes:
        count[tuple(slice(a, a + n) for a, n in zip(box.offset, box.shape, strict=True))] += 1
    assert cover(whole, boxes) == bool((count == 1).all())


def test_a_grid_of_many_slices_is_checked_quickly() -> None:
    side = 200
    boxes = [Box((a, b), (1, 1)) for a in range(side) for b in range(side)]
    start = time.process_time()
    assert cover((side, side), boxes)
    assert time.process_time() - start < 5


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_bytes_under_right_checksums_gives_an_answer_or_a_clear_error(tmp_path: Path, data) -> None:
    """The checksums are made right again, so that the parsers behind them see the changes."""
    raw = bytearray(
        block([*GOOD, (b"z", entry(7, shape(2), 24, b"\1\1\0\0\0\0ab"))], restart=data.draw(st.sampled_from([1, 16])))
    )
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    content = (bytes(cramjam.snappy.compress_raw(bytes(raw))), 1) if data.draw(st.booleans()) else (bytes(raw), 0)
    (tmp_path / "b.index").write_bytes(table([content]))
    (tmp_path / "b.data-00000-of-00001").write_bytes(VALUE.tobytes() + b"\1\1\0\0\0\0ab")
    try:
        with BundleFormat().open(tmp_path / "b") as reader:
            list(reader.verify())
            _ = reader.meta
            for variable in reader.values():
                _ = variable.nbytes
                variable[...]
    except TmplError as error:
        problem = str(error)
        assert problem


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=200), seal=st.booleans())
def test_any_bytes_as_a_table_give_an_answer_or_a_clear_error(tmp_path: Path, raw: bytes, seal: bool) -> None:
    (tmp_path / "x.index").write_bytes(table([(raw, 0)]) if seal else raw + MAGIC)
    with InputFile(tmp_path / "x.index") as file:
        try:
            list(entries(file))
        except UnreadableError as error:
            problem = str(error)
            assert "x.index" in problem


@pytest.mark.soak
@settings(max_examples=20_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_change_of_bytes_for_long(tmp_path: Path, data) -> None:
    test_any_change_of_bytes_under_right_checksums_gives_an_answer_or_a_clear_error.hypothesis.inner_test(
        tmp_path, data
    )
