"""safetensors: what the format's own library writes is read, what is written it reads, and lies are refused."""

import json
import struct
import tracemalloc
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import hostile
from tmpl_safetensors.format import SafetensorsFormat
from tmpl_safetensors.header import DTYPES, LARGEST_HEADER, detect
from tmplcore.checkpoint.format import LazyVariable, Metadata, WriteOptions
from tmplcore.errors import CheckpointNotFoundError, DamagedError, SaveError, UnreadableError, VariableMissingError

SILERO = Path(__file__).parents[2] / "data" / "silero_vad_6.2.3" / "silero_vad_16k.safetensors"
META = Metadata(step=12, time=1.5, metrics={"loss": 0.25}, user={"format": "pt", "n": [1]}, provenance={"git": "abc"})


def _file(path: Path, header: object, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def _equal(got: np.ndarray, want: np.ndarray) -> bool:
    little = want.dtype.newbyteorder("<") if want.dtype.kind in "iufc" else want.dtype
    return got.shape == want.shape and got.tobytes() == want.astype(little).tobytes()


def test_a_real_file_is_what_its_own_library_reads() -> None:
    stock = pytest.importorskip("safetensors.numpy").load_file(SILERO)
    assert detect(SILERO)
    with SafetensorsFormat().open(SILERO) as reader:
        assert set(reader) == set(stock)
        assert len(reader) == 15
        for name, variable in reader.items():
            assert np.array_equal(variable[...], stock[name])
            assert variable.dtype == stock[name].dtype
            assert np.array_equal(variable[:1], stock[name][:1])
            assert variable.trainable is None
        assert list(reader.verify()) == []
        with pytest.raises(VariableMissingError, match="conv9"):
            reader["conv9.weight"]


def test_every_dtype_is_written_and_read_back_and_by_its_own_library(tmp_path: Path) -> None:
    values = {name: np.arange(6).reshape(2, 3).astype(dtype) for name, dtype in DTYPES.items()}
    values |= {
        "scalar": np.float32(3).reshape(()),
        "empty": np.zeros((0, 3), "f4"),
        "λ/größe": np.arange(2, dtype=">f8"),
    }
    written: list[int] = []
    options = WriteOptions(trainable=frozenset(values) - {"F32"}, progress=written.append)
    SafetensorsFormat().write(tmp_path / "a.safetensors", values, META, options)
    with SafetensorsFormat().open(tmp_path / "a.safetensors") as reader:
        assert list(reader) == list(values)
        assert reader.meta == META
        for name, want in values.items():
            assert reader[name].dtype == want.dtype.newbyteorder("=") if name == "λ/größe" else want.dtype
            assert _equal(reader[name][...], want)
            assert reader[name].trainable == (name != "F32")
            out = np.empty(want.shape, reader[name].dtype)
            reader.read_into({name: out})
            assert _equal(out, want)
            if want.nbytes:
                assert reader[name].offset % want.dtype.itemsize == 0
        SafetensorsFormat().write(tmp_path / "b.safetensors", reader, reader.meta, options)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert sum(written) == 2 * sum(value.nbytes for value in values.values())
    stock = pytest.importorskip("safetensors")
    with stock.safe_open(tmp_path / "a.safetensors", "np") as own:
        assert own.metadata()["format"] == "pt"
        assert set(own.keys()) == set(values)
        for name in ["F64", "F16", "I8", "U64", "BOOL", "scalar", "λ/größe"]:
            assert np.array_equal(own.get_tensor(name), values[name])
        assert own.get_slice("BF16").get_dtype() == "BF16"


def test_torch_reads_bfloat16_and_float8(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    load = pytest.importorskip("safetensors.torch").load_file
    values = {
        "b": np.arange(6).astype(ml_dtypes.bfloat16),
        "e4": np.arange(6).astype(ml_dtypes.float8_e4m3fn),
        "e5": np.arange(6).astype(ml_dtypes.float8_e5m2),
    }
    SafetensorsFormat().write(tmp_path / "a.safetensors", values, Metadata())
    loaded = load(tmp_path / "a.safetensors")
    assert [loaded[name].dtype for name in values] == [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
    for name, value in values.items():
        assert loaded[name].float().tolist() == value.astype("f4").tolist()


def test_a_type_numpy_lacks_is_listed_and_only_refused_when_read(tmp_path: Path) -> None:
    header = {
        "packed": {"dtype": "F4", "shape": [2, 4], "data_offsets": [0, 4]},
        "future": {"dtype": "F3", "shape": [5], "data_offsets": [4, 6]},
        "fine": {"dtype": "U8", "shape": [2], "data_offsets": [6, 8]},
    }
    with SafetensorsFormat().open(_file(tmp_path / "a.safetensors", header, bytes(range(8)))) as reader:
        assert [(v.shape, v.nbytes) for v in reader.values()] == [((2, 4), 4), ((5,), 2), ((2,), 2)]
        assert reader["fine"][...].tolist() == [6, 7]
        for name in ["packed", "future"]:
            with pytest.raises(UnreadableError, match="is not supported here") as caught:
                reader[name][...]
            assert "--exclude" in caught.value.hint


@pytest.mark.parametrize(
    ("header", "data", "problem"),
    [
        (b"[1]", b"", "not a JSON object|does not start"),
        (b"{", b"", "does not start|not valid JSON"),
        (b'{"a"}', b"", "not valid JSON"),
        (b"\xff\xfe{}", b"", "not valid JSON|does not start"),
        (b"{" + b'"a":[' * 60_000, b"", "not valid JSON"),
        (b'{"a":' + b"1" * 5000 + b"}", b"", "not valid JSON|is not dtype"),
        ({"__metadata__": {"a": 1}}, b"", "map of texts"),
        ({"__metadata__": []}, b"", "map of texts"),
        ({"a": {"dtype": "U8", "shape": [1]}}, b"1", "is not dtype"),
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1, 2]}}, b"1", "is not dtype"),
        ({"a": {"dtype": "U8", "shape": [-1], "data_offsets": [0, 1]}}, b"1", "is not dtype"),
        ({"a": {"dtype": "U8", "shape": [True], "data_offsets": [0, 1]}}, b"1", "is not dtype"),
        ({"a": {"dtype": "U8", "shape": [1.0], "data_offsets": [0, 1]}}, b"1", "is not dtype"),
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1 << 70]}}, b"1", "is said to be at"),
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 0]}}, b"1", "is said to be at"),
        ({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}, b"1234", "does not take"),
        ({"a": {"dtype": "U8", "shape": [1 << 40, 1 << 40, 0], "data_offsets": [0, 0]}}, b"", "no array has the shape"),
        ({"a": {"dtype": "U8", "shape": [1] * 65, "data_offsets": [0, 1]}}, b"1", "no array has the shape"),
        ({"a": {"dtype": "F4", "shape": [3], "data_offsets": [0, 2]}}, b"12", "does not take"),
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]}}, b"12", "belong to nobody"),
        ({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}, b"12", "but the file at"),
        (
            {
                "a": {"dtype": "U8", "shape": [2], "data_offsets": [0, 2]},
                "b": {"dtype": "U8", "shape": [1], "data_offsets": [1, 2]},
            },
            b"12",
            "claim the same bytes",
        ),
        (
            b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}',
            b"1",
            "occurs twice",
        ),
    ],
)
def test_headers_that_lie_are_refused(tmp_path: Path, header, data: bytes, problem: str) -> None:
    path = _file(tmp_path / "bad.safetensors", header, data)
    with pytest.raises(UnreadableError, match=problem) as caught:
        SafetensorsFormat().open(path)
    assert str(path) in str(caught.value)
    assert caught.value.hint


