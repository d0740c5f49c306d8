"""Run by a test in a process of its own: an embedding larger than the memory that the process may have."""

import resource
import sys
from pathlib import Path

import numpy as np

from tmpl_hdf5.backend import HDF5Backend
from tmplcore.backend import VariableSpec
from tmplcore.dtypes import float32
from tmplcore.initializers import Initialized, RandomUniform
from tmplcore.random import BLOCK, Stream


def kib(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


def main(path: str, rows: int, address_space: int, resident: int) -> None:
    columns = 1024
    backend = HDF5Backend(path)
    spec = VariableSpec("embedding", (rows, columns), np.dtype("float32"), trainable=True)
    # A map of the whole does not fit into the address space that is left.
    limit = (kib("VmSize") << 10) + address_space
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    assert rows * columns * 4 > address_space
    start = kib("VmRSS")

    initial = Initialized(RandomUniform(-1, 1), (rows, columns), float32, seed=3, name="embedding")
    cell = backend.create(spec, initial)

    chosen = np.random.default_rng(0).integers(0, rows, 2000)
    gathered = backend.read_slice(spec, cell, chosen)
    for row, values in zip(chosen[:5], gathered[:5], strict=True):
        block = row * columns // BLOCK
        drawn = Stream(3, "embedding").generator(block).random(BLOCK, dtype=np.float32) * 2 - 1
        assert np.array_equal(values, drawn[row * columns % BLOCK :][:columns])
    backend.write_slice(spec, cell, chosen, gathered + 1)
    assert np.array_equal(backend.read_slice(spec, cell, chosen), gathered + 1)
    backend.write_slice(spec, cell, slice(rows - 100, None), 5.0)
    assert (backend.read_slice(spec, cell, -1) == 5).all()
    backend.write_slice(spec, cell, (slice(None, None, rows // 7), 3), 9.0)
    assert (backend.read_slice(spec, cell, (slice(None, None, rows // 7), 3)) == 9).all()
    backend.flush()
    peak = kib("VmHWM")
    try:
        cell.value
    except (OSError, MemoryError, ValueError):
        pass
    else:
        raise AssertionError("a map of the whole was possible: the limit limits nothing")
    backend.close()
    print(f"peak {peak >> 10} MiB, {(peak - start) >> 10} MiB more than at the start")
    assert peak - start <= resident >> 10, (peak, start)


if __name__ == "__main__":
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:]))
