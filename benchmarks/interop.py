"""What it costs that a variable is not the array itself: calls with `w` against the same with `w.value`.

    python benchmarks/interop.py [--json FILE]

Both are timed alternately in this process, the smallest of many rounds counts. What is added to a call should not
depend on the size of the array, so on large arrays it is nothing. Targets: at most 1 µs for NumPy, 2.5 µs for torch,
0.3 µs for an operator with the variable on the left.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tmplcore

TARGETS = {"left": 0.3, "numpy": 1.0, "torch": 2.5}
SIZES = (8, 128, 512)


def best(call: Callable[[], Any], native: Callable[[], Any], rounds: int = 60) -> tuple[float, float]:
    """Return the smallest time of each, in seconds per call."""
    start = time.perf_counter()
    native()
    once = max(time.perf_counter() - start, 1e-7)
    number = max(1, min(2000, int(2e-3 / once)))
    times = [float("inf"), float("inf")]
    for _ in range(rounds):
        for which, function in enumerate((call, native)):
            start = time.perf_counter()
            for _ in range(number):
                function()
            times[which] = min(times[which], (time.perf_counter() - start) / number)
    return times[0], times[1]


def cases(backend: str, size: int) -> dict[str, tuple[str, Callable[[], Any], Callable[[], Any]]]:
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
            "np.exp(w)": ("numpy", lambda: np.exp(w), lambda: np.exp(v)),
            "np.add(x, w)": ("numpy", lambda: np.add(x, w), lambda: np.add(x, v)),
            "np.sum(w)": ("numpy", lambda: np.sum(w), lambda: np.sum(v)),
            "np.asarray(w)": ("numpy", lambda: np.asarray(w), lambda: np.asarray(v)),
        }
    if backend == "torch":
        import torch
        from torch.nn import functional as F

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
        "w * x": ("left", lambda: (w * x).block_until_ready(), lambda: (v * x).block_until_ready()),
        "x @ w": ("jax", lambda: (x @ w).block_until_ready(), lambda: (x @ v).block_until_ready()),
        "jnp.dot(x, w)": ("jax", lambda: jnp.dot(x, w).block_until_ready(), lambda: jnp.dot(x, v).block_until_ready()),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to a file")
    parser.add_argument("--rounds", type=int, default=60)
    arguments = parser.parse_args()
    rows = []
    print(f"{'backend':8}{'size':>5}  {'call':16}{'native µs':>10}{'added µs':>10}{'ratio':>7}  target")
    for backend in ("numpy", "torch", "jax"):
        if backend != "numpy" and importlib.util.find_spec(backend) is None:
            continue
        for size in SIZES:
            for label, (kind, call, native) in cases(backend, size).items():
                ours, theirs = best(call, native, arguments.rounds if size < 512 else arguments.rounds // 4)
                added, target = (ours - theirs) * 1e6, TARGETS.get(kind)
                verdict = "" if target is None or size >= 128 else f"{target} {'ok' if added <= target else 'MISSED'}"
                print(
                    f"{backend:8}{size:5}  {label:16}{theirs * 1e6:10.2f}{added:10.2f}{ours / theirs:7.2f}  {verdict}"
                )
                rows.append({"backend": backend, "size": size, "call": label, "native": theirs, "ours": ours})
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
