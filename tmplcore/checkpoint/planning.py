"""The restore plan: which variable of a checkpoint goes where, and what to do about those that do not fit."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, final

from tmplcore.checkpoint.casting import can_cast
from tmplcore.checkpoint.files import check_used, opened
from tmplcore.checkpoint.format import LazyVariable, Reader
from tmplcore.checkpoint.patterns import Selection, matcher
from tmplcore.checkpoint.rename import RenameRules
from tmplcore.checkpoint.reports import RestoreEntry, RestoreReport
from tmplcore.checkpoint.slots import Slot
from tmplcore.checkpoint.state import State, state_of
from tmplcore.errors import InvalidArgumentError, RestoreError

__all__ = ["Policy", "Transfer", "make_plan", "plan", "refuse"]

Rules = str | Mapping[str, str] | Iterable[str | tuple[str, str]] | RenameRules | None

MISSING: Final = ("error", "warn", "init", "skip")
UNEXPECTED: Final = ("error", "warn", "skip")
MISMATCH: Final = ("error", "warn", "init", "skip")

# How many problems an error message lists before it says how many more there are.
_LISTED = 8


@final
class Policy:
    """What to do about variables that do not match: one answer for all, or one for each pattern of names.

    Args:
        name: The name of the parameter, for messages.
        given: An answer; or a mapping of patterns to answers, of which the first that fits counts (no fit: `error`).
        answers: The answers that there are.

    Example:
        >>> policy = Policy("missing", {"head/": "init"}, MISSING)
        >>> policy("head/w"), policy("body/w")
        ('init', 'error')
    """

    __slots__ = ("_rules",)

    def __init__(self, name: str, given: str | Mapping[str, str], answers: tuple[str, ...]) -> None:
        rules = {"*": given} if isinstance(given, str) else given
        for answer in rules.values():
            if answer not in answers:
                raise InvalidArgumentError(f"{name}={answer!r} is not a policy", hint=f"it is {' or '.join(answers)}")
        self._rules = [(matcher(pattern), answer) for pattern, answer in rules.items()]

    def __call__(self, name: str) -> str:
        """Return the answer for a name."""
        return next((answer for fits, answer in self._rules if fits(name)), "error")


@final
@dataclass(frozen=True, slots=True)
class Transfer:
    """One variable that a restore moves: from `source` into `slot`."""

    source: LazyVariable
    slot: Slot


def plan(
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
) -> RestoreReport:
    """Say what `restore` with the same arguments would do, without touching anything or reading a value.

    Returns:
        The report; `report.ok` tells whether the restore would be refused.

    Raises:
        InvalidArgumentError: A rule, a pattern or a policy is not well formed, or two names end up as one.

    Example:
        >>> import numpy as np, tempfile
        >>> from pathlib import Path
        >>> from tmplcore import checkpoint
        >>> path = Path(tempfile.mkdtemp()) / "old.h5"
        >>> checkpoint.save(path, {"fc/weights": np.ones((2, 2)), "step": np.int64(3)})
        >>> report = checkpoint.plan(path, {"fc/kernel": np.zeros((2, 2))}, rename="*/weights=*/kernel")
        >>> report.ok, [entry.name for entry in report.renamed], [entry.name for entry in report.unexpected]
        (False, ['fc/kernel'], ['step'])
    """
    with opened(path) as reader:
        report, _ = make_plan(
            reader,
            state_of(target),
            selection=Selection(include, exclude),
            rules=RenameRules(rename),
            missing=Policy("missing", missing, MISSING),
            unexpected=Policy("unexpected", unexpected, UNEXPECTED),
            mismatch=Policy("mismatch", mismatch, MISMATCH),
            cast=cast,
        )
        return report


def make_plan(
    reader: Reader,
    state: State,
    *,
    selection: Selection,
    rules: RenameRules,
    missing: Policy,
    unexpected: Policy,
    mismatch: Policy,
    cast: bool,
) -> tuple[RestoreReport, list[Transfer]]:
    """Return the report, and what is to be moved.

    Patterns are tried on both names of a variable, the one in the checkpoint and the one in the target.
    """
    renamed = rules.apply(reader, selection)
    check_used(selection, [*reader, *renamed, *state.slots])
    sources = {new: old for new, old in renamed.items() if selection.everything or selection(new, old[0])}
    matched, mismatched, absent, extra = [], [], [], []
    transfers = []
    nbytes = 0
    for name, slot in state.slots.items():
        if name not in sources:
            if name not in renamed and selection(name):
                action = missing(name)
                absent.append(_missing(slot, action, reader))
            continue
        source, rule = sources.pop(name)
        lazy = reader[source]
        if (problem := _problem(lazy, slot, cast)) is None:
            matched.append(_entry(slot, lazy, source, rule, "restore", _matched(lazy, slot, rule)))
            transfers.append(Transfer(lazy, slot))
            nbytes += lazy.nbytes
        else:
            mismatched.append(_entry(slot, lazy, source, rule, mismatch(name), problem))
    for name, (source, rule) in sources.items():
        lazy = reader[source]
        extra.append(
            RestoreEntry(
                name, source, None, None, lazy.shape, str(lazy.dtype), rule, unexpected(name), "not in the target"
            )
        )
    report = RestoreReport(
        path=str(reader.path),
        matched=tuple(matched),
        missing=tuple(absent),
        unexpected=tuple(extra),
        mismatched=tuple(mismatched),
        excluded=() if selection.everything else tuple(o for n, (o, _) in renamed.items() if not selection(n, o)),
        unused_rules=rules.unused(reader),
        nbytes=nbytes,
    )
    return report, transfers


def refuse(report: RestoreReport) -> None:
    """Raise what the policies refuse; warn about what they want a warning for.

    Raises:
        RestoreError: There is an entry whose action is `error`.
    """
    if errors := report.errors:
        lines = [f"  {entry.name}: {entry.reason}" for entry in errors[:_LISTED]]
        if len(errors) > _LISTED:
            lines.append(f"  … and {len(errors) - _LISTED} more")
        raise RestoreError(
            f"{report.path} does not fit the target, so nothing was restored: "
            f"{len(errors)} variables are missing, unexpected or mismatched\n" + "\n".join(lines),
            hint=_advice(report),
        )
    for entry in (*report.missing, *report.unexpected, *report.mismatched):
        if entry.action == "warn":
            warnings.warn(f"{report.path}: {entry.name}: {entry.reason}", UserWarning, stacklevel=4)


def _advice(report: RestoreReport) -> str:
    advice = []
    refused = {kind: [e for e in getattr(report, kind) if e.action == "error"] for kind in ("missing", "unexpected")}
    if refused["missing"] and refused["unexpected"]:
        advice.append("rename= moves names over (tmplctl check proposes rules)")
    if refused["missing"]:
        advice.append("missing='init' keeps the initial values")
    if refused["unexpected"]:
        advice.append("unexpected='skip' or exclude= leaves variables of the checkpoint out")
    if wrong := [entry for entry in report.mismatched if entry.action == "error"]:
        if any(entry.shape == entry.source_shape or entry.shape is None for entry in wrong):
            advice.append("cast=True converts dtypes")
        if any(entry.shape not in (entry.source_shape, None) for entry in wrong):
            advice.append("mismatch='skip' leaves the variables of another shape as they are")
    return "; ".join(advice)


def _problem(source: LazyVariable, slot: Slot, cast: bool) -> str | None:
    if slot.shape is not None and source.shape != slot.shape:
        return f"the checkpoint has shape {source.shape}, the target {slot.shape}"
    if source.dtype == slot.dtype:
        return None
    if not can_cast(source.dtype, slot.dtype):
        return f"{source.dtype} cannot become {slot.dtype}"
    return None if cast else f"the checkpoint has dtype {source.dtype}, the target {slot.dtype}"


def _matched(source: LazyVariable, slot: Slot, rule: str | None) -> str:
    reasons = []
    if rule is not None:
        reasons.append(f"renamed by {rule}")
    if source.dtype != slot.dtype:
        reasons.append(f"cast from {source.dtype} to {slot.dtype}")
    return ", ".join(reasons) or "same name, shape and dtype"


def _missing(slot: Slot, action: str, reader: Reader) -> RestoreEntry:
    dtype = str(slot.dtype)
    return RestoreEntry(slot.name, None, slot.shape, dtype, None, None, None, action, "not in the checkpoint")


def _entry(slot: Slot, lazy: LazyVariable, source: str, rule: str | None, action: str, reason: str) -> RestoreEntry:
    return RestoreEntry(
        slot.name, source, slot.shape, str(slot.dtype), lazy.shape, str(lazy.dtype), rule, action, reason
    )
