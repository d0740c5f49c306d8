"""How a native file is written: by two threads, from buffers or from blocks; the bytes are the same either way."""

from __future__ import annotations

import errno
import gc
import io
import os
import threading

import numpy as np
import pytest

import tmpl_hdf5.native.pipe
import tmplcore
from tmpl_hdf5.native.format import NativeFormat
from tmplcore.checkpoint.format import Metadata, WriteOptions
from tmplcore.checkpoint.roster import roster_of
from tmplcore.errors import SaveError

FORMAT = NativeFormat()
META = Metadata(step=1)


@pytest.fixture(autouse=True)
def second_thread(monkeypatch):
    """Let these small files be written as large ones are."""
    monkeypatch.setattr(tmpl_hdf5.native.pipe, "_WORTH_A_THREAD", 0)


def written(path, variables, **options):
    path.unlink(missing_ok=True)
    FORMAT.write(path, variables, META, WriteOptions(**options))
    return path.read_bytes()


def mixed(count, rng):
    """Small and larger variables in turn, with gaps between them, some of no size."""
    shapes = [(64,), (3,), (), (0, 2), (17, 5), (1000,), (40_000,), (5, 7, 3)]
    names = [f"net/block_{n % 40}/v{n}" for n in range(count)]
    return {
        name: (rng.random(shapes[n % len(shapes)]) * 100).astype(["f4", "f8", "i2"][n % 3])
        for n, name in enumerate(names)
    }


def store_of(arrays):
    store = tmplcore.VariableStore()
    with store.as_default():
        for name, value in arrays.items():
            made = tmplcore.get_variable(name, value.shape, value.dtype, initializer=tmplcore.initializers.Zeros())
            made.assign(value)
    return store


def buffers():
    return [found for found in gc.get_objects() if type(found) is io.BytesIO]


@pytest.mark.parametrize("durable", [False, True])
def test_variables_in_blocks_give_the_same_file_as_arrays_of_their_own(tmp_path, durable):
    arrays = mixed(2000, np.random.default_rng(0))
    store = store_of(arrays)
    roster = roster_of(store.variables)
    for turn in range(3):
        columns = roster.arrays()
        assert columns.memory is not None
        apart = {name: np.array(value) for name, value in columns.items()}
        from_blocks = written(tmp_path / "a.h5", columns, durable=durable)
        assert from_blocks == written(tmp_path / "b.h5", apart, durable=durable)
        assert from_blocks == written(tmp_path / "a.h5", columns, durable=durable)  # both have been seen by now
        for variable in store.variables[:: turn + 2]:
            variable.assign_add(1)
    with FORMAT.open(tmp_path / "a.h5") as reader:
        assert not list(reader.verify())


def test_arrays_of_any_order_among_small_ones(tmp_path):
    rng = np.random.default_rng(1)
    arrays = {f"v{n}": rng.random((n % 7 + 1, 11)) for n in range(500)}
    expected = written(tmp_path / "a.h5", arrays)
    for n in range(0, 500, 3):
        arrays[f"v{n}"] = np.asfortranarray(arrays[f"v{n}"])
        arrays[f"v{n + 1}"] = np.repeat(arrays[f"v{n + 1}"], 2, axis=1)[:, ::2]
    assert written(tmp_path / "a.h5", arrays) == expected


@pytest.mark.parametrize("kind", ["dict", "blocks", "large"])
@pytest.mark.parametrize("call", [1, 2, 3])
def test_an_error_in_the_second_thread_leaves_no_file(tmp_path, monkeypatch, kind, call):
    rng = np.random.default_rng(2)
    arrays = mixed(3000, rng) if kind != "large" else {f"v{n}": rng.random((512, 1024)) for n in range(4)}
    variables = roster_of(store_of(arrays).variables).arrays() if kind == "blocks" else arrays
    whole = written(tmp_path / "whole.h5", variables)
    real, calls = tmpl_hdf5.native.pipe.write_at, []

    def failing(fd, data, offset):
        if threading.current_thread() is not threading.main_thread():
            calls.append(offset)
            if len(calls) == call:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(fd, data, offset)

    monkeypatch.setattr(tmpl_hdf5.native.pipe, "write_at", failing)
    before = buffers()
    with pytest.raises(SaveError, match="No space left") as caught:
        FORMAT.write(tmp_path / "x.h5", variables, META, WriteOptions(durable=False))
    assert not (tmp_path / "x.h5").exists()
    # What the error keeps alive may become garbage with it; Python 3.12.1 crashes if that is a buffer and a view of it.
    assert caught.value.__traceback__ is not None
    for buffer in buffers():
        if not any(buffer is other for other in before):
            buffer.close()  # fails while there is a view
    monkeypatch.undo()
    assert written(tmp_path / "x.h5", variables) == whole


def test_a_small_file_is_written_by_the_caller_with_the_same_bytes(tmp_path, monkeypatch):
    arrays = mixed(3000, np.random.default_rng(4))
    real, threads = tmpl_hdf5.native.pipe.write_at, set()

    def seen(fd, data, offset):
        threads.add(threading.current_thread())
        real(fd, data, offset)

    monkeypatch.setattr(tmpl_hdf5.native.pipe, "write_at", seen)
    with_two = written(tmp_path / "two.h5", arrays)
    assert threads - {threading.current_thread()}  # small last pieces may be the caller's, or not
    monkeypatch.undo()
    threads.clear()
    monkeypatch.setattr(tmpl_hdf5.native.pipe, "write_at", seen)
    assert written(tmp_path / "one.h5", arrays) == with_two
    assert threads == {threading.current_thread()}


@pytest.mark.parametrize("durable", [False, True])
def test_progress_counts_every_byte_of_data_once_in_the_calling_thread(tmp_path, durable):
    arrays = mixed(3000, np.random.default_rng(3)) | {"large": np.ones((600, 1000))}
    told = []

    def progress(size):
        assert threading.current_thread() is threading.main_thread()
        told.append(size)

    written(tmp_path / "a.h5", arrays, durable=durable, progress=progress)
    data = sum(array.nbytes for array in arrays.values())
    assert data <= sum(told) < 1.1 * data + 64 * len(arrays)  # gaps are written, too
    assert len(told) > 3


def test_an_array_that_changes_its_size_meanwhile_is_refused(tmp_path, monkeypatch):
    arrays = {f"v{n}": np.ones(64) for n in range(100)}
    written(tmp_path / "a.h5", arrays)
    real = tmpl_hdf5.native.write.fallocate

    def shrinking(fd, size):
        real(fd, size)
        arrays["v7"].resize(60, refcheck=False)

    monkeypatch.setattr("tmpl_hdf5.native.write.fallocate", shrinking)
    with pytest.raises(SaveError, match="changed its size"):
        FORMAT.write(tmp_path / "b.h5", arrays, META, WriteOptions(durable=False))
    assert not (tmp_path / "b.h5").exists()
