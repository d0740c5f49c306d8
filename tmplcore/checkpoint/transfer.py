"""Restoring: values go from the file straight into the memory of the target, checked on the way."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import Any, Final, NamedTuple

import numpy as np

from tmplcore.checkpoint.casting import cast_array
from tmplcore.checkpoint.files import opened
from tmplcore.checkpoint.format import LazyVariable, Reader
from tmplcore.checkpoint.patterns import Selection
from tmplcore.checkpoint.planning import (
    MISMATCH,
    MISSING,
    UNEXPECTED,
    Moves,
    Policy,
    Rules,
    make_plan,
    refuse,
)
from tmplcore.checkpoint.rename import RenameRules
from tmplcore.checkpoint.reports import RestoreReport
from tmplcore.checkpoint.sharded import pieces
from tmplcore.checkpoint.slots import Slot
from tmplcore.checkpoint.state import State, state_of
from tmplcore.checkpoint.warning import warn
from tmplcore.errors import BackendError, DamagedError

__all__ = ["restore"]

# Values that cannot be read straight into their place are read this many bytes at a time.
_BATCH_BYTES = 16 << 20
# Progress is told about this often.
_PART_BYTES = 64 << 20

_nbytes: Final = attrgetter("nbytes")


def restore(
    path: str | os.PathLike[str] | Reader,
    target: Any,
    *,
    include: str | Iterable[str] | None = None,
    exclude: str | Iterable[str] | None = None,
    rename: Rules = None,
    missing: str | Mapping[str, str] = "error",
    unexpected: str | Mapping[str, str] = "error",
    mismatch: str | Mapping[str, str] = "error",
    cast: bool = False,
    staged: bool = False,
    verify: bool = True,
    progress: Callable[[int], None] | None = None,
) -> RestoreReport:
    """Put the values of a checkpoint into a target. Strict: whatever does not match exactly is an error.

    Nothing is matched by position, and nothing of the target is touched unless all names, shapes and dtypes fit.
    Content hashes are checked while the values are read into place, without a second copy; if one does not hold, the
    error names what has been overwritten by then. With `staged` all hashes are checked before the first value moves.

    Args:
        path: The checkpoint, or one that is open.
        target: A template, a scope, a store, variables, an `nn.Module`, a JAX pytree (see `RestoreReport.target`), or
            a mapping of arrays, modules and trees, nested or not. Arrays are filled in place, whatever their layout
            and byte order; where one is read-only, the mapping gets another.
        include: Patterns of the names to restore, in the checkpoint or in the target; all by default.
        exclude: Patterns of the names to leave alone.
        rename: Rules from names in the checkpoint to names in the target (see `RenameRules`).
        missing: What to do about a variable that the checkpoint lacks: `error`; `warn` or `skip` leave it as it is;
            `init` runs its initializer again (a plain array or tensor has none, and stays as it is). Or a mapping of
            patterns to these.
        unexpected: What to do about a variable that the target lacks: `error`, `warn`, `skip`; or a mapping.
        mismatch: What to do about another shape or dtype: `error`, `warn`, `init`, `skip`; or a mapping.
        cast: Convert dtypes of one kind (float64 to bfloat16, int64 to int32).
        staged: Check every hash before anything is overwritten; the file is then read twice.
        verify: Check hashes at all.
        progress: Called with the number of bytes restored since the last call.

    Returns:
        What happened to every variable.

    Raises:
        RestoreError: Something is missing, unexpected or mismatched; the target is untouched.
        DamagedError: The bytes are not what was written.
        InvalidArgumentError: A rule, a pattern or a policy is not well formed, or two names end up as one.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from tmplcore import checkpoint
        >>> path = Path(tempfile.mkdtemp()) / "old.h5"
        >>> checkpoint.save(path, {"a/w": np.arange(3.0), "a/b": np.ones(1)})
        >>> arrays = {"model/w": np.zeros(3)}
        >>> report = checkpoint.restore(path, arrays, rename="a/=model/", exclude="*/b")
        >>> arrays["model/w"], str(report).rpartition(": ")[2]
        (array([0., 1., 2.]), '1 matched, 1 renamed, 1 excluded')
    """
    with opened(path) as reader:
        selection = Selection(include, exclude)
        state = state_of(target, selection)
        report, moves = make_plan(
            reader,
            state,
            selection=selection,
            rules=RenameRules(rename),
            missing=Policy("missing", missing, MISSING),
            unexpected=Policy("unexpected", unexpected, UNEXPECTED),
            mismatch=Policy("mismatch", mismatch, MISMATCH),
            cast=cast,
        )
        refuse(report)
        if staged:
            check(reader, [*moves.direct, *(one.source.name for one in moves.others)])
        move(reader, state, moves, verify=verify, progress=progress)
        _start_anew(state, report)
        return replace(report, target=state.rebuild())


def _start_anew(state: State, report: RestoreReport) -> None:
    """Run the initializers that the policies ask for."""
    for entry in (*report.missing, *report.mismatched):
        if entry.action == "init":
            try:
                state.slot(entry.name).start_anew()
            except BackendError as error:
                warn(f"{entry.name} keeps its value: {error}")


def check(reader: Reader, names: Sequence[str]) -> None:
    """Check the hashes of some variables, reading every byte.

    Raises:
        DamagedError: One does not hold; it lists them all.
    """
    if damage := tuple(reader.verify(names)):
        error = DamagedError(
            f"{reader.path} is damaged, and nothing was restored: "
            + "; ".join(f"{found.name or 'structure'}: {found.problem}" for found in damage[:5]),
            hint="restore an earlier step; tmplctl verify --salvage writes what is intact",
        )
        error.damage = damage
        raise error


def move(reader: Reader, state: State, moves: Moves, *, verify: bool, progress: Callable[[int], None] | None) -> None:
    """Move values into their places: straight into memory, by slices, or through an array of their own.

    Raises:
        DamagedError: A hash does not hold; `overwritten` names the variables of the target that are changed.
    """
    direct = moves.direct
    more: dict[str, np.ndarray] = {}
    names: dict[str, str] = {}
    others: list[Move] = []
    for source, name in moves.others:
        slot = state.slot(name)
        memory = slot.memory()
        if memory is None or memory.dtype != source.dtype or memory.shape != source.shape or memory.dtype.hasobject:
            others.append(Move(source, slot, memory))
        else:
            more[source.name] = memory
            names[source.name] = name
    if more:
        direct = {**direct, **more}
    done: list[str] = []
    for part in [direct] if progress is None else _parts(direct):
        with _overwriting(done, part, names):
            reader.fill(part, verify=verify)
            if progress is not None:
                progress(sum(map(_nbytes, part.values())))
        if others or progress is not None:
            done += map(names.get, part, part)
    for batch in _batches(others):
        with _overwriting(done, (), {}):
            _move_batch(reader, batch, done, verify)
            if progress is not None:
                progress(sum(one.source.nbytes for one in batch))


class Move(NamedTuple):
    """A value that is not read straight into its place.

    Attributes:
        source: The variable in the checkpoint.
        slot: Where it goes.
        memory: The memory of the slot, if it has any.
    """

    source: LazyVariable
    slot: Slot
    memory: np.ndarray | None

    @property
    def by_pieces(self) -> bool:
        """Whether it goes piece by piece: it is large, and its place takes pieces."""
        if self.source.nbytes <= _BATCH_BYTES or self.source.dtype.hasobject:
            return False
        return self.slot.sliced or self.memory is not None


def _move_batch(reader: Reader, batch: Sequence[Move], done: list[str], verify: bool) -> None:
    whole = {one.source.name: one.slot for one in batch if not one.by_pieces}
    for name, value in reader.read(whole, verify=verify).items():
        slot = whole[name]
        done.append(slot.name)
        slot.write(cast_array(value, slot.dtype))
    for one in batch:
        if not one.by_pieces:
            continue
        if verify:  # a piece cannot be checked by itself, and the whole may not fit into memory
            check(reader, [one.source.name])
        done.append(one.slot.name)
        for index in pieces(one.source.shape, one.source.dtype.itemsize, _BATCH_BYTES):
            value = cast_array(one.source[index], one.slot.dtype)
            if one.memory is None:
                one.slot.write_slice(index, value)
            else:
                one.memory[index] = value


def _batches(moves: Sequence[Move]) -> Iterator[list[Move]]:
    batch: list[Move] = []
    size = 0
    for one in moves:
        if batch and size + one.source.nbytes > _BATCH_BYTES:
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += one.source.nbytes
    if batch:
        yield batch


def _parts(arrays: Mapping[str, np.ndarray]) -> Iterator[Mapping[str, np.ndarray]]:
    """Yield arrays in parts, after each of which there is progress to tell."""
    part: dict[str, np.ndarray] = {}
    size = 0
    for name, array in arrays.items():
        part[name] = array
        size += array.nbytes
        if size >= _PART_BYTES:
            yield part
            part, size = {}, 0
    if part:
        yield part


@contextlib.contextmanager
def _overwriting(done: Sequence[str], reading: Collection[str], names: Mapping[str, str]) -> Iterator[None]:
    """Make an error name what has been overwritten so far.

    Args:
        done: What was overwritten before, by name in the target.
        reading: The names in the checkpoint of what is being overwritten.
        names: Their names in the target, where these differ.
    """
    try:
        yield
    except DamagedError as error:
        changed = (*done, *(names.get(name, name) for name in error.overwritten if name in reading))
        error.overwritten = tuple(dict.fromkeys(changed))
        if error.overwritten:
            shown = ", ".join(error.overwritten[:5]) + (", …" if len(error.overwritten) > 5 else "")
            error.add_note(f"overwritten by then: {shown} ({len(error.overwritten)} variables); staged=True avoids it")
        raise
    except BaseException as error:  # a failing disk, or Ctrl-C
        changed = (*done, *(names.get(name, name) for name in reading))
        shown = ", ".join(changed[:5]) + (", …" if len(changed) > 5 else "")
        if changed:
            error.add_note(f"may have been overwritten by then: {shown} ({len(changed)} variables of the target)")
        raise