def test_a_header_longer_than_the_file_allocates_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bad.safetensors"
    tracemalloc.start()
    for length, kind in [(LARGEST_HEADER, DamagedError), (1 << 62, UnreadableError), (0, UnreadableError)]:
        path.write_bytes(struct.pack("<Q", length) + b"{" + b" " * 100)
        with pytest.raises(kind):
            SafetensorsFormat().open(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 << 20


def test_a_file_cut_short_or_missing_is_said_so(tmp_path: Path) -> None:
    raw = SILERO.read_bytes()
    path = tmp_path / "cut.safetensors"
    for length in [0, 4, 8, 500, len(raw) - 1]:
        path.write_bytes(raw[:length])
        assert detect(path)
        with pytest.raises(DamagedError, match=r"cut\.safetensors") as caught:
            SafetensorsFormat().open(path)
        assert "again" in caught.value.hint
    with pytest.raises(CheckpointNotFoundError):
        SafetensorsFormat().open(tmp_path / "none")
    for wrong in [tmp_path, tmp_path / "none", Path("a\0b"), Path(__file__)]:
        assert not detect(wrong)


def test_what_cannot_be_stored_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for name, value in [
        ("text", np.array([b"x"], object)),
        ("wide", np.ones(2, np.complex128)),
        ("chars", np.array(["a"])),
        ("__metadata__", np.ones(1)),
        ("int4", np.ones(2).astype(ml_dtypes.int4)),
    ]:
        with pytest.raises(SaveError, match=name):
            SafetensorsFormat().write(path, {"fine": np.ones(1), name: value}, Metadata())
    with pytest.raises(SaveError, match="never compressed"):
        SafetensorsFormat().write(path, {}, Metadata(), WriteOptions(compression={"*": "zstd"}))
    assert not path.exists()


def test_writing_takes_memory_for_a_block_not_for_the_variable(tmp_path: Path) -> None:
    size = 64 << 20

    class Zeros(LazyVariable):
        name, shape, dtype = "big", (size,), np.dtype(np.uint8)

        def __getitem__(self, index):
            raise AssertionError

        def read_into(self, out):
            raise AssertionError

        def blocks(self, max_bytes=1 << 20):
            for start in range(0, size, max_bytes):
                yield np.zeros(min(max_bytes, size - start), np.uint8)

    tracemalloc.start()
    SafetensorsFormat().write(tmp_path / "big.safetensors", {"big": Zeros()}, Metadata())
    with SafetensorsFormat().open(tmp_path / "big.safetensors") as reader:
        assert sum(block.size for block in reader["big"].blocks(1 << 20)) == size
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 36 << 20


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_change_of_bytes_gives_an_answer_or_a_clear_error(tmp_path: Path, data) -> None:
    path = tmp_path / "fuzz.safetensors"
    path.unlink(missing_ok=True)
    SafetensorsFormat().write(path, {"a": np.arange(6.0), "b": np.arange(4, dtype="i2")}, META)
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(raw[: data.draw(st.sampled_from([len(raw), len(raw) - 1, len(raw) // 2]))])
    detect(path)
    try:
        with SafetensorsFormat().open(path) as reader:
            _ = reader.meta
            for variable in reader.values():
                variable[...]
    except UnreadableError as error:
        problem = str(error)
        assert str(path) in problem or "is not supported here" in problem


@pytest.mark.parametrize("rounds", [200, pytest.param(20_000, marks=pytest.mark.soak)])
def test_changes_at_random_take_little_time_and_memory(tmp_path: Path, rounds: int) -> None:
    path = tmp_path / "a.safetensors"
    values = {f"v{number}": np.arange(number, dtype="f4") for number in range(20)}
    SafetensorsFormat().write(path, values, Metadata(step=1), WriteOptions(durable=False))
    factory = "tmpl_safetensors.format:SafetensorsFormat"
    hostile.endures(factory, path, "tests.hostile:random_bytes", rounds=rounds, timeout=3000)
