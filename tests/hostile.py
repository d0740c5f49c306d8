"""Open files as an attacker makes them, and see that whoever opens them gets an error at the worst.

`python -m tests.hostile FACTORY FILE MUTATOR ROUNDS SEED` opens and reads changed copies of a file (without a mutator
the file itself), in a process of its own because the finding may be its death. It prints one JSON object: what went
wrong, and the most that one file took, the processes that it started included.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SECONDS, MEGABYTES = 2.0, 100.0
_PYTHON_MEGABYTES = 45  # of a process that has imported NumPy and h5py

Mutator = Callable[[bytes, random.Random], bytes]


def random_bytes(data: bytes, rng: random.Random) -> bytes:
    """Change a few places: bytes, pointers, a piece copied from elsewhere. Most files are zeros; those stay."""
    used = [at for at, byte in enumerate(data) if byte]
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.choice(used) + rng.choice((0, 0, 0, 1, 2, 7))
        if at + 8 > len(data):
            continue
        kind = rng.random()
        if kind < 0.5:
            changed[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256), data[at] ^ 1 << rng.randrange(8)))
        elif kind < 0.8:
            struct.pack_into("<Q", changed, at, rng.choice((rng.choice(used) & ~7, 0, 2**64 - 1, 1 << 40, 1 << 60)))
        else:
            source, size = rng.choice(used), rng.choice((2, 4, 8, 16))
            changed[at : at + size] = changed[source : source + size]
            del changed[len(data) :]
    return bytes(changed)


def same(data: bytes, rng: random.Random) -> bytes:
    """Change nothing."""
    return data


def endures(
    factory: str,
    base: Path,
    mutator: str,
    *,
    rounds: int,
    seed: int = 0,
    timeout: float = 240.0,
    opened: bool = True,
) -> None:
    """Assert that every changed copy is opened and read, or refused, within the limits.

    Args:
        opened: Whether some have to be opened, so that the changes are known to go deep.
    """
    command = [sys.executable, "-m", "tests.hostile", factory, str(base), mutator, str(rounds), str(seed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=ROOT, check=False)
    assert done.returncode == 0, f"it died of {done.returncode} in round {done.stdout.split()[-1:]}\n{done.stderr}"
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["errors"] == []
    assert found["megabytes"] < MEGABYTES
    assert found["seconds"] < 3 * SECONDS  # the machine may be busy; by itself each takes a fraction of a second
    assert found["opened"] > 0 or not opened


def refused(factory: str, path: Path, kind: str, *words: str) -> None:
    """Assert that a file is refused with an error of a class, and the reason, within the limits."""
    command = [sys.executable, "-m", "tests.hostile", factory, str(path)]
    for _ in range(3):  # even CPU time is longer while the machine is busy, but not each time
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT, check=False)
        assert done.returncode == 0, f"it died of {done.returncode}\n{done.stderr}"
        found = json.loads(done.stdout.splitlines()[-1])
        if found["seconds"] < SECONDS:
            break
    assert found["refused"], f"it was read: {found}"
    name, message = found["refused"]
    assert name == kind, found
    assert all(word in message for word in words), message
    assert found["megabytes"] < MEGABYTES
    assert found["seconds"] < SECONDS


def main(factory: str, base: str, mutator: str = "", rounds: str = "1", seed: str = "0") -> None:
    """Run the rounds, or open one file."""
    from tmplcore.descriptors import load

    warnings.simplefilter("ignore")
    form = load(factory)()
    if not mutator:
        before, start = _peak(), time.process_time()
        error = _use(form, Path(base))
        seconds = time.process_time() - start
        own = _peak() - before
        children = _children()
        print(
            json.dumps(
                {
                    "refused": error and [type(error).__name__, f"{error} {error.hint}"],
                    "seconds": seconds + children[0],
                    "megabytes": max(own, children[1] - _PYTHON_MEGABYTES),
                }
            )
        )
        return
    module, _, name = mutator.partition(":")
    change: Mutator = getattr(importlib.import_module(module), name)
    data, rng = Path(base).read_bytes(), random.Random(int(seed))
    errors: list[str] = []
    slowest, opened = 0.0, 0
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / Path(base).name
        if mutator != "tests.hostile:same":
            path.write_bytes(data)
            _use(form, path)
        before = _peak()
        for number in range(int(rounds)):
            print(number, flush=True)
            path.write_bytes(change(data, rng))
            start = time.process_time()
            try:
                opened += _use(form, path) is None
            except BaseException as error:
                errors.append(f"round {number}: {type(error).__name__}: {error}"[:400])
            slowest = max(slowest, time.process_time() - start)
            if _peak() - before > MEGABYTES:
                errors.append(f"round {number}: it took {_peak() - before:.0f} MB")
                shutil.copy(path, base + ".large")
                break
    print(json.dumps({"errors": errors, "seconds": slowest, "megabytes": _peak() - before, "opened": opened}))


def _use(form: Any, path: Path) -> Any:
    """Open a file, read all that is small, verify it; return the error if it is refused."""
    from tmplcore.errors import CheckpointError

    try:
        with form.open(path) as reader:
            for name in list(reader)[:100]:
                variable = reader[name]
                if variable.nbytes < 1 << 20:
                    with contextlib.suppress(CheckpointError):
                        variable[...]
            list(reader.verify())
            assert reader.meta is not None
    except CheckpointError as error:
        return error
    return None


def _children() -> tuple[float, float]:
    """Return the seconds and the megabytes of the processes that were started, after they have ended."""
    import gc
    import resource

    examiner = sys.modules.get("tmpl_hdf5.generic.examiner")
    if examiner is not None:
        examiner._EXAMINER.close()
    gc.collect()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def _peak() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main(*sys.argv[1:])
