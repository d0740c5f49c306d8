"""The matched variables of a restore report: kept as columns, described one by one when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final, final, overload

import numpy as np

from tmplcore.checkpoint.reports import RestoreEntry

__all__ = ["EXACT", "Matches", "dtype_text"]

EXACT: Final = "same name, shape and dtype"


@final
class Matches(Sequence[RestoreEntry]):
    """The matched variables of a report; most of them, as a rule, match exactly.

    Args:
        names: Their names in the target.
        shapes: Their shapes.
        dtypes: Their dtypes.
        changed: The entries of those that do not match exactly, by position.

    Example:
        >>> matches = Matches(["w"], [(2, 3)], [np.dtype("float32")])
        >>> matches[0].dtype, matches[0].reason
        ('float32', 'same name, shape and dtype')
    """

    __slots__ = ("_changed", "_columns")

    def __init__(
        self,
        names: Sequence[str],
        shapes: Sequence[tuple[int, ...]],
        dtypes: Sequence[np.dtype[Any]],
        changed: Mapping[int, RestoreEntry] | None = None,
    ) -> None:
        self._columns = (names, shapes, dtypes)
        self._changed = dict(changed or {})

    def __len__(self) -> int:
        return len(self._columns[0])

    @overload
    def __getitem__(self, index: int) -> RestoreEntry: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[RestoreEntry, ...]: ...
    def __getitem__(self, index: int | slice) -> RestoreEntry | tuple[RestoreEntry, ...]:
        """Return an entry, or a tuple of them."""
        rows = range(len(self))[index]
        return self._entry(rows) if isinstance(rows, int) else tuple(map(self._entry, rows))

    def __iter__(self) -> Iterator[RestoreEntry]:
        return map(self._entry, range(len(self)))

    def _entry(self, row: int) -> RestoreEntry:
        if row in self._changed:
            return self._changed[row]
        names, shapes, dtypes = self._columns
        name, shape, dtype = names[row], shapes[row], dtype_text(dtypes[row])
        return RestoreEntry(name, name, shape, dtype, shape, dtype, None, "restore", EXACT)

    def changed(self) -> tuple[RestoreEntry, ...]:
        """Return the entries that were renamed or cast."""
        return tuple(self._changed.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))


@cache
def dtype_text(dtype: np.dtype[Any]) -> str:
    """Return how a dtype is called in reports; text is `string`."""
    return "string" if dtype.hasobject else str(dtype)
