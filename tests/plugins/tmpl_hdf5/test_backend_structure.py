"""At every moment the file is whole: each state that it goes through is opened with h5py and compared."""

import io
import os
import random
import types

import h5py
import numpy as np
import pytest

from tmpl_hdf5 import backend_file
from tmpl_hdf5.backend import HDF5Backend
from tmplcore.testing.backend import Given, spec


@pytest.fixture
def writes(monkeypatch):
    """Every change of the file, in order: (address, bytes), or (None, new size)."""
    log = []

    def pwrite(descriptor, data, at):
        log.append((at, bytes(data)))
        return os.pwrite(descriptor, data, at)

    def posix_fallocate(descriptor, at, size):
        log.append((None, at + size))
        os.posix_fallocate(descriptor, at, size)

    recorder = types.SimpleNamespace(**vars(os))
    recorder.pwrite, recorder.posix_fallocate = pwrite, posix_fallocate
    monkeypatch.setattr(backend_file, "os", recorder)
    return log


def contents(image):
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset):
            value = item[()]
            assert (value == value[0]).all()
            found[name.removesuffix("/.value")] = int(value[0])

    with h5py.File(io.BytesIO(image)) as file:
        file.visititems(visit)
    return found


def names_of(kind, count):
    if kind == "flat":
        names = [f"v{number}" for number in range(count)]
        random.Random(3).shuffle(names)
        return names
    if kind == "nested":
        return [f"layer_{number // 4}/dense/{'abcd'[number % 4]}{number}" for number in range(count)]
    slots = ["{}/kernel/Adam", "{}/kernel", "{}/kernel/Adam/m", "{}"]
    return [slots[number % 4 if number % 8 < 4 else -number % 4].format(f"d{number // 4}") for number in range(count)]


@pytest.mark.parametrize(("kind", "count"), [("flat", 90), ("nested", 40), ("slots", 40)])
def test_every_state_holds_all_that_was_there_before(tmp_path, writes, kind, count):
    backend = HDF5Backend(tmp_path / "run.h5")
    now, history, cells = {}, [(len(writes), {})], {}
    choice = random.Random(1)
    for number, name in enumerate(names_of(kind, count)):
        cells[name] = backend.create(spec(name, (4,)), Given(np.full(4, number)))
        now = {**now, name: number}
        history.append((len(writes), now))
        if number % 7 == 6:
            gone = choice.choice(sorted(now))
            backend.delete(spec(gone, (4,)), cells.pop(gone))
            now = {name: value for name, value in now.items() if name != gone}
            history.append((len(writes), now))
    backend.close()

    image, at, states = bytearray(), 0, 0
    for number, (address, data) in enumerate(writes[: history[-1][0]], start=1):
        if address is None:
            image.extend(bytes(data - len(image)))
        else:
            image.extend(bytes(max(address - len(image), 0)))
            image[address : address + len(data)] = data
        while at + 1 < len(history) and history[at + 1][0] <= number:
            at += 1
        if number >= history[0][0]:
            states += 1
            assert contents(bytes(image)) in (history[at][1], history[min(at + 1, len(history) - 1)][1])
    assert states > 5 * count
    assert contents((tmp_path / "run.h5").read_bytes()) == now


def test_what_can_be_reached_is_changed_by_sixteen_bytes_at_most(tmp_path, writes):
    """The one write that makes a variable reachable is too small to be cut in two."""
    backend = HDF5Backend(tmp_path / "run.h5")
    for number in range(200):
        before = (tmp_path / "run.h5").read_bytes()
        writes.clear()
        backend.create(spec(f"v{number}", (4,)), Given(np.full(4, number)))
        image = bytearray(before)
        for address, data in writes:
            if address is None:
                image.extend(bytes(data - len(image)))
                continue
            changed = bytearray(image)
            changed[address : address + len(data)] = data
            if contents(bytes(changed)) != contents(bytes(image)):
                assert len(data) == 16
                assert address % 8 == 0
            image = changed
        if number == 40:
            break
    backend.close()


@pytest.mark.parametrize("order", ["up", "down", "mixed"])
def test_large_groups_grow_several_levels_of_nodes(tmp_path, order):
    names = [f"v{number:05}" for number in range(3000)]
    if order == "down":
        names.reverse()
    if order == "mixed":
        random.Random(5).shuffle(names)
    path = tmp_path / "run.h5"
    backend = HDF5Backend(path)
    cells = {name: backend.create(spec(name, ()), Given(number)) for number, name in enumerate(names)}
    for name in names[::3]:
        backend.delete(spec(name, ()), cells[name])
    backend.close()
    expected = {name: number for number, name in enumerate(names) if number % 3}
    with h5py.File(path) as file:
        assert {name: int(file[name][()]) for name in file} == expected
        for name in names[:30]:
            assert (name in file) == (name in expected)
    again = HDF5Backend(path)
    again.create(spec("new", ()), Given(1))
    assert len(again.names) == len(expected) + 1
    again.close()
    with h5py.File(path) as file:
        assert len(file) == len(expected) + 1


def test_a_failed_change_changes_nothing(tmp_path, monkeypatch):
    backend = HDF5Backend(tmp_path / "run.h5")
    backend.create(spec("a/v", (2,)), Given([0, 0]))
    real = os.pwrite
    for fail_at in range(1, 30):
        done = 0

        def failing(descriptor, data, at, fail_at=fail_at):
            nonlocal done
            done += 1
            if done == fail_at:
                raise OSError(5, "Input/output error")
            return real(descriptor, data, at)

        monkeypatch.setattr(os, "pwrite", failing)
        failed = False
        try:
            backend.create(spec(f"a/v/slot{fail_at}", (2,)), Given([fail_at, 0]))
        except OSError:
            failed = True
        monkeypatch.setattr(os, "pwrite", real)
        assert (f"a/v/slot{fail_at}" in backend.names) is not failed
        backend.create(spec(f"b{fail_at}/w", (2,)), Given([fail_at, 1]))
    names = set(backend.names)
    backend.close()
    with h5py.File(tmp_path / "run.h5") as file:
        found = set()
        file.visititems(
            lambda name, item: found.add(name.removesuffix("/.value")) if isinstance(item, h5py.Dataset) else None
        )
    assert found == names
    assert 30 < len(names) < 1 + 2 * 29
