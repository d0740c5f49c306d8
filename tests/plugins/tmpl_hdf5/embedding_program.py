"""Run by a test in a process of its own: an embedding larger than the memory that the process may have."""

import resource
import sys
from pathlib import Path

import numpy as np

from tmpl_hdf5.backend import HDF5Backend
from tmplcore import VariableStore, get_variable
from tmplcore.initializers import RandomUniform
from tmplcore.random import BLOCK, Stream


def kib(field: str) -> int:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(field))
    return int(line.split()[1])


def main(path: str, rows: int, address_space: int, resident: int) -> None:
    columns = 1024
    backend = HDF5Backend(path)
    store = VariableStore(backend, seed=3)
    # A map of the whole does not fit into the address space that is left.
    limit = (kib("VmSize") << 10) + address_space
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    assert rows * columns * 4 > address_space
    start = kib("VmRSS")

    with store.as_default():
        table = get_variable("embedding", [rows, columns], initializer=RandomUniform(-1, 1))

    chosen = np.random.default_rng(0).integers(0, rows, 2000)
    gathered = table.read_slice(chosen)
    for row, values in zip(chosen[:5], gathered[:5], strict=True):
        block = row * columns // BLOCK
        drawn = Stream(3, "embedding").generator(block).random(BLOCK, dtype=np.float32) * 2 - 1
        assert np.array_equal(values, drawn[row * columns % BLOCK :][:columns])
    table.write_slice(chosen, gathered + 1)
    assert np.array_equal(table.read_slice(chosen), gathered + 1)
    table.write_slice(slice(rows - 100, None), 5.0)
    assert (table.read_slice(-1) == 5).all()
    table.write_slice((slice(None, None, rows // 7), 3), 9.0)
    assert (table.read_slice((slice(None, None, rows // 7), 3)) == 9).all()
    backend.flush()
    peak = kib("VmHWM")
    try:
        table.value
    except (OSError, MemoryError, ValueError):
        pass
    else:
        raise AssertionError("a map of the whole was possible: the limit limits nothing")
    backend.close()
    print(f"peak {peak >> 10} MiB, {(peak - start) >> 10} MiB more than at the start")
    assert peak - start <= resident >> 10, (peak, start)


if __name__ == "__main__":
    main(sys.argv[1], *(int(argument) for argument in sys.argv[2:]))
