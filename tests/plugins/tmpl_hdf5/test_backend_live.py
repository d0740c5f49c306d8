"""Variables in a file: found again, seen by other tools, kept from other processes."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest

from tests.plugins.tmpl_hdf5.working_files import make
from tmpl_hdf5.backend import HDF5Backend
from tmpl_hdf5.backend_options import HDF5Options
from tmplcore import checkpoint
from tmplcore.errors import BackendError
from tmplcore.testing.backend import BackendContract, Given, sample, spec


@pytest.fixture
def path(tmp_path):
    return tmp_path / "deep" / "er" / "run.h5"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux says by which name a file was opened")
@pytest.mark.parametrize("existing", ["attach", "overwrite"])
def test_the_file_is_open_under_its_own_name(path, existing):
    """Or a file system that takes a hard link for another file would give each process a lock of its own."""
    for _ in range(2):
        backend = HDF5Backend(path, existing=existing)
        names = [link.readlink() for link in list(Path("/proc/self/fd").iterdir()) if os.path.lexists(link)]
        assert path.resolve() in names
        backend.close()


@pytest.mark.parametrize("existing", ["attach", "error"])
def test_a_file_system_without_hard_links(path, monkeypatch, existing):
    def link(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    backend = HDF5Backend(path, existing=existing)
    backend.create(spec("v", (2,)), Given([1, 2]))
    backend.close()
    assert [entry.name for entry in path.parent.iterdir()] == ["run.h5"]
    assert checkpoint.load(path)["v"].tolist() == [1, 2]


def test_any_tool_sees_the_values(path):
    backend = HDF5Backend(path)
    every = [dtype for dtype in BackendContract.dtypes if dtype is not object]
    for number, dtype in enumerate(every):
        backend.create(spec(f"scope/v{number}", (3, 4), dtype, trainable=number % 2 == 0), Given(sample((3, 4), dtype)))
    backend.create(spec("scope", (), "int64", trainable=False), Given(7))
    backend.create(spec("none", (0, 4)), Given(np.zeros((0, 4))))
    backend.close()
    with h5py.File(path) as file:
        assert file["scope/.value"][()] == 7
        assert file["none"].shape == (0, 4)
        for number, dtype in enumerate(every):
            dataset = file[f"scope/v{number}"]
            wanted = sample((3, 4), dtype)
            if np.dtype(dtype).name.startswith(
                ("bfloat", "float8")
            ):  # bfloat16 and the 8-bit floats: shown as what they are worth
                assert dataset[()].astype(np.float32).tolist() == wanted.astype(np.float32).tolist()
            else:
                assert dataset.dtype == dtype
                assert (dataset[()] == wanted).all()
            assert dataset.attrs["trainable"] == (number % 2 == 0)
            assert dataset.id.get_offset() % 64 == 0
        assert file["scope/v10"].attrs["dtype"] == b"<f4"


def test_the_generic_reader_lists_them(path):
    from tmplcore.plugins import default_registry

    make(path, **{"dense/kernel": [1.0, 2.0], "dense/kernel/Adam": [3.0, 4.0]})
    backend = HDF5Backend(path)
    backend.create(spec("small", (3,), ml_dtypes.int4, trainable=False), Given(sample((3,), ml_dtypes.int4)))
    backend.create(spec("bytes", (3,), "uint8"), Given([1, 2, 3]))
    backend.create(spec("half", (3,), ml_dtypes.bfloat16), Given([1, 2, 3]))
    backend.close()
    with default_registry().detect(path).load_factory()().open(path) as reader:
        assert sorted(reader) == ["bytes", "dense/kernel", "dense/kernel/Adam", "half", "small"]
        assert {name: variable.dtype.name for name, variable in reader.items()} == {
            "bytes": "uint8", "dense/kernel": "float32", "dense/kernel/Adam": "float32",
            "half": "bfloat16", "small": "int4",
        }  # fmt: skip
        listed = [reader[name] for name in ("dense/kernel", "small")]
        assert (reader["small"][...] == sample((3,), ml_dtypes.int4)).all()
        assert reader["dense/kernel"][...].tolist() == [1, 2]
    assert [variable.trainable for variable in listed] == [True, False]


def test_every_change_is_found_again(path):
    backend = HDF5Backend(path)
    of = spec("v", (4, 2))
    cell = backend.create(of, Given(np.zeros((4, 2))))
    cell.value[0] = 1
    backend.write_slice(of, cell, [1, 3], 2)
    assert cell.value.tolist() == [[1, 1], [2, 2], [0, 0], [2, 2]]
    backend.close()
    backend = HDF5Backend(path)
    cell = backend.create(of, Given(None))
    backend.write_slice(of, cell, (slice(None), 1), 5)
    assert backend.read_slice(of, cell, ...).tolist() == [[1, 5], [2, 5], [0, 5], [2, 5]]
    assert backend.names == ["v"]
    backend.close()


def test_memory_and_file_are_one_route(path):
    backend = HDF5Backend(path)
    of = spec("v", (100, 100))
    cell = backend.create(of, Given(np.zeros((100, 100))))
    for number in range(100):
        if number % 2:
            cell.value[number] = number
            assert (backend.read_slice(of, cell, number) == number).all()
        else:
            backend.write_slice(of, cell, number, number)
            assert (cell.value[number] == number).all()
    backend.assign(of, cell, np.full((100, 100), -1))
    assert (cell.value == -1).all()
    backend.close()


def test_existing(path):
    make(path, v=[1.0])
    with pytest.raises(BackendError, match="exists already"):
        HDF5Backend(path, existing="error")
    with pytest.raises(ValueError, match="attach, overwrite, error"):
        HDF5Backend(path, existing="append")
    new = HDF5Backend(path, existing="overwrite")
    assert new.names == []
    initial = Given([5.0])
    assert new.create(spec("v", (1,)), initial).value.tolist() == [5.0]
    assert initial.asked == 1
    new.close()
    HDF5Backend(path.with_name("other.h5"), existing="error").close()
    assert sorted(item.name for item in path.parent.iterdir()) == ["other.h5", "run.h5"]


@pytest.mark.parametrize("existing", ["attach", "overwrite"])
def test_what_is_no_working_file_is_left_alone(path, existing):
    checkpoint.save(path, {"w": np.ones(3)})
    saved = path.read_bytes()
    with pytest.raises(BackendError, match="not a working file") as caught:
        HDF5Backend(path, existing=existing)
    assert "tmplctl restore" in caught.value.hint
    assert path.read_bytes() == saved
    path.write_bytes(b"something else")
    with pytest.raises(BackendError, match="cannot be read as a working file") as caught:
        HDF5Backend(path, existing=existing)
    assert "another path" in caught.value.hint
    assert path.read_bytes() == b"something else"
    assert [item.name for item in path.parent.iterdir()] == [path.name]
    with pytest.raises(BackendError, match="is a directory"):
        HDF5Backend(path.parent, existing=existing)


def test_an_empty_file_can_be_overwritten(path):
    path.parent.mkdir(parents=True)
    path.touch()
    HDF5Backend(path, existing="overwrite").close()
    HDF5Backend(path).close()


def test_a_mismatch_names_both(path):
    make(path, v=[1.0, 2.0])
    backend = HDF5Backend(path)
    with pytest.raises(BackendError, match=r"v: .*run.h5 has it as \(2,\) float32, .* wants \(3,\) float32"):
        backend.create(spec("v", (3,)), Given(np.zeros(3)))
    with pytest.raises(BackendError, match=r"\(2,\) float32, .* \(2,\) bfloat16") as caught:
        backend.create(spec("v", (2,), ml_dtypes.bfloat16), Given(np.zeros(2)))
    assert "overwrite" in caught.value.hint
    assert backend.create(spec("v", None), Given(None)).value.tolist() == [1, 2]
    backend.close()


def test_trainability_follows_the_program(path):
    make(path, v=[1.0, 2.0])
    backend = HDF5Backend(path)
    assert backend.create(spec("v", (2,), trainable=False), Given(None)).value.tolist() == [1, 2]
    backend.close()
    with h5py.File(path) as file:
        assert not file["v"].attrs["trainable"]
        assert list(file) == ["v"]


def test_what_is_no_working_file_is_refused_and_left_alone(tmp_path):
    text, foreign = tmp_path / "text.h5", tmp_path / "foreign.h5"
    text.write_text("not HDF5")
    with h5py.File(foreign, "w") as file:
        file["v"] = [1.0]
    before = foreign.read_bytes()
    with pytest.raises(BackendError, match="cannot be read as a working file"):
        HDF5Backend(text)
    with pytest.raises(BackendError, match="is not a working file") as caught:
        HDF5Backend(foreign)
    assert "tmplctl restore" in caught.value.hint
    assert foreign.read_bytes() == before
    assert text.read_text() == "not HDF5"


def test_what_other_programs_may_do_to_it(path):
    make(path, **{"a/v": [1.0, 2.0]})
    with h5py.File(path, "r+") as file:
        file["a/v"][0] = 9
        file.attrs["note"] = "edited"
        file["a"].attrs["note"] = "x" * 500
    backend = HDF5Backend(path)
    backend.create(spec("a/w", (1,)), Given([3.0]))
    assert backend.create(spec("a/v", (2,)), Given(None)).value.tolist() == [9, 2]
    backend.close()
    with h5py.File(path) as file:
        assert file["a/w"][()].tolist() == [3]
        assert file.attrs["note"] == "edited"
        assert len(file["a"].attrs["note"]) == 500

    for harm, problem in {
        "chunked": lambda f: f.create_dataset("c", (4,), "f4", chunks=(2,)),
        "no attribute": lambda f: f.create_dataset("c", (4,), "f4"),
        "soft link": lambda f: f.__setitem__("c", h5py.SoftLink("/a/v")),
        "external": lambda f: f.create_dataset("c", (4,), "f4", external=[("/etc/passwd", 0, 16)]),
        "lies": lambda f: f["a/v"].attrs.__setitem__("dtype", "<f8"),
    }.items():
        broken = path.with_name(f"{harm}.h5")
        broken.write_bytes(path.read_bytes())
        with h5py.File(broken, "r+") as file:
            problem(file)
        with pytest.raises(BackendError, match="working file"):
            HDF5Backend(broken)


def test_h5py_continues_where_the_backend_left(path):
    make(path, **{f"v{number}": [float(number)] for number in range(100)})
    with h5py.File(path, "r+") as file:
        for number in range(100, 200):
            dataset = file.create_dataset(f"v{number}", data=np.array([number], "<f4"))
            dataset.attrs["dtype"] = np.bytes_(b"<f4")
            dataset.attrs["trainable"] = True
        del file["v50"]
    backend = HDF5Backend(path)
    assert len(backend.names) == 199
    backend.create(spec("v50", (1,)), Given([-1.0]))
    backend.close()
    with h5py.File(path) as file:
        assert [file[f"v{number}"][0] for number in range(200)] == [-1 if n == 50 else n for n in range(200)]


def test_after_close(path):
    backend = HDF5Backend(path)
    of = spec("v", (2,))
    cell = backend.create(of, Given([1, 2]))
    unmapped = backend.create(spec("w", (2,)), Given([1, 2]))
    value = cell.value
    backend.close()
    assert value.tolist() == [1, 2]
    for use in (
        lambda: backend.create(of, Given(None)),
        lambda: backend.read_slice(of, cell, 0),
        lambda: backend.write_slice(of, cell, 0, 1),
        lambda: backend.assign(of, cell, [1, 1]),
        lambda: backend.delete(of, cell),
        lambda: backend.flush(),
        lambda: unmapped.value,
    ):
        with pytest.raises(BackendError, match=r"run.h5 (was|is) closed"):
            use()


def test_a_file_that_was_deleted_is_missed(path):
    backend = HDF5Backend(path)
    cell = backend.create(spec("w", (3,)), Given([1, 2, 3]))
    path.unlink()
    for use in (backend.flush, lambda: backend.create(spec("u", (3,)), Given([1, 2, 3]))):
        with pytest.raises(BackendError, match="was deleted while it was in use") as caught:
            use()
        assert "checkpoint.save" in caught.value.hint
    checkpoint.save(path.with_name("rescued.h5"), {"w": backend.numpy(spec("w", (3,)), cell)})
    with pytest.raises(BackendError, match="was deleted while it was in use"):
        backend.close()
    assert checkpoint.load(path.with_name("rescued.h5"))["w"].tolist() == [1, 2, 3]
    make(path, w=[4])  # nothing was left locked


def test_a_file_that_was_moved_goes_on(path):
    backend = HDF5Backend(path)
    cell = backend.create(spec("w", (3,)), Given([1, 2, 3]))
    path.rename(path.with_name("moved.h5"))
    backend.create(spec("u", (1,)), Given([4]))
    cell.value += 1
    backend.close()
    with h5py.File(path.with_name("moved.h5")) as file:
        assert (file["w"][()].tolist(), file["u"][()].tolist()) == ([2, 3, 4], [4])


@pytest.mark.parametrize("place", ["/proc/run.h5", "{file}/run.h5"])
def test_a_place_that_cannot_be_written_to(tmp_path, place):
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match=r"run\.h5 cannot be opened as a working file: ") as caught:
        HDF5Backend(Path(place.format(file=tmp_path / "file")))
    assert "directory" in caught.value.hint


@pytest.mark.skipif(os.geteuid() != 0, reason="as somebody else than root it is a file without permissions")
def test_a_file_that_may_not_be_written_to(tmp_path):
    path = tmp_path / "run.h5"
    make(path, w=[1])
    path.chmod(0o444)
    program = (
        "import os, sys; from pathlib import Path; from tmpl_hdf5.backend import HDF5Backend; "
        "os.setuid(65534); HDF5Backend(Path(sys.argv[1]))"
    )
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert "run.h5 cannot be opened as a working file: Permission denied" in done.stderr


def test_an_empty_file_is_started_in(path):
    path.parent.mkdir(parents=True)
    path.touch()
    make(path, w=[1])
    with h5py.File(path) as file:
        assert file["w"][()].tolist() == [1]


def test_room_is_used_again_but_never_under_an_array_that_was_handed_out(path):
    backend = HDF5Backend(path)
    of = spec("v", (1000,))
    sizes = set()
    for number in range(20):
        backend.delete(of, backend.create(of, Given(np.full(1000, number))))
        sizes.add(path.stat().st_size)
    assert len(sizes) == 1
    cell = backend.create(of, Given(np.full(1000, 5)))
    held = cell.value
    backend.delete(of, cell)
    backend.create(of, Given(np.full(1000, 6)))
    assert (held == 5).all()
    backend.close()


def test_a_full_disk_is_an_error_not_a_signal(path, monkeypatch):
    backend = HDF5Backend(path)
    make_room = os.posix_fallocate

    def full(descriptor, at, size):
        if size > 100 << 20:
            raise OSError(28, "No space left on device")
        make_room(descriptor, at, size)

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(BackendError, match="No space left"):
        backend.create(spec("huge", (100, 1 << 20)), Given(None))
    backend.create(spec("small", (2,)), Given([1, 2]))
    backend.close()
    make(path.with_name("other.h5"), v=[1.0])
    with h5py.File(path) as file:
        assert list(file) == ["small"]


def test_options():
    assert HDF5Options(path="run.h5").model_dump() == {"path": Path("run.h5"), "existing": "attach"}
    with pytest.raises(ValueError, match="existing"):
        HDF5Options(path="run.h5", existing="maybe")
    with pytest.raises(ValueError, match="extra"):
        HDF5Options(path="run.h5", mode="w")
