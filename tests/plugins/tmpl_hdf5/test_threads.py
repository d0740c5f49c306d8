"""Writing goes on where Python starts no threads any more, which is so at the end of a program on Python 3.12."""

import threading

import numpy as np
import pytest

from tmpl_hdf5.native.threads import Threads
from tmplcore import checkpoint


@pytest.fixture
def no_threads():
    before = threading.stack_size(1 << 46)  # more than any address space has
    with pytest.raises(RuntimeError):
        threading.Thread(target=print).start()
    yield
    threading.stack_size(before)


def test_work_is_done_all_the_same_and_once(no_threads):
    done = []
    with Threads(2) as pool:
        assert list(pool.map(lambda n: done.append(n) or n, range(5))) == [0, 1, 2, 3, 4]
        failed = pool.submit(lambda: 1 / 0)
    assert done == [0, 1, 2, 3, 4]
    with pytest.raises(ZeroDivisionError):
        failed.result()
    with pytest.raises(RuntimeError, match="after shutdown"):
        pool.submit(print)


def test_a_thread_that_is_there_takes_the_rest():
    gate, done = threading.Event(), []
    with Threads(2) as pool:
        pool.submit(gate.wait)
        before = threading.stack_size(1 << 46)
        try:
            second = pool.submit(done.append, "here")  # no second thread can be started for it
        finally:
            threading.stack_size(before)
        assert second.done()
        gate.set()
    assert done == ["here"]


@pytest.mark.parametrize("durable", [False, True])
def test_a_save_without_threads(no_threads, tmp_path, durable):
    values = {"a": np.arange(3_000_000.0), "b": np.arange(7, dtype=np.int8)}
    checkpoint.save(tmp_path / "c.h5", values, durable=durable)
    found = checkpoint.load(tmp_path / "c.h5")
    assert all(np.array_equal(found[name], values[name]) for name in values)
