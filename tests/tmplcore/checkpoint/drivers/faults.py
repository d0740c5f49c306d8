"""Save on a disk that fails at one call after the other, or takes a few bytes at a time.

    LD_PRELOAD=faults.so python faults.py DIRECTORY faults.so

Ends with 0 if every failure was a clear error, the steps before it were intact, and nothing was left behind.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
import warnings
from pathlib import Path

import numpy as np

from tmplcore import checkpoint
from tmplcore.checkpoint import CheckpointManager
from tmplcore.errors import CheckpointError


def values(step: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(step)
    small = {f"s{i}/v": rng.standard_normal(int(rng.integers(0, 40))) for i in range(50)}
    # Large enough for whatever a format does with large arrays.
    return {**small, "large": rng.standard_normal((3 << 20) // 8), "step": np.array(step)}


def same(directory: Path, steps: list[int]) -> str:
    manager = CheckpointManager(directory)
    if [info.step for info in manager.list()] != steps:
        return f"there are {[(i.step, i.state) for i in manager.list()]}, not {steps}"
    for step in steps:
        arrays = checkpoint.load(manager.path(step))
        for name, value in values(step).items():
            if not np.array_equal(arrays[name], value):
                return f"step {step}: {name} differs"
    debris = [p.name for p in directory.iterdir() if p.name.startswith(".")]
    return f"left behind: {debris}" if debris else ""


def main(directory: Path, library: str) -> int:
    warnings.simplefilter("error")
    faults = ctypes.CDLL(library)
    prefix = str(directory).encode()
    manager = CheckpointManager(directory)
    manager.save(0, values(0))
    steps = [0]
    for durable in (True, False):
        manager = CheckpointManager(directory, durable=durable)
        for code in (errno.EIO, errno.ENOSPC):
            number = 0
            while True:
                number += 1
                step = steps[-1] + 1
                faults.faults_set(prefix, number, code, 0)
                try:
                    manager.save(step, values(step))
                except CheckpointError as error:
                    faults.faults_set(b"", 0, 0, 0)
                    if os.strerror(code) not in str(error):
                        print(f"call {number}: the error does not say why: {error}")
                        return 1
                    # The last calls flush the directory: by then the file is in its place, whole, and may stay.
                    if manager.path(step).exists():
                        if checkpoint.verify(manager.path(step)).ok:
                            manager.rm(step)
                        else:
                            print(f"call {number}: a damaged file is in place")
                            return 1
                    if problem := same(directory, steps):
                        print(f"call {number}, {os.strerror(code)}: {problem}")
                        return 1
                else:
                    calls = faults.faults_calls()
                    faults.faults_set(b"", 0, 0, 0)
                    if calls >= number:
                        print(f"call {number} failed and save did not notice")
                        return 1
                    steps.append(step)
                    print(f"durable={durable} {errno.errorcode[code]}: {number - 1} calls, each failed once")
                    break
        for most in (1, 7, 4096, 100_000):
            step = steps[-1] + 1
            size = values(step) if most > 1000 else {"w": np.arange(2000.0), "step": np.array(step)}
            faults.faults_set(prefix, 0, 0, most)
            checkpoint.save(directory / f"short-{most}.h5", size, durable=durable)
            faults.faults_set(b"", 0, 0, 0)
            loaded = checkpoint.load(directory / f"short-{most}.h5")
            if not all(np.array_equal(loaded[name], size[name]) for name in size):
                print(f"writes of {most} bytes: the file is wrong")
                return 1
            (directory / f"short-{most}.h5").unlink()
        if problem := same(directory, steps):
            print(problem)
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), sys.argv[2]))
