"""What it costs that a variable is not the array itself: calls with `w` against the same with `w.value`.

    python benchmarks/interop.py [--json FILE] [--rounds N]

What is added to a call is measured on arrays of 8 by 8, where it shows: the processor's time of both, alternately in
this process, and of the least disturbed quarter of the rounds the median difference. Targets: at most 1 µs for NumPy,
2.5 µs for torch, 0.3 µs for an operator with the variable on the left. It does not depend on the size of the arrays, so
it is set in relation to the same call on larger ones; the column at 128² has it measured there as well. A share with a
dot is below the scatter of the native call itself (half of all rounds differ by more): nobody can see it there.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tmplcore

TARGETS = {"left": 0.3, "numpy": 1.0, "torch": 2.5}
SIZES = (128, 512, 1024)

Call = Callable[[], Any]


def rounds_of(calls: list[Call], clock: Callable[[], float], rounds: int) -> list[list[float]]:
    """Return the times of each call, in seconds, one for each round; the calls take turns."""
    once = []
    for call in calls:
        for _ in range(3):  # the first calls warm up
            start = time.perf_counter()
            call()
        once.append(time.perf_counter() - start)
    number = max(1, min(300, int(2e-4 / max(*once, 1e-7))))
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for some, call in zip(times, calls, strict=True):
            start = clock()
            for _ in range(number):
                call()
            some.append((clock() - start) / number)
    return times


def compared(call: Call, native: Call, clock: Callable[[], float], rounds: int) -> tuple[float, float]:
    """Return the time of the native call and what the other adds to it, in seconds."""
    pairs = sorted(zip(*rounds_of([call, native], clock, rounds), strict=True), key=sum)
    best = pairs[: max(rounds // 4, 1)]
    return statistics.median(theirs for _, theirs in best), statistics.median(ours - theirs for ours, theirs in best)


def cases(backend: str, size: int) -> dict[str, tuple[str, Call, Call]]:
    """Return label → kind, the call with the variable, the call with its value."""
    with tmplcore.VariableStore(backend).as_default():
        w = tmplcore.get_variable("w", [size, size])
    v = w.value
    if backend == "numpy":
        x = np.ones((size, size), np.float32)
        return {
            "w * x": ("left", lambda: w * x, lambda: v * x),
            "w @ x": ("left", lambda: w @ x, lambda: v @ x),
            "w < 0": ("left", lambda: w < 0, lambda: v < 0),
            "w[0]": ("left", lambda: w[0], lambda: v[0]),
            "x * w": ("numpy", lambda: x * w, lambda: x * v),
            "x @ w": ("numpy", lambda: x @ w, lambda: x @ v),
            "np.add(x, w)": ("numpy", lambda: np.add(x, w), lambda: np.add(x, v)),
            "np.exp(w)": ("numpy", lambda: np.exp(w), lambda: np.exp(v)),
            "np.sum(w)": ("numpy", lambda: np.sum(w), lambda: np.sum(v)),
            "np.asarray(w)": ("numpy", lambda: np.asarray(w), lambda: np.asarray(v)),
        }
    if backend == "torch":
        import torch
        from torch.nn import functional as F

        torch.set_num_threads(1)  # the clock is this thread's
        x = torch.ones(size, size)
        return {
            "w * x": ("left", lambda: w * x, lambda: v * x),
            "w @ x": ("left", lambda: w @ x, lambda: v @ x),
            "x * w": ("torch", lambda: x * w, lambda: x * v),
            "x @ w": ("torch", lambda: x @ w, lambda: x @ v),
            "torch.exp(w)": ("torch", lambda: torch.exp(w), lambda: torch.exp(v)),
            "F.linear(x, w)": ("torch", lambda: F.linear(x, w), lambda: F.linear(x, v)),
        }
    import jax.numpy as jnp

    x = jnp.ones((size, size))
    return {
        "w * x": ("jax", lambda: (w * x).block_until_ready(), lambda: (v * x).block_until_ready()),
        "x @ w": ("jax", lambda: (x @ w).block_until_ready(), lambda: (x @ v).block_until_ready()),
        "jnp.dot(x, w)": ("jax", lambda: jnp.dot(x, w).block_until_ready(), lambda: jnp.dot(x, v).block_until_ready()),
    }


def floors() -> dict[str, float]:
    """Return what it costs, in seconds, when NumPy or torch calls a Python method that does nothing instead."""

    class Nothing:
        def __array_ufunc__(self, *arguments: Any) -> None:
            return None

        @classmethod
        def __torch_function__(cls, *arguments: Any) -> None:
            return None

    nothing, x = Nothing(), np.ones((8, 8), np.float32)
    calls: dict[str, Call] = {"numpy": lambda: np.add(x, nothing)}
    if importlib.util.find_spec("torch") is not None:
        import torch

        tensor = torch.ones(8, 8)
        calls["torch"] = lambda: torch.mul(tensor, nothing)
    times = rounds_of([*calls.values(), lambda: None], time.thread_time, 200)
    return {name: min(some) - min(times[-1]) for name, some in zip(calls, times, strict=False)}


def measured(backend: str, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each call of a backend."""
    # JAX computes in threads of its own, where this one's clock does not run.
    clock = time.perf_counter if backend == "jax" else time.thread_time
    rows = []
    for label, (kind, call, native) in cases(backend, 8).items():
        theirs, added = compared(call, native, clock, rounds)
        rows.append({"backend": backend, "call": label, "kind": kind, "native": theirs, "added": added})
    for size in SIZES:
        for row, (_, call, native) in zip(rows, cases(backend, size).values(), strict=True):
            if size == SIZES[0]:
                _, row["added_at_128"] = compared(call, native, clock, rounds)
            (times,) = rounds_of([native], time.perf_counter, max(rounds // 4, 8))
            lower, _, upper = statistics.quantiles(times)
            row[f"share_at_{size}"] = row["added"] / min(times)
            row[f"scatter_at_{size}"] = (upper - lower) / min(times)
    return rows


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    parser.add_argument("--rounds", type=int, default=400, help="more of them on a busy machine")
    arguments = parser.parse_args()
    for name, floor in floors().items():
        print(f"{name} calls a Python method that does nothing: {floor * 1e6:.2f} µs")
    sizes = "".join(f"{f'of {size}²':>10}" for size in SIZES)
    print(f"{'backend':8}{'call':16}{'native µs':>10}{'added µs':>10}{'at 128²':>9}{sizes}  target")
    rows = []
    for backend in ("numpy", "torch", "jax"):
        if backend != "numpy" and importlib.util.find_spec(backend) is None:
            continue
        for row in measured(backend, arguments.rounds):
            added, target = row["added"] * 1e6, TARGETS.get(row["kind"])
            shares = ""
            for size in SIZES:
                share = max(row[f"share_at_{size}"], 0.0)
                shares += f"{share:9.1%}{'·' if share < row[f'scatter_at_{size}'] else ' '}"
            verdict = "" if target is None else f"{target} {'ok' if added <= target else 'MISSED'}"
            print(
                f"{backend:8}{row['call']:16}{row['native'] * 1e6:10.2f}{added:10.2f}"
                f"{row['added_at_128'] * 1e6:9.2f}{shares}  {verdict}"
            )
            rows.append(row)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
