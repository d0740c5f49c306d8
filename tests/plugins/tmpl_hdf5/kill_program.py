"""Run by a test: forks processes that make and change variables in one file, and kills each at some moment.

Each process attaches to what the last one left. It says through a pipe what it has done; what it said before it
was killed must be in the file, which is opened with stock h5py each time. Nothing is imported after the fork.
"""

import os
import random
import signal
import struct
import sys
import time
from pathlib import Path

import h5py
import numpy as np

from tmpl_hdf5.backend import HDF5Backend
from tmplcore.testing.backend import Given, spec

SAID = struct.Struct("<cii")  # what, which variable, its new value


def name_of(number: int) -> str:
    kinds = ("w", "w/Adam", "w/Adam_1", "b", "b/Adam", "")
    scope, kind = divmod(number, len(kinds))
    return f"model/layer_{scope % 5}/cell_{scope}/{kinds[kind]}".rstrip("/")


def work(path: str, pipe: int, done: dict[int, int], seed: int) -> None:
    """Make variables and change others until killed."""

    def say(what: bytes, number: int, value: int) -> None:
        os.write(pipe, SAID.pack(what, number, value))

    choice = random.Random(seed)
    backend = HDF5Backend(path)
    specs = {number: spec(name_of(number), (64,)) for number in range(len(done) + 5000)}
    cells = {number: backend.create(specs[number], Given(None)) for number in done}
    say(b"r", 0, 0)
    while True:
        number = len(cells)
        say(b"c", number, 0)
        cells[number] = backend.create(specs[number], Given(np.full(64, number)))
        say(b"d", number, number)
        if choice.random() < 0.5:
            other, value = choice.randrange(len(cells)), choice.randrange(1 << 20)
            say(b"c", other, 0)
            if value % 2:
                cells[other].value[:] = value
            else:
                backend.assign(specs[other], cells[other], np.full(64, value))
            if value % 32 < 2:
                backend.flush()
            say(b"d", other, value)


def listen(pipe: int, data: bytes, done: dict[int, int]) -> int | None:
    """Take down what a process said; return the variable that it was busy with."""
    while part := os.read(pipe, 1 << 16):
        data += part
    busy = None
    for what, number, value in SAID.iter_unpack(data[: len(data) // SAID.size * SAID.size]):
        if what == b"c":
            busy = number
        elif what == b"d":
            busy, done[number] = None, value
    return busy


def check(path: str, done: dict[int, int], busy: int | None) -> set[str]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: (
                found.__setitem__(name.removesuffix("/.value"), item[()]) if isinstance(item, h5py.Dataset) else None
            )
        )
    for number, value in done.items():
        if number != busy:
            assert (found[name_of(number)] == value).all(), (number, value, found[name_of(number)])
    strangers = set(found) - {name_of(number) for number in done}
    assert strangers <= {name_of(len(done))}, strangers
    return set(found)


def main(path: str, kills: int, seed: int) -> None:
    choice = random.Random(seed)
    done: dict[int, int] = {}
    made, early = 0, 0
    for kill in range(kills):
        if kill % 6 == 0:  # a new file now and then
            made += len(done)
            done = {}
            Path(path).unlink(missing_ok=True)
        reader, writer = os.pipe()
        process = os.fork()
        if process == 0:
            os.close(reader)
            try:
                work(path, writer, done, seed + kill)
            finally:
                os._exit(1)
        os.close(writer)
        data, wanted = b"", choice.randrange(1, 120)
        if kill % 5 == 4:  # while it attaches, or before
            time.sleep(choice.uniform(0, 0.01))
        else:
            while len(data) < wanted * SAID.size:
                data += os.read(reader, 1 << 16)
            time.sleep(choice.uniform(0, 0.002))
        os.kill(process, signal.SIGKILL)
        before = len(done)
        busy = listen(reader, data, done)
        os.close(reader)
        assert os.waitpid(process, 0)[1] == signal.SIGKILL
        early += len(done) == before
        if Path(path).exists():
            found = check(path, done, busy)
            if busy is not None and name_of(busy) in found:
                # It may have been finished or changed by half: start it anew.
                of, backend = spec(name_of(busy), (64,)), HDF5Backend(path)
                backend.assign(of, backend.create(of, Given(None)), np.full(64, busy))
                backend.close()
                done[busy] = busy
        else:
            assert not done
    print(f"{kills} kills, {made + len(done)} variables made, {early} before any was")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
