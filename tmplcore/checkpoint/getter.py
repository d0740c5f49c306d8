"""A custom getter by which variables begin with the values of a checkpoint, as they are created."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, final

import numpy as np

from tmplcore.checkpoint.casting import can_cast
from tmplcore.checkpoint.files import check_used, open_checkpoint
from tmplcore.checkpoint.format import LazyVariable, Reader
from tmplcore.checkpoint.passed_on import PassedOn
from tmplcore.checkpoint.patterns import Selection
from tmplcore.checkpoint.planning import MISMATCH, MISSING, Policy, Rules
from tmplcore.checkpoint.rename import RenameRules
from tmplcore.checkpoint.reports import RestoreEntry, RestoreReport
from tmplcore.checkpoint.warning import warn
from tmplcore.dtypes import as_dtype
from tmplcore.errors import RestoreError
from tmplcore.initial import as_constant, is_constant
from tmplcore.shapes import as_shape
from tmplcore.store import get_default_store

__all__ = ["Restoring", "restoring"]


def restoring(
    path: str | os.PathLike[str] | Reader,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    rename: Rules = None,
    missing: str | Mapping[str, str] = "error",
    mismatch: str | Mapping[str, str] = "error",
    cast: bool = False,
    verify: bool = True,
) -> Restoring:
    """Return a custom getter that starts every new variable from a checkpoint.

    Pass it as `custom_getter=` of a scope or a template. A variable that exists already is left alone: it is shared,
    not created. Initializers do not run, so nothing is computed in vain, and a partitioned variable reads its shards
    each by itself. Afterwards `report()` tells what came from where, and what of the checkpoint nobody asked for.

    Args:
        path: The checkpoint, or one that is open.
        include: Patterns of the names to start from the checkpoint; the others start as they would without it.
        exclude: Patterns of the names not to.
        rename: Rules from names in the checkpoint to names of variables.
        missing: What to do about a variable that the checkpoint lacks: `error`, or (`warn`, `init`, `skip`) let its
            initializer run; or a mapping of patterns to these.
        mismatch: The same for another shape or dtype.
        cast: Convert dtypes of one kind.
        verify: Check the content hash of every value that is read whole.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from tmplcore import VariableStore, checkpoint, get_variable, variable_scope
        >>> path = Path(tempfile.mkdtemp()) / "old.h5"
        >>> checkpoint.save(path, {"old/w": np.arange(3, dtype="float32"), "old/unused": np.zeros(1)})
        >>> getter = checkpoint.restoring(path, rename="old/=new/")
        >>> with VariableStore().as_default(), variable_scope("new", custom_getter=getter):
        ...     print(get_variable("w", [3]).numpy())
        [0. 1. 2.]
        >>> [entry.source for entry in getter.report().unexpected]
        ['old/unused']
    """
    return Restoring(
        path,
        selection=Selection(include, exclude),
        rules=RenameRules(rename),
        missing=Policy("missing", missing, MISSING),
        mismatch=Policy("mismatch", mismatch, MISMATCH),
        cast=cast,
        verify=verify,
    )


@final
class Restoring:
    """The getter that `restoring` makes; a context manager that closes the checkpoint."""

    def __init__(
        self,
        path: str | os.PathLike[str] | Reader,
        *,
        selection: Selection,
        rules: RenameRules,
        missing: Policy,
        mismatch: Policy,
        cast: bool,
        verify: bool,
    ) -> None:
        self._reader = path if isinstance(path, Reader) else open_checkpoint(path)
        self._owned = not isinstance(path, Reader)
        self._selection = selection
        self._rules = rules
        self._sources = rules.apply(self._reader, selection)
        check_used(selection, [*self._reader, *self._sources])
        self._missing, self._mismatch = missing, mismatch
        self._cast, self._verify = cast, verify
        self._entries: dict[str, tuple[str, RestoreEntry]] = {}

    def __call__(self, next_getter: Callable[..., Any], name: str, **kwargs: Any) -> Any:
        """Get a variable; a new one with the checkpoint's value as its initializer.

        Raises:
            RestoreError: The checkpoint has no such variable, or one that does not fit, and the policy is `error`.
        """
        new, (old, rule) = name.removesuffix("/"), self._sources.get(name.removesuffix("/"), (None, None))
        if name in get_default_store().by_key or not self._selection(new, old or new):
            return next_getter(name, **kwargs)
        wanted = _wanted(kwargs)
        if old is None:
            entry = RestoreEntry(
                new, None, wanted.shape, str(wanted.dtype), None, None, None, "", "not in the checkpoint"
            )
            return self._without("missing", self._missing(new), entry, next_getter, name, kwargs)
        source = self._reader[old]
        entry = RestoreEntry(
            new,
            old,
            wanted.shape or source.shape,
            str(wanted.dtype),
            source.shape,
            str(source.dtype),
            rule,
            "restore",
            "",
        )
        if problem := self._problem(source, wanted):
            entry = entry._replace(reason=problem)
            return self._without("mismatched", self._mismatch(new), entry, next_getter, name, kwargs)
        kwargs["shape"] = source.shape
        if wanted.constant:  # until now the constant said what the dtype is
            kwargs["dtype"] = as_dtype(wanted.dtype)
        kwargs["initializer"] = _Stored(PassedOn(new, source, self._reader, dtype=wanted.dtype, verify=self._verify))
        variable = next_getter(name, **kwargs)
        reason = f"renamed by {rule}" if rule is not None else "same name"
        self._entries[new] = ("matched", entry._replace(reason=reason))
        return variable

    def _problem(self, source: LazyVariable, wanted: _Wanted) -> str | None:
        if wanted.shape is not None and wanted.shape != source.shape:
            return f"the checkpoint has shape {source.shape}, the variable {wanted.shape}"
        if source.dtype == wanted.dtype:
            return None
        if not can_cast(source.dtype, wanted.dtype):
            return f"{source.dtype} cannot become {wanted.dtype}"
        return None if self._cast else f"the checkpoint has dtype {source.dtype}, the variable {wanted.dtype}"

    def _without(
        self, kind: str, action: str, entry: RestoreEntry, next_getter: Callable[..., Any], name: str, kwargs: Any
    ) -> Any:
        """Create a variable as if there were no checkpoint, if the policy allows it."""
        if action == "error":
            raise RestoreError(
                f"{entry.name} cannot begin with a value of {self._reader.path}: {entry.reason}",
                hint=f"{'missing' if kind == 'missing' else 'mismatch'}='init' lets its initializer run; "
                "rename= maps names; cast=True converts dtypes",
            )
        if action == "warn":
            warn(f"{self._reader.path}: {entry.name}: {entry.reason}")
        variable = next_getter(name, **kwargs)
        self._entries[entry.name] = (kind, entry._replace(action=action))
        return variable

    def report(self) -> RestoreReport:
        """Return what happened so far; `unexpected` are the checkpoint's variables that no variable began with."""
        kinds: dict[str, list[RestoreEntry]] = {"matched": [], "missing": [], "mismatched": []}
        for kind, entry in self._entries.values():
            kinds[kind].append(entry)
        used = {entry.source for _, entry in self._entries.values()}
        unexpected, excluded = [], []
        for new, (old, rule) in self._sources.items():
            lazy = self._reader[old]
            if not self._selection(new, old):
                excluded.append(old)
            elif old not in used:
                unexpected.append(
                    RestoreEntry(new, old, None, None, lazy.shape, str(lazy.dtype), rule, "skip", "not asked for")
                )
        return RestoreReport(
            path=str(self._reader.path),
            **{kind: tuple(entries) for kind, entries in kinds.items()},
            unexpected=tuple(unexpected),
            excluded=tuple(excluded),
            unused_rules=self._rules.unused(self._reader),
            nbytes=sum(self._reader[str(entry.source)].nbytes for entry in kinds["matched"]),
        )

    def close(self) -> None:
        """Give the checkpoint back; variables that are created later can no longer begin with its values."""
        if self._owned:
            self._reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


