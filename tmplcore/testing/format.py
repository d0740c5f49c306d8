"""The contract of a checkpoint format as a test suite.

Subclass it, say how the format is made, and run pytest:

    from tmplcore.testing.format import FormatContract

    class TestMyFormat(FormatContract):
        hashed = True

        def format(self):
            return MyFormat()

A format that cannot be written overrides `write` with another way to make its files.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import ml_dtypes
import numpy as np
import pytest

from tmplcore.checkpoint.format import Format, LazyVariable, Metadata, Reader, WriteOptions
from tmplcore.errors import CheckpointError, CheckpointNotFoundError, SaveError, UnreadableError, VariableMissingError

__all__ = ["FormatContract"]

PLAIN = ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def values(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return values that every dtype can hold exactly."""
    count = int(np.prod(shape, dtype=int))
    if dtype == "object":
        return np.array([b"text %d" % n for n in range(count)] + [None], object)[:-1].reshape(shape)
    return np.asarray(np.arange(count) % 5).astype(dtype).reshape(shape)


def same(got: Any, wanted: Any) -> bool:
    """Tell whether two arrays have the same shape, dtype and bits."""
    wanted = np.asarray(wanted)
    if not isinstance(got, np.ndarray) or got.shape != wanted.shape or got.dtype != wanted.dtype:
        return False
    return bool((got == wanted).all()) if wanted.dtype.hasobject else got.tobytes() == wanted.tobytes()


