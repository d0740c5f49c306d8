"""Who may use a working file at once: one process, its threads, what it forks, and readers."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.plugins.tmpl_hdf5.working_files import make
from tmpl_hdf5 import backend_file
from tmpl_hdf5.backend import HDF5Backend
from tmplcore import checkpoint
from tmplcore.checkpoint import commit
from tmplcore.errors import BackendError, StorageLockedError
from tmplcore.testing.backend import Given, spec

FORKED = """
import os, sys
from pathlib import Path
import numpy as np
from tmpl_hdf5.backend import HDF5Backend
from tmplcore.errors import BackendError
from tmplcore.testing.backend import Given, spec

backend = HDF5Backend(Path(sys.argv[1]))
cell = backend.create(spec("w", (3,)), Given([1, 2, 3]))
read, write = os.pipe()
child = os.fork()
if child == 0:
    said = [str(backend.numpy(spec("w", (3,)), cell))]
    backend.assign(spec("w", (3,)), cell, [4, 5, 6])
    for change in (
        lambda: backend.create(spec("u", (3,)), Given([1, 2, 3])), lambda: backend.delete(spec("w", (3,)), cell)
    ):
        try:
            change()
        except BackendError as error:
            said.append(str(error))
    backend.flush()
    backend.close()
    os.write(write, repr(said).encode())
    os._exit(0)
os.waitpid(child, 0)
print(os.read(read, 4096).decode(), child)
late = backend.create(spec("late", (3,)), Given([7, 8, 9]))
print(cell.value, late.value, os.getpid())
try:
    HDF5Backend(Path(sys.argv[1]))
except BackendError as error:
    print(error)
backend.close()
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "er" / "run.h5"


def test_a_file_that_another_process_makes_at_the_same_time(path, monkeypatch):
    """Whoever comes second finds it, or says so if it was to be new."""

    def put(temporary: Path, place: Path) -> None:
        monkeypatch.setattr(backend_file, "put", commit.put)
        make(place, v=[5.0])
        commit.put(temporary, place)

    monkeypatch.setattr(backend_file, "put", put)
    backend = HDF5Backend(path)
    cell = backend.create(spec("v", (1,)), Given([9.0]))
    assert cell.value.tolist() == [5.0]
    backend.close()
    path.unlink()
    monkeypatch.setattr(backend_file, "put", put)
    with pytest.raises(BackendError, match="made by another process"):
        HDF5Backend(path, existing="error")
    assert checkpoint.load(path)["v"].tolist() == [5.0]


def test_a_reader_of_a_file_in_use_hears_who_has_it(path):
    make(path, v=[1.0])
    backend = HDF5Backend(path)
    with pytest.raises(StorageLockedError, match="in use by this process since 20"):
        checkpoint.open(path)
    done = subprocess.run(
        [sys.executable, "-m", "tmplctl", "show", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 13
    assert f"in use by process {os.getpid()}" in done.stderr
    backend.close()
    assert checkpoint.load(path)["v"].tolist() == [1.0]


def test_one_process_at_a_time(path):
    backend = HDF5Backend(path)
    with pytest.raises(StorageLockedError, match=rf"{path} is in use by this process since 20.. *"):
        HDF5Backend(path)
    program = f"""
import sys
from tmplcore.errors import StorageLockedError
from tmpl_hdf5.backend import HDF5Backend
for existing in ("attach", "overwrite"):
    try:
        HDF5Backend({str(path)!r}, existing=existing).close()
    except StorageLockedError as error:
        print(error, "|", error.hint)
"""
    command = [sys.executable, "-c", program]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(out) == 2
    for line in out:
        assert f"is in use by process {os.getpid()} on {os.uname().nodename} since 20" in line
        assert "pytest" in line
        assert "another path" in line
    with pytest.raises(OSError, match="lock"):
        h5py.File(path)
    backend.close()
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == ""
    HDF5Backend(path).close()


def test_a_reader_keeps_the_backend_out_with_a_clear_error(path):
    make(path, v=[1.0])
    with h5py.File(path, locking=True), pytest.raises(StorageLockedError, match="left no note"):
        HDF5Backend(path)


def test_a_killed_owner_leaves_no_lock(path):
    program = (
        f"import os; from tmpl_hdf5.backend import HDF5Backend; b = HDF5Backend({str(path)!r}); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -9
    note = path.with_name("run.h5.lock")
    assert json.loads(note.read_text())["pid"]
    HDF5Backend(path).close()
    assert not note.exists()


def test_threads_may_race_to_make_it(path):
    for number in range(20):
        made, refused = [], []
        start = threading.Barrier(8)

        def work(path=path.with_name(f"{number}.h5"), made=made, refused=refused, start=start):
            start.wait()
            try:
                made.append(HDF5Backend(path))
            except BackendError as error:
                refused.append(error)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(made) == 1
        assert len(refused) == 7
        made[0].close()
    assert all(item.suffix == ".h5" for item in path.parent.iterdir())


def test_threads_may_make_variables_at_once(path):
    backend = HDF5Backend(path)

    def work(first):
        for number in range(first, first + 60):
            of = spec(f"scope_{number % 7}/v{number}", (5,))
            cell = backend.create(of, Given(np.full(5, number)))
            assert (cell.value == number).all()
            if number % 4 == 0:
                backend.delete(of, cell)

    threads = [threading.Thread(target=work, args=(60 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    backend.close()
    with h5py.File(path) as file:
        expected = {number for number in range(360) if number % 4}
        assert sum(len(group) for group in file.values()) == len(expected)
        for number in expected:
            assert (file[f"scope_{number % 7}/v{number}"][()] == number).all()


def test_a_forked_process_changes_values_only(path):
    done = subprocess.run(
        [sys.executable, "-c", FORKED, str(path)], capture_output=True, text=True, check=True, timeout=60
    )
    child, values, locked = done.stdout.splitlines()
    assert child.count("variables cannot be made or deleted") == 2
    assert values.startswith("[4. 5. 6.] [7. 8. 9.]")
    assert "is in use by this process" in locked
    with h5py.File(path) as file:
        assert file["late"][()].tolist() == [7, 8, 9]
