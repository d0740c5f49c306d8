"""Whatever reads a checkpoint checks it: no damaged value is restored, or gets a fresh hash in another file."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import tmplcore
from tmplcore import checkpoint
from tmplcore.errors import DamagedError

BUNDLE = Path(__file__).parents[3] / "examples/g2p/g2p_infer_v2"
TEXT = [b"text number %d" % number for number in range(40)]


def damaged(directory: Path, format_: str, name: str) -> Path:
    """Write a checkpoint and change one bit of a variable in it."""
    if format_ == "tensorflow":
        shutil.copytree(BUNDLE, directory / "bundle")
        path, file = directory / "bundle/model.ckpt", directory / "bundle/model.ckpt.data-00000-of-00001"
        name = "dense/kernel"
    else:
        path = file = directory / f"a.{format_}"
        checkpoint.save(path, {"w": np.arange(100.0), "s": np.array(TEXT, object)})
    with checkpoint.open(path) as reader:
        value = reader[name][...]
        needle = TEXT[20] if value.dtype.hasobject else value.tobytes()
    content = bytearray(file.read_bytes())
    content[content.index(needle) + 9] ^= 1
    file.write_bytes(content)
    return path


def room(path: Path) -> dict[str, np.ndarray]:
    with checkpoint.open(path) as reader:
        return {n: np.zeros(v.shape, v.dtype) for n, v in reader.items()}


def save_of_an_open_one(path: Path, out: Path) -> None:
    with checkpoint.open(path) as reader:
        checkpoint.save(out, reader)


def managed_save_of_an_open_one(path: Path, out: Path) -> None:
    with checkpoint.open(path) as reader, checkpoint.CheckpointManager(out.with_suffix("")) as manager:
        try:
            manager.save(1, reader)
        finally:
            assert not list(manager.list())


def restoring(path: Path, out: Path) -> None:
    with checkpoint.open(path) as reader, tmplcore.VariableStore().as_default():
        with tmplcore.variable_scope("", custom_getter=checkpoint.restoring(path)):
            for name, variable in reader.items():
                tmplcore.get_variable(name, variable.shape, "string" if variable.dtype.hasobject else variable.dtype)


def restoring_parts(path: Path, out: Path) -> None:
    with checkpoint.open(path) as reader, tmplcore.VariableStore().as_default():
        getter = checkpoint.restoring(path)
        parts = tmplcore.fixed_size_partitioner(2)
        with tmplcore.variable_scope("", custom_getter=getter, partitioner=parts):
            for name, variable in reader.items():
                if variable.shape and not variable.dtype.hasobject:
                    tmplcore.get_variable(name, variable.shape, variable.dtype)
                elif variable.dtype.hasobject:
                    tmplcore.get_variable(name, variable.shape, "string", partitioner=None)


WAYS: dict[str, Callable[[Path, Path], Any]] = {
    "load": lambda path, out: checkpoint.load(path),
    "load mapped": lambda path, out: checkpoint.load(path, mapped=True),
    "restore": lambda path, out: checkpoint.restore(path, room(path)),
    "staged restore": lambda path, out: checkpoint.restore(path, room(path), staged=True),
    "restoring": restoring,
    "convert": lambda path, out: checkpoint.convert(path, out),
    "convert with a cast": lambda path, out: checkpoint.convert(path, out, cast="float16"),
    "save": save_of_an_open_one,
    "managed save": managed_save_of_an_open_one,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(
    ("format_", "name"), [("h5", "w"), ("h5", "s"), ("npz", "w"), ("npz", "s"), ("tensorflow", "dense/kernel")]
)
def test_damage_goes_no_further(tmp_path: Path, format_: str, name: str, way: Callable[[Path, Path], Any]) -> None:
    path = damaged(tmp_path, format_, name)
    assert [found.name for found in checkpoint.verify(path).damaged] == [name]
    out = tmp_path / "out.h5"
    with pytest.raises(DamagedError) as caught:
        way(path, out)
    assert name in str(caught.value)
    assert caught.value.hint
    assert not out.exists()


@pytest.mark.parametrize("format_", ["h5", "npz", "tensorflow"])
def test_a_part_of_a_damaged_variable_is_not_restored(tmp_path: Path, format_: str) -> None:
    path = damaged(tmp_path, format_, "w")
    with pytest.raises(DamagedError):
        restoring_parts(path, tmp_path / "out.h5")


@pytest.mark.parametrize("format_", ["h5", "npz", "tensorflow"])
def test_every_variable_of_these_formats_is_checked(tmp_path: Path, format_: str) -> None:
    report = checkpoint.verify(damaged(tmp_path, format_, "w"))
    assert report.hashed == report.variables


def test_what_is_asked_for_without_checks_is_read(tmp_path: Path) -> None:
    path = damaged(tmp_path, "npz", "w")
    assert len(checkpoint.load(path, verify=False)) == 2
    checkpoint.convert(path, tmp_path / "out.h5", verify=False)
    assert checkpoint.verify(tmp_path / "out.h5").ok


def test_a_foreign_file_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["w"] = np.arange(10_000.0)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(DamagedError, match="cut short") as caught:
        checkpoint.load(path)
    assert "again" in caught.value.hint
    assert not checkpoint.verify(path).ok