class FormatContract:
    """What every checkpoint format has to do.

    Attributes:
        dtypes: What the format can hold, by NumPy's or ml_dtypes' names; `object` is arrays of bytes.
        hashed: Whether a changed byte of data is always noticed by `verify`.
        metadata: Whether steps, metrics and what the user gave come back.
        aliases: Whether two names of one array are stored once.
    """

    dtypes: ClassVar[tuple[str, ...]] = (*PLAIN, "bool")
    hashed: ClassVar[bool] = False
    metadata: ClassVar[bool] = True
    aliases: ClassVar[bool] = False

    @abstractmethod
    def format(self) -> Format:
        """Make the format."""

    def write(self, path: Path, variables: Mapping[str, Any], meta: Metadata, options: WriteOptions) -> None:
        """Write a file of the format."""
        self.format().write(path, variables, meta, options)

    def written(self, directory: Path, variables: Mapping[str, Any], **meta: Any) -> Path:
        """Write a file of the format and return its path."""
        path = directory / f"checkpoint{self.format().suffixes[0]}"
        self.write(path, variables, Metadata(**meta), WriteOptions(durable=False))
        return path

    def open(self, path: Path) -> Reader:
        """Open a file of the format."""
        return self.format().open(path)

    def held(self, dtype: str) -> np.dtype[Any]:
        """Return a dtype, or one that the format holds if it does not hold that."""
        held = dtype if dtype in self.dtypes else next(name for name in self.dtypes if name != "object")
        return np.dtype(getattr(ml_dtypes, held, held))

    def model(self) -> dict[str, np.ndarray]:
        """Return variables as a model has them, a slot variable of another's name among them."""
        kind = self.held("float32")
        return {
            "dense/kernel": values((3, 4), kind),
            "dense/kernel/Adam": values((3, 4), kind) + np.ones((), kind),
            "dense/bias": values((4,), kind),
            "global_step": np.asarray(7, self.held("int64")),
            "empty": np.zeros((0, 2), kind),
        }

    def test_names_keep_their_order(self, tmp_path: Path) -> None:
        names = ["b", "a/z", "a", "c/d/e", "ü/Δ", "dash-ed", "dot.ted", "a/y"]
        with self.open(self.written(tmp_path, {name: np.ones(2, self.held("float64")) for name in names})) as reader:
            assert sorted(reader) == sorted(names)
            assert len(reader) == len(names)
            assert [name for name, _ in reader.items()] == list(reader)
            assert [variable.name for variable in reader.values()] == list(reader)

    def test_it_is_a_mapping(self, tmp_path: Path) -> None:
        with self.open(self.written(tmp_path, self.model())) as reader:
            assert "dense/kernel" in reader
            assert "dense" not in reader
            assert reader.get("dense") is None
            assert isinstance(reader["dense/kernel"], LazyVariable)
            with pytest.raises(VariableMissingError, match="dense/nothing"):
                reader["dense/nothing"]

    def test_what_a_variable_says_of_itself_outlives_the_reader(self, tmp_path: Path) -> None:
        def said(variable: LazyVariable) -> Any:
            facts = variable.name, variable.shape, variable.dtype, variable.nbytes
            return *facts, variable.digest, variable.trainable, variable.alias_of, variable.boxes

        with self.open(self.written(tmp_path, {dtype: values((2, 3), dtype) for dtype in self.dtypes})) as reader:
            variables = list(reader.values())
            before = [said(variable) for variable in variables]
        assert [said(variable) for variable in variables] == before

    def test_every_dtype_and_shape_comes_back(self, tmp_path: Path) -> None:
        for dtype in self.dtypes:
            kind = dtype if dtype == "object" else np.dtype(getattr(ml_dtypes, dtype, dtype))
            variables = {f"v{n}": values(shape, kind) for n, shape in enumerate([(), (1,), (0,), (3, 4), (2, 1, 5)])}
            path = self.written(tmp_path, variables)
            with self.open(path) as reader:
                for name, value in variables.items():
                    assert (reader[name].shape, reader[name].dtype) == (value.shape, value.dtype)
                    assert same(reader[name][...], value), (dtype, value.shape)
                assert list(reader.verify()) == []
            for file in tmp_path.iterdir():
                file.unlink()

    def test_every_way_to_read_gives_the_same(self, tmp_path: Path) -> None:
        variables = self.model() | {"large": values((700, 900), self.held("float32"))}
        path = self.written(tmp_path, variables)
        with self.open(path) as reader:
            mapped = reader.read(mapped=True)
            assert list(mapped) == list(reader)
            for read in (reader.read(), reader.read(list(variables)[::-1]), mapped, reader.read(verify=True)):
                assert all(same(read[name], value) for name, value in variables.items())
            targets = {name: np.empty_like(value) for name, value in variables.items()}
            reader.read_into(targets, verify=True)
            assert all(same(targets[name], value) for name, value in variables.items())
            for name, value in variables.items():
                out = np.empty_like(value)
                reader[name].read_into(out)
                assert same(out, value)
                assert same(np.asarray(reader[name]), value)
        assert all(same(mapped[name], value) for name, value in variables.items())

    def test_slices(self, tmp_path: Path) -> None:
        large = (np.arange(60_000) % 113).astype(self.held("float32")).reshape(20, 30, 100)
        with self.open(self.written(tmp_path, {"w": large})) as reader:
            for index in (0, -1, slice(2, 5), (1, 2, 3), (slice(None), 4), (Ellipsis, slice(1, 50, 7)), slice(5, 5)):
                assert same(reader["w"][index], np.asarray(large[index])), index

    def test_blocks_are_bounded_and_whole(self, tmp_path: Path) -> None:
        large = (np.arange(60_000) % 113).astype(self.held("float32")).reshape(20, 30, 100)
        with self.open(self.written(tmp_path, {"w": large})) as reader:
            blocks = list(reader["w"].blocks(10_000))
            assert max(block.nbytes for block in blocks) <= 10_000
            assert same(np.concatenate(blocks), large.reshape(-1))

    def test_arrays_that_do_not_fit_are_refused(self, tmp_path: Path) -> None:
        with self.open(self.written(tmp_path, self.model())) as reader:
            kind = self.held("float32")
            for wrong in (np.zeros((4, 3), kind), np.zeros((3, 4), "float64" if kind != np.float64 else "float32")):
                with pytest.raises(ValueError, match="dense/kernel"):
                    reader.read_into({"dense/kernel": wrong})

    def test_memory_of_any_order_is_filled_and_written(self, tmp_path: Path) -> None:
        value = values((5, 6), self.held("float32"))
        with self.open(self.written(tmp_path, {"a": np.asfortranarray(value), "b": value[::-1]})) as reader:
            targets = {"a": np.zeros((5, 6), value.dtype, order="F"), "b": np.zeros((10, 6), value.dtype)[::2]}
            reader.read_into(targets)
            assert (targets["a"] == value).all()
            assert (targets["b"] == value[::-1]).all()

    def test_metadata(self, tmp_path: Path) -> None:
        given = {"step": 3, "metrics": {"loss": 0.5}, "user": {"note": ["é", None, 1]}, "provenance": {"argv": ["x"]}}
        with self.open(self.written(tmp_path, self.model(), time=12.5, **given)) as reader:
            meta = reader.meta
            if self.metadata:
                assert (meta.step, meta.time) == (3, 12.5)
                assert dict(meta.metrics) == given["metrics"]
                assert dict(meta.user) == given["user"]
                assert dict(meta.provenance) == given["provenance"]

    def test_aliases(self, tmp_path: Path) -> None:
        value = values((200, 300), self.held("float32"))
        path = self.written(tmp_path, {"a": value, "b/tied": value})
        with self.open(path) as reader:
            assert same(reader["a"][...], value)
            assert same(reader["b/tied"][...], value)
            if self.aliases:
                assert {reader["a"].alias_of, reader["b/tied"].alias_of} in ({None, "a"}, {None, "b/tied"})
                assert path.stat().st_size < 1.5 * value.nbytes

    def test_a_checkpoint_can_be_written_from_a_reader(self, tmp_path: Path) -> None:
        variables = self.model() | {"large": values((700, 900), self.held("float32"))}
        path = self.written(tmp_path, variables)
        (tmp_path / "copy").mkdir()
        with self.open(path) as reader:
            copy = self.written(tmp_path / "copy", dict(reader.items()))
        with self.open(copy) as reader:
            assert all(same(reader[name][...], value) for name, value in variables.items())

    def test_what_cannot_be_saved_is_named_and_leaves_nothing(self, tmp_path: Path) -> None:
        if not self.format().writable:
            return
        for bad in (np.array([object()]), np.ones(2, np.clongdouble)):
            with pytest.raises(SaveError, match="model/bad"):
                self.written(tmp_path, {"fine": np.ones(1, self.held("float64")), "model/bad": bad})
            assert list(tmp_path.iterdir()) == []

    def test_progress_is_reported(self, tmp_path: Path) -> None:
        variables = self.model() | {"large": values((700, 900), self.held("float32"))}
        size = sum(value.nbytes for value in variables.values())
        told: list[int] = []
        path = tmp_path / f"checkpoint{self.format().suffixes[0]}"
        self.write(path, variables, Metadata(), WriteOptions(durable=False, progress=told.append))
        if self.format().writable:
            assert sum(told) >= 0.9 * size
        told.clear()
        with self.open(path) as reader:
            assert list(reader.verify(progress=told.append, jobs=2)) == []
        assert sum(told) >= 0.9 * size

    def test_threads_may_share_a_reader(self, tmp_path: Path) -> None:
        kind = self.held("float32")
        variables = {f"v{n}": np.full((50, 50), n).astype(kind) for n in range(20)}
        with self.open(self.written(tmp_path, variables)) as reader, ThreadPoolExecutor(4) as pool:
            assert all(pool.map(lambda name: same(reader[name][...], variables[name]), list(variables) * 5))

    def test_nothing_and_nonsense(self, tmp_path: Path) -> None:
        with pytest.raises(CheckpointNotFoundError):
            self.open(tmp_path / "nothing")
        for n, nonsense in enumerate((b"", b"\0", b"nonsense" * 1000)):
            path = tmp_path / f"nonsense{n}{self.format().suffixes[0]}"
            path.write_bytes(nonsense)
            with pytest.raises(UnreadableError):
                self.open(path)

    def test_a_shorter_file_is_never_taken_for_whole(self, tmp_path: Path) -> None:
        variables = self.model()
        path = self.written(tmp_path, variables)
        if not path.is_file():
            return
        data = path.read_bytes()
        for length in sorted({*range(0, len(data), max(1, len(data) // 50)), len(data) - 1}):
            path.write_bytes(data[:length])
            assert self.problems(path, variables), f"cut at {length} of {len(data)}"

    def test_a_changed_byte_never_goes_unnoticed(self, tmp_path: Path) -> None:
        variables = self.model()
        path = self.written(tmp_path, variables, step=3)
        if not path.is_file():
            return
        data = bytearray(path.read_bytes())
        for at in range(0, len(data), max(1, len(data) // 400)):
            data[at] ^= 0x10
            path.write_bytes(data)
            problems = self.problems(path, variables)
            assert problems or not self.hashed, f"byte {at} of {len(data)}"
            data[at] ^= 0x10

    def problems(self, path: Path, variables: Mapping[str, np.ndarray]) -> list[str]:
        """Return what opening, verifying and reading find wrong; anything but errors of tmplcore fails the test."""
        found = []
        try:
            with self.open(path) as reader:
                found += [damage.problem for damage in reader.verify()]
                reader.meta  # noqa: B018
                if set(reader) != set(variables):
                    found.append("other names")
        except CheckpointError as error:
            found.append(str(error))
        try:
            with self.format().open_damaged(path) as reader:
                list(reader.verify())
        except CheckpointError:
            pass
        return found
