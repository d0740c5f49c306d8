"""The restore plan: which variable of a checkpoint goes where, and what to do about those that do not fit."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple, final

import numpy as np

from tmplcore.checkpoint.casting import can_cast
from tmplcore.checkpoint.files import check_used, opened
from tmplcore.checkpoint.format import LazyVariable, Reader
from tmplcore.checkpoint.matches import EXACT, Matches, dtype_text
from tmplcore.checkpoint.patterns import Selection, matcher
from tmplcore.checkpoint.rename import RenameRules
from tmplcore.checkpoint.reports import RestoreEntry, RestoreReport
from tmplcore.checkpoint.slots import Slot
from tmplcore.checkpoint.state import Place, State, state_of
from tmplcore.checkpoint.warning import warn
from tmplcore.errors import InvalidArgumentError, RestoreError

__all__ = ["Policy", "Transfer", "make_plan", "plan", "refuse"]

Rules = str | Mapping[str, str] | Iterable[str | tuple[str, str]] | RenameRules | None

MISSING: Final = ("error", "warn", "init", "skip")
UNEXPECTED: Final = ("error", "warn", "skip")
MISMATCH: Final = ("error", "warn", "init", "skip")

_READ_ONLY: Final = "the target is read-only or has no memory, and what holds it cannot take another array"
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
        rules = given if isinstance(given, Mapping) else {"*": given}
        for answer in rules.values():
            if answer not in answers:
                raise InvalidArgumentError(f"{name}={answer!r} is not a policy", hint=f"it is {' or '.join(answers)}")
        self._rules = [(matcher(pattern), answer) for pattern, answer in rules.items()]

    def __call__(self, name: str) -> str:
        """Return the answer for a name."""
        return next((answer for fits, answer in self._rules if fits(name)), "error")


class Transfer(NamedTuple):
    """One variable that a restore moves.

    Attributes:
        source: The variable in the checkpoint.
        name: Its name in the target.
    """

    source: LazyVariable
    name: str


class Moves(NamedTuple):
    """All that a restore moves.

    Attributes:
        direct: Arrays that the variables of the same names are read straight into: of their shapes and dtypes, in
            C order, writable.
        others: The rest.
    """

    direct: Mapping[str, np.ndarray]
    others: list[Transfer]


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
    selection = Selection(include, exclude)
    with opened(path) as reader:
        report, _ = make_plan(
            reader,
            state_of(target, selection),
            selection=selection,
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
) -> tuple[RestoreReport, Moves]:
    """Return the report, and what is to be moved.

    Patterns are tried on both names of a variable, the one in the checkpoint and the one in the target.
    """
    same_names = selection.everything and not len(rules)
    if same_names and (exact := _all_exact(reader, state)) is not None:
        return exact
    variables = dict(reader.items())
    renamed = {} if same_names else rules.apply(variables, selection)
    check_used(selection, [*variables, *renamed, *state.places])
    left = {} if same_names else {new: old for new, old in renamed.items() if selection(new, old[0])}
    taken = variables.keys() if same_names else {old for old, _ in left.values()}
    rest = dict(variables) if same_names else {new: variables[old] for new, (old, _) in left.items()}
    matched: list[LazyVariable] = []
    changed: dict[int, RestoreEntry] = {}
    mismatched, absent = [], []
    direct: dict[str, np.ndarray] = {}
    others: list[Transfer] = []
    for name, place in state.places.items():
        lazy = rest.pop(name, None)
        if lazy is None:
            if name not in renamed and selection(name):
                absent.append(_missing(name, place, missing(name)))
            continue
        rule = None if same_names else left[name][1]
        if type(place) is np.ndarray and not (place.flags.carray and place.dtype.isnative):
            place = state.slot(name)  # it knows what to do about such an array
        if problem := _problem(lazy, place, cast):
            mismatched.append(_entry(name, place, lazy, rule, mismatch(name), problem))
            continue
        same = rule is None and lazy.dtype == place.dtype
        if not same:
            changed[len(matched)] = _entry(name, place, lazy, rule, "restore", _matched(lazy, place, rule))
        matched.append(lazy)
        if same and type(place) is np.ndarray:
            direct[name] = place
        else:
            others.append(Transfer(lazy, name))
    rules_of = {name: rule for name, (_, rule) in left.items() if rule is not None}
    report = RestoreReport(
        path=str(reader.path),
        matched=Matches(
            [lazy.name for lazy in matched], [lazy.shape for lazy in matched], [lazy.dtype for lazy in matched], changed
        ),
        missing=tuple(absent),
        unexpected=tuple(_unexpected(name, lazy, rules_of.get(name), unexpected(name)) for name, lazy in rest.items()),
        mismatched=tuple(mismatched),
        excluded=() if same_names else tuple(name for name in variables if name not in taken),
        unused_rules=rules.unused(variables),
        nbytes=sum(map(_nbytes, direct.values())) + sum(one.source.nbytes for one in others),
    )
    return report, Moves(direct, others)


def _all_exact(reader: Reader, state: State) -> tuple[RestoreReport, Moves] | None:
    """Return the plan if the target is the checkpoint's variables in its order, all of them in memory.

    That is the usual case, and its cost is that of the comparisons: no object is made for a variable.
    """
    arrays = state.memories()
    if arrays is None or not reader.fits(arrays):
        return None
    matches = Matches(list(arrays), *reader.columns())
    report = RestoreReport(str(reader.path), matches, nbytes=sum(map(_nbytes, arrays.values())))
    return report, Moves(arrays, [])


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
            warn(f"{report.path}: {entry.name}: {entry.reason}")


def _advice(report: RestoreReport) -> str:
    advice = []
    refused = {kind: [e for e in getattr(report, kind) if e.action == "error"] for kind in ("missing", "unexpected")}
    if refused["missing"] and refused["unexpected"]:
        advice.append("rename= moves names over (tmplctl check proposes rules)")
    if refused["missing"]:
        advice.append("missing='init' runs the initializers")
    if refused["unexpected"]:
        advice.append("unexpected='skip' or exclude= leaves variables of the checkpoint out")
    if wrong := [entry for entry in report.mismatched if entry.action == "error"]:
        if any(entry.shape in (entry.source_shape, None) and entry.dtype != entry.source_dtype for entry in wrong):
            advice.append("cast=True converts dtypes")
        if any(entry.reason == _READ_ONLY for entry in wrong):
            advice.append(
                "restore into a dict of writable arrays; a module of torch that is on the meta device gets memory from "
                "module.to_empty(device='cpu')"
            )
        if any(entry.shape not in (entry.source_shape, None) for entry in wrong):
            advice.append("mismatch='skip' leaves the variables of another shape as they are")
    return "; ".join(advice)


def _problem(source: LazyVariable, place: Place, cast: bool) -> str | None:
    if place.shape is not None and source.shape != place.shape:
        return f"the checkpoint has shape {source.shape}, the target {place.shape}"
    if isinstance(place, Slot) and not place.writable:
        return _READ_ONLY
    if source.dtype == place.dtype:
        return None
    if not can_cast(source.dtype, place.dtype):
        return f"{source.dtype} cannot become {place.dtype}"
    return None if cast else f"the checkpoint has dtype {source.dtype}, the target {place.dtype}"


def _matched(source: LazyVariable, place: Place, rule: str | None) -> str:
    reasons = []
    if rule is not None:
        reasons.append(f"renamed by {rule}")
    if source.dtype != place.dtype:
        reasons.append(f"cast from {source.dtype} to {place.dtype}")
    return ", ".join(reasons) or EXACT


def _entry(name: str, place: Place, lazy: LazyVariable, rule: str | None, action: str, reason: str) -> RestoreEntry:
    return RestoreEntry(
        name, lazy.name, place.shape, dtype_text(place.dtype), lazy.shape, dtype_text(lazy.dtype), rule, action, reason
    )


def _missing(name: str, place: Place, action: str) -> RestoreEntry:
    return RestoreEntry(
        name, None, place.shape, dtype_text(place.dtype), None, None, None, action, "not in the checkpoint"
    )


def _unexpected(name: str, lazy: LazyVariable, rule: str | None, action: str) -> RestoreEntry:
    return RestoreEntry(
        name, lazy.name, None, None, lazy.shape, dtype_text(lazy.dtype), rule, action, "not in the target"
    )


_nbytes: Final = operator.attrgetter("nbytes")