@final
@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a call of `get_variable` asks for: the shape (None if it leaves that open) and the dtype."""

    shape: tuple[int, ...] | None
    dtype: np.dtype[Any]
    constant: bool


def _wanted(kwargs: Mapping[str, Any]) -> _Wanted:
    initializer = kwargs.get("initializer")
    if is_constant(initializer):
        constant = as_constant(initializer)
        return _Wanted(constant.shape, np.dtype(constant.dtype.as_numpy_dtype), True)
    shape = as_shape(kwargs.get("shape"))
    sizes = tuple(size or 0 for size in shape.as_list()) if shape.is_fully_defined() else None
    return _Wanted(sizes, np.dtype(as_dtype(kwargs["dtype"]).base_dtype.as_numpy_dtype), False)


@final
class _Stored:
    """An initializer that reads its value: whole, by pieces, or the part that a shard is."""

    def __init__(self, source: PassedOn) -> None:
        self._source = source

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> np.ndarray:
        if partition_info is None:
            return self._source[...]
        places = zip(partition_info.var_offset, shape, strict=True)
        return self._source[tuple(slice(start, start + int(size)) for start, size in places)]

    def blocks(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Iterator[np.ndarray]:
        """Yield the value by pieces."""
        if partition_info is None:
            return self._source.blocks()
        return iter((self(shape, dtype, partition_info).reshape(-1),))
