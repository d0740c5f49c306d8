"""What the values of a variable are like, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tmplcore.checkpoint.format import LazyVariable

__all__ = ["describe", "sparkline"]

BINS = 16
_BARS = " ▁▂▃▄▅▆▇█"


def describe(variable: LazyVariable, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
    """Return min, max, mean, std, the numbers of NaN, infinities and zeros, and a histogram of the finite elements.

    Two passes over the blocks: the bins of the second need the range from the first. Complex numbers are described
    by their absolute values, text not at all.
    """
    import numpy as np

    nothing: dict[str, Any] = dict.fromkeys(("min", "max", "mean", "std"))
    counts = {"nan": 0, "inf": 0, "zeros": 0}
    if variable.dtype.hasobject or (variable.dtype.kind in "SUVMm" and variable.dtype.name.startswith("str")):
        return {**nothing, **counts, "histogram": []}
    low, high, count, mean, squares = np.inf, -np.inf, 0, 0.0, 0.0
    for values in _numbers(variable):
        if progress is not None:
            progress(values.size * variable.dtype.itemsize)
        finite = values[np.isfinite(values)]
        counts["nan"] += int(np.isnan(values).sum())
        counts["inf"] += int(np.isinf(values).sum())
        counts["zeros"] += int((values == 0).sum())
        if finite.size:
            low, high = min(low, float(finite.min())), max(high, float(finite.max()))
            # Means and squares of blocks are joined by Chan's rule, which keeps the digits that a plain sum loses.
            part_mean = float(finite.mean())
            part_squares = float(((finite - part_mean) ** 2).sum())
            total = count + finite.size
            delta = part_mean - mean
            squares += part_squares + delta * delta * count * finite.size / total
            mean += delta * finite.size / total
            count = total
    if not count:
        return {**nothing, **counts, "histogram": []}
    histogram = np.zeros(BINS, np.int64)
    for values in _numbers(variable):
        finite = values[np.isfinite(values)]
        histogram += np.histogram(finite, BINS, (low, high))[0] if high > low else 0
    if high == low:
        histogram[BINS // 2] = count
    return {
        "min": low,
        "max": high,
        "mean": mean,
        "std": float(np.sqrt(squares / count)),
        **counts,
        "histogram": histogram.tolist(),
    }


def _numbers(variable: LazyVariable) -> Any:
    """Yield the blocks as double precision."""
    import numpy as np

    for block in variable.blocks():
        flat = block.reshape(-1)
        yield (np.abs(flat) if flat.dtype.kind == "c" else flat).astype(np.float64)


def sparkline(histogram: Sequence[int]) -> str:
    """Draw a histogram in one line; what is there at all is at least a low bar.

    Example:
        >>> sparkline([0, 1, 4, 8])
        ' ▁▄█'
    """
    top = max(histogram, default=0)
    return "".join(_BARS[0 if not n else max(1, round(n / top * (len(_BARS) - 1)))] for n in histogram)
