"""How two checkpoints differ: by their hashes where these can tell, else (or on request) by their values."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import final

import numpy as np

from tmplcore.checkpoint.files import check_used, opened
from tmplcore.checkpoint.format import LazyVariable, Reader
from tmplcore.checkpoint.hashing import digest_of
from tmplcore.checkpoint.matches import dtype_text
from tmplcore.checkpoint.numeric import Tally
from tmplcore.checkpoint.patterns import Selection
from tmplcore.checkpoint.planning import Rules
from tmplcore.checkpoint.rename import RenameRules
from tmplcore.checkpoint.reports import Change, DiffReport, Reshaped, VariableInfo
from tmplcore.checkpoint.sharded import pieces

__all__ = ["diff"]

# Values of two files are compared this many elements at a time; the arithmetic in float64 takes several times as much.
_BLOCK_BYTES = 4 << 20


def diff(
    first: str | os.PathLike[str] | Reader,
    second: str | os.PathLike[str] | Reader,
    *,
    values: bool = False,
    tolerance: float = 0.0,
    relative: float = 0.0,
    rename: Rules = None,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    progress: Callable[[int], None] | None = None,
) -> DiffReport:
    """Compare two checkpoints, of any two formats.

    Nothing is read of variables for which both files keep a hash of one kind, except to measure how much those differ
    whose hashes do; `verify` tells whether a file still is what its hashes say. Two values are the same if their bits
    are; with a tolerance, if every element differs by at most
    `tolerance + relative * |first|` (NaN is NaN's equal), and dtypes may differ.

    Args:
        first: The checkpoint to compare from.
        second: The checkpoint to compare with.
        values: Measure how much each changed variable differs.
        tolerance: Absolute difference that counts as none.
        relative: Relative difference that counts as none.
        rename: Rules from names in the first to names in the second.
        include: Patterns of the names to compare, in either; all by default.
        exclude: Patterns of the names to leave out.
        progress: Called with the number of bytes compared since the last call.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from tmplcore import checkpoint
        >>> here = Path(tempfile.mkdtemp())
        >>> checkpoint.save(here / "a.h5", {"w": np.array([1.0, 2.0]), "b": np.zeros(1)})
        >>> checkpoint.save(here / "b.h5", {"w": np.array([1.0, 2.5]), "c": np.zeros(1)})
        >>> report = checkpoint.diff(here / "a.h5", here / "b.h5", values=True)
        >>> report.same, report.added[0].name, report.removed[0].name
        (False, 'c', 'b')
        >>> report.changed[0].max_abs, report.changed[0].max_rel, report.changed[0].share
        (0.5, 0.25, 0.5)
    """
    with ExitStack() as stack:
        a, b = (stack.enter_context(opened(path)) for path in (first, second))
        chosen, rules = Selection(include, exclude), RenameRules(rename)
        names = rules.apply(a, chosen)
        check_used(chosen, [*a, *names, *b])
        comparison = _Comparison(values, tolerance, relative, progress)
        firsts, seconds = dict(a.items()), dict(b.items())
        added = [_info(variable) for name, variable in seconds.items() if name not in names and chosen(name)]
        removed = []
        for name, (old, _) in names.items():
            if not chosen(name, old):
                continue
            if name not in seconds:
                removed.append(_info(firsts[old]))
            else:
                comparison.add(name, firsts[old], seconds[name])
        return comparison.report(added, removed)


@final
class _Comparison:
    def __init__(self, values: bool, tolerance: float, relative: float, progress: Callable[[int], None] | None) -> None:
        self.values = values
        self.tolerance, self.relative = tolerance, relative
        self.tolerant = tolerance > 0 or relative > 0
        self.progress = progress
        self.read = False
        self.reshaped: list[Reshaped] = []
        self.changed: list[Change] = []
        self.unchanged: list[str] = []
        self.within: list[str] = []

    def add(self, name: str, a: LazyVariable, b: LazyVariable) -> None:
        """Compare two variables."""
        if a.shape != b.shape:
            dtypes = (dtype_text(a.dtype), dtype_text(b.dtype))
            self.reshaped.append(Reshaped(name, (a.shape, b.shape), dtypes, a.name))
            return
        same = a.dtype == b.dtype and self._equal_hashes(a, b)
        if same or (same is None and a.dtype == b.dtype and self._equal_bytes(a, b)):
            self.unchanged.append(name)
            if same:
                self._tell(a.nbytes)
            return
        dtypes = (dtype_text(a.dtype), dtype_text(b.dtype))
        change = Change(name, a.name, b.shape, dtypes, math.prod(a.shape))
        if not (self.values or self.tolerant):
            self.changed.append(change)
            return
        tally = self._measure(a, b)
        if self.tolerant and tally.changed == 0:
            self.unchanged.append(name)
            self.within.append(name)
        else:
            self.changed.append(tally.filled(change))

    def report(self, added: list[VariableInfo], removed: list[VariableInfo]) -> DiffReport:
        """Put the result together."""
        return DiffReport(
            added=tuple(added),
            removed=tuple(removed),
            reshaped=tuple(self.reshaped),
            changed=tuple(self.changed),
            unchanged=tuple(self.unchanged),
            within_tolerance=tuple(self.within),
            compared_by="values" if self.read else "digests",
        )

    def _equal_hashes(self, a: LazyVariable, b: LazyVariable) -> bool | None:
        """Tell by hashes; None if they cannot tell."""
        x, y = a.digest, b.digest
        if x is None or y is None:
            return None
        if x == y:
            return True
        return False if x.partition(":")[0] == y.partition(":")[0] else None

    def _equal_bytes(self, a: LazyVariable, b: LazyVariable) -> bool:
        self.read = True
        if a.dtype.hasobject:
            return bool(np.array_equal(a[...], b[...]))
        for known, other in ((a, b), (b, a)):  # one hash is enough to read the other file only
            if known.digest is not None:
                digest = digest_of(self._told(other), known.digest.partition(":")[0])
                if digest is not None:
                    return digest == known.digest
        return all(x.tobytes() == y.tobytes() for x, y in self._pairs(a, b))

    def _measure(self, a: LazyVariable, b: LazyVariable) -> Tally:
        self.read = True
        tally = Tally(a.dtype, b.dtype, self.tolerance, self.relative)
        for x, y in self._pairs(a, b):
            tally.add(x, y)
        return tally

    def _pairs(self, a: LazyVariable, b: LazyVariable) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the same part of both, piece by piece; formats may cut their own blocks each in its way."""
        if a.dtype.hasobject or b.dtype.hasobject:
            yield a[...], b[...]
            self._tell(a.nbytes)
            return
        for index in pieces(a.shape, max(a.dtype.itemsize, b.dtype.itemsize), _BLOCK_BYTES):
            x = a[index]
            yield x, b[index]
            self._tell(x.nbytes)

    def _told(self, variable: LazyVariable) -> Iterator[np.ndarray]:
        for block in variable.blocks():
            yield block
            self._tell(block.nbytes)

    def _tell(self, nbytes: int) -> None:
        if self.progress is not None:
            self.progress(nbytes)


def _info(variable: LazyVariable) -> VariableInfo:
    return VariableInfo(variable.name, variable.shape, dtype_text(variable.dtype))
