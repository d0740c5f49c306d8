"""Checkpoint files side by side: ours, raw writes and reads, and every peer that is installed.

    python benchmarks/checkpoints.py --workload c --rounds 5 --peers raw ours safetensors npz

Each round runs every peer once, in a process of its own, one after the other, so that all see the same machine; a
cell is the median over the rounds, and ratios are of medians of the same run. Values change between saves. `durable`
includes fsync; `cold` reads after the page cache was told to forget the file. The reference for reads is one `preadv`
of the payload into fresh memory. A list takes so little that it is the median of nine calls; `list_once` is one call
just after other work, when the processor's caches are full of something else. Peak memory is what the process grew by
over having the variables (`VmHWM`). `cpu` is the processor's time of the repeated save, in all threads. `store` is what
a user calls: `CheckpointManager.save` of a `VariableStore`; `ours` is the format alone, given a dictionary of arrays.
`floor` does by hand what Python must do that takes nothing on trust: it looks at each array once, hashes it, and writes
as many bytes as `ours`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from checkpoint_peers import PEERS, Floor, Ours, workload

# Row of the table → (measure of ours, peer and measure to divide by, limit per workload). Limits are the goals set
# for the format before it was written.
TARGETS: dict[str, tuple[str, str, str, dict[str, float]]] = {
    "repeated save ÷ raw pwrite": ("repeat", "raw", "repeat", {"a": 1.0, "b": 1.0, "c": 2.5, "d": 1.6}),
    "repeated save ÷ floor": ("repeat", "floor", "repeat", {}),
    "durable save ÷ raw + fsync": ("durable", "raw", "durable", {"a": 0.8, "b": 0.8, "c": 2.0, "d": 1.5}),
    "first save ÷ raw pwrite": ("first", "raw", "repeat", {"a": 1.2, "b": 1.4, "c": 20, "d": 10}),
    "first save ÷ safetensors": ("first", "safetensors", "first", {"a": 1.0, "b": 1.0, "c": 0.5, "d": 0.5}),
    "repeated save ÷ safetensors": ("repeat", "safetensors", "repeat", {"a": 1.0, "b": 1.0, "c": 0.1, "d": 0.2}),
    "durable save ÷ safetensors": ("durable", "safetensors", "durable", {"a": 1.0, "b": 1.0, "c": 0.1, "d": 0.2}),
    "restore into arrays ÷ raw preadv": ("into", "raw", "load", {"a": 0.8, "b": 0.9, "c": 3, "d": 1.2}),
    "restore into arrays ÷ floor": ("into", "floor", "into", {}),
    "the same, cold": ("into_cold", "raw", "load_cold", {}),
    "verified restore ÷ safetensors": ("verified", "safetensors", "load", {"a": 1.0, "b": 1.0, "c": 0.25, "d": 0.4}),
    "list ÷ safetensors": ("list", "safetensors", "list", {"a": 1.0, "b": 0.5, "c": 0.2, "d": 0.2}),
    "the same, once, after other work": ("list_once", "safetensors", "list_once", {}),
}
# The same, in absolute terms: mapped restore in ms, extra memory in MiB.
LIMITS: dict[str, dict[str, float]] = {
    "mapped": {"a": 2, "b": 2, "c": 50, "d": 5},
    "save_mib": dict.fromkeys("abcd", 64),
    "into_mib": dict.fromkeys("abcd", 16),
}


def peak() -> int:
    with contextlib.suppress(OSError), Path("/proc/self/status").open() as file:
        for line in file:
            if line.startswith("VmHWM"):
                return int(line.split()[1])
    return 0


@contextlib.contextmanager
def measured(out: dict[str, float], name: str) -> Iterator[None]:
    with contextlib.suppress(OSError), Path("/proc/self/clear_refs").open("w") as file:
        file.write("5")
    before = peak()
    start, cpu = time.perf_counter(), time.process_time()
    yield
    out[name] = (time.perf_counter() - start) * 1e3
    out[f"{name}_cpu"] = (time.process_time() - cpu) * 1e3
    out[f"{name}_mib"] = (peak() - before) / 1024


def median_ms(call: Callable[[], object]) -> float:
    """The median of nine calls one after the other, of fewer if they take long."""
    times: list[float] = []
    while not times or (len(times) < 9 and sum(times) < 1000):
        start = time.perf_counter()
        call()
        times.append((time.perf_counter() - start) * 1e3)
    return statistics.median(times)


def forget(path: Path) -> None:
    if not hasattr(os, "posix_fadvise"):
        return
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        fd = os.open(file, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)


def child(name: str, kind: str, directory: Path) -> dict[str, float]:
    try:
        peer = PEERS[name]()
    except ImportError as error:
        return {"missing": 1.0, str(error): 0.0}
    arrays = workload(kind)
    out: dict[str, float] = {}
    path = peer.path(directory)

    def clean() -> None:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        peer.path(directory)

    # What the first save of any process pays (imports, thread stacks) is not a property of the structure.
    peer.save(path, peer.prepare({"x": np.ones(3, np.float32)}), False)
    clean()
    given = peer.prepare(arrays)
    with measured(out, "first"):
        peer.save(path, given, False)
    clean()
    for value in list(arrays.values())[:100]:
        value += 1
    with measured(out, "repeat"):
        peer.save(path, given, False)
    out["save_mib"] = max(out["first_mib"], out["repeat_mib"])
    clean()
    with measured(out, "durable"):
        peer.save(path, given, True)
    out["bytes"] = sum(p.stat().st_size for p in ([path] if path.is_file() else path.rglob("*")) if p.is_file())
    if hasattr(peer, "list"):
        peer.list(path)
        with measured(out, "list_once"):
            peer.list(path)
        out["list"] = median_ms(lambda: peer.list(path))
    if isinstance(peer, Floor):
        with measured(out, "into"):
            peer.into(path, arrays)
    if isinstance(peer, Ours):
        for work in ("into", "verified"):
            with measured(out, work):
                getattr(peer, work)(path, arrays)
        with measured(out, "mapped"):
            kept = peer.mapped(path)
        del kept
        forget(path)
        with measured(out, "into_cold"):
            peer.into(path, arrays)
    if not hasattr(peer, "load"):
        return out
    with measured(out, "load"):
        kept = peer.load(path)
    del kept
    forget(path)
    with measured(out, "load_cold"):
        peer.load(path)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", nargs="+", choices=list("abcd"), default=list("abcd"))
    parser.add_argument("--peers", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=None, help="where to write (default: a temporary one)")
    parser.add_argument("--slow", action="store_true", help="the peers that take minutes on many variables, too")
    parser.add_argument(
        "--best", action="store_true", help="the best round of each, not the median: for a busy machine"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        json.dump(child(options.child, options.workload[0], options.directory), sys.stdout)
        return
    for kind in options.workload:
        report(kind, run(kind, options))


def run(kind: str, options: argparse.Namespace) -> dict[str, dict[str, float]]:
    results: dict[str, list[dict[str, float]]] = {}
    peers = list(options.peers)
    for _ in range(options.rounds):
        for name in list(peers):
            if kind in "cd" and not options.slow and not getattr(PEERS[name], "cheap", True):
                continue
            with tempfile.TemporaryDirectory(dir=options.directory) as directory:
                command = [sys.executable, __file__, "--child", name, "--workload", kind, "--directory", directory]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode or '"missing"' in done.stdout:
                print(f"{name}: left out ({(done.stdout or done.stderr).strip().splitlines()[-1][:150]})")
                peers.remove(name)
                continue
            results.setdefault(name, []).append(json.loads(done.stdout))
    choose = min if options.best else statistics.median
    return {name: {key: choose([one[key] for one in rounds]) for key in rounds[0]} for name, rounds in results.items()}


def report(kind: str, results: dict[str, dict[str, float]]) -> None:
    arrays = workload(kind)
    size = sum(value.nbytes for value in arrays.values())
    columns = ("first", "repeat", "repeat_cpu", "durable", "list", "load", "load_cold", "save_mib", "load_mib")
    print(f"\n({kind}) {len(arrays)} variables, {size / 1e6:.0f} MB; ms, MiB\n")
    print(f"{'':14}" + "".join(f"{column:>11}" for column in columns) + f"{'file/data':>11}")
    for name, cells in results.items():
        line = "".join(f"{cells[column]:11.1f}" if column in cells else f"{'-':>11}" for column in columns)
        print(f"{name:14}{line}{cells['bytes'] / size:11.2f}")
    for who in ("ours", "store"):
        if who not in results:
            continue
        print(f"\n{who}:")
        for row, (measure, peer, other, limits) in TARGETS.items():
            if measure in results[who] and other in results.get(peer, ()):
                verdict(row, results[who][measure] / results[peer][other], limits.get(kind), "")
    if (ours := results.get("ours")) is None:
        return
    for measure, limits in LIMITS.items():
        verdict(
            {"mapped": "mapped restore", "save_mib": "extra memory, save"}.get(measure, "extra memory, restore"),
            ours[measure],
            limits[kind],
            " ms" if measure == "mapped" else " MiB",
        )


def verdict(row: str, value: float, limit: float | None, unit: str) -> None:
    mark = "" if limit is None else f"  target ≤ {limit:g}{unit}  {'pass' if value <= limit else 'FAIL'}"
    print(f"{row:36}{value:9.2f}{unit}{mark}")


if __name__ == "__main__":
    main()
