"""What the functions of this package answer: plain values that a program reads and a command line prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, final

from tmplcore.checkpoint.format import Damage

__all__ = [
    "Change",
    "CheckpointInfo",
    "ConvertReport",
    "DiffReport",
    "Pruned",
    "PruneReport",
    "RenameProposal",
    "Reshaped",
    "RestoreEntry",
    "RestoreReport",
    "VariableInfo",
    "VerifyReport",
]


class RestoreEntry(NamedTuple):
    """What happens, or happened, to one variable in a restore.

    Attributes:
        name: Its name in the target; for an unexpected one, the name it would have there.
        source: Its name in the checkpoint; None if it is missing there.
        shape: Its shape in the target; None if it is not there, or takes any shape.
        dtype: Its dtype in the target; None if it is not there.
        source_shape: Its shape in the checkpoint; None if it is missing there.
        source_dtype: Its dtype in the checkpoint; None if it is missing there.
        rule: The rename rule that led from `source` to `name`; None if none did.
        action: `restore`; or, for what does not match: `error`, `warn`, `skip`, `init`.
        reason: One line for people.
    """

    name: str
    source: str | None
    shape: tuple[int, ...] | None
    dtype: str | None
    source_shape: tuple[int, ...] | None
    source_dtype: str | None
    rule: str | None
    action: str
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return the entry as JSON values."""
        return {
            **self._asdict(),
            "shape": None if self.shape is None else list(self.shape),
            "source_shape": None if self.source_shape is None else list(self.source_shape),
        }


@final
@dataclass(frozen=True, slots=True)
class RestoreReport:
    """The plan of a restore, or its outcome: every variable of the checkpoint and the target, and why.

    Attributes:
        path: The checkpoint.
        matched: What is restored, renamed and cast ones among it.
        missing: What the target has and the checkpoint has not.
        unexpected: What the checkpoint has and the target has not.
        mismatched: What both have, in another shape or dtype.
        excluded: Names in the checkpoint that `include` and `exclude` leave out.
        unused_rules: Rename rules that fit no name.
        nbytes: Bytes that the restore reads.
        target: The restored object: the very target, except for a tree that cannot be changed (a JAX pytree of
            tuples), of which this is a new one. None in a plan.
    """

    path: str
    matched: Sequence[RestoreEntry] = ()
    missing: tuple[RestoreEntry, ...] = ()
    unexpected: tuple[RestoreEntry, ...] = ()
    mismatched: tuple[RestoreEntry, ...] = ()
    excluded: tuple[str, ...] = ()
    unused_rules: tuple[str, ...] = ()
    nbytes: int = 0
    target: Any = field(default=None, compare=False, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the policies let the restore go on."""
        return not self.errors

    @property
    def errors(self) -> tuple[RestoreEntry, ...]:
        """The entries that the policies refuse."""
        return tuple(entry for entry in (*self.missing, *self.unexpected, *self.mismatched) if entry.action == "error")

    @property
    def renamed(self) -> tuple[RestoreEntry, ...]:
        """The matched entries whose name a rule changed."""
        return tuple(entry for entry in self._changed if entry.name != entry.source)

    @property
    def cast(self) -> tuple[RestoreEntry, ...]:
        """The matched entries whose dtype changes."""
        return tuple(entry for entry in self._changed if entry.dtype != entry.source_dtype)

    @property
    def _changed(self) -> Sequence[RestoreEntry]:
        """Of the matched entries those that need a look, where that is known."""
        changed = getattr(self.matched, "changed", None)
        return self.matched if changed is None else changed()

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values: `ok, matched, missing, unexpected, mismatched, renamed, cast, …`."""
        lists = ("matched", "missing", "unexpected", "mismatched", "renamed", "cast")
        return {
            "ok": self.ok,
            **{name: [entry.as_dict() for entry in getattr(self, name)] for name in lists},
            "excluded": list(self.excluded),
            "unused_rules": list(self.unused_rules),
            "nbytes": self.nbytes,
        }

    def __str__(self) -> str:
        counts = [f"{len(self.matched)} matched"]
        lists = ("renamed", "cast", "missing", "unexpected", "mismatched", "excluded")
        counts += [f"{number} {name}" for name in lists if (number := len(getattr(self, name)))]
        return f"{self.path}: {', '.join(counts)}"


class VariableInfo(NamedTuple):
    """A variable that only one of two checkpoints has.

    Attributes:
        name: Its name.
        shape: Its shape.
        dtype: Its dtype.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**self._asdict(), "shape": list(self.shape)}


class Reshaped(NamedTuple):
    """A variable that has another shape in the second checkpoint.

    Attributes:
        name: Its name in the second checkpoint.
        shape: Its shapes: in the first, in the second.
        dtype: Its dtypes: in the first, in the second.
        source: Its name in the first checkpoint, before renaming.
    """

    name: str
    shape: tuple[tuple[int, ...], tuple[int, ...]]
    dtype: tuple[str, str]
    source: str

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**self._asdict(), "shape": [list(shape) for shape in self.shape], "dtype": list(self.dtype)}


class Change(NamedTuple):
    """A variable whose value (or dtype) differs. The numbers are None unless values were compared.

    Attributes:
        name: Its name in the second checkpoint.
        source: Its name in the first checkpoint, before renaming.
        shape: Its shape.
        dtype: Its dtypes: in the first, in the second.
        elements: How many elements it has.
        changed: How many differ (bits, or by more than the tolerance when one is given).
        max_abs: The largest absolute difference of finite elements.
        max_rel: The largest difference relative to the first checkpoint's element.
        max_ulp: The largest difference in units of the last place (steps between neighbouring numbers of the
            dtype); None for dtypes that are not floats, or that differ.
        norm: The Euclidean norm of the difference.
        norm_rel: That norm relative to the norm of the first.
        nonfinite: How many elements are NaN or infinite on one side and something else on the other.
    """

    name: str
    source: str
    shape: tuple[int, ...]
    dtype: tuple[str, str]
    elements: int
    changed: int | None = None
    max_abs: float | None = None
    max_rel: float | None = None
    max_ulp: int | None = None
    norm: float | None = None
    norm_rel: float | None = None
    nonfinite: int | None = None

    @property
    def share(self) -> float | None:
        """The share of elements that changed, 0 to 1."""
        return None if self.changed is None else self.changed / max(self.elements, 1)

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {**self._asdict(), "shape": list(self.shape), "dtype": list(self.dtype), "share": self.share}


@final
@dataclass(frozen=True, slots=True)
class DiffReport:
    """How one checkpoint differs from another.

    Attributes:
        added: What only the second has.
        removed: What only the first has.
        reshaped: What has another shape.
        changed: What has other values, or another dtype.
        unchanged: The names of the rest.
        within_tolerance: The names in `unchanged` that do differ, but not by more than the tolerance.
        compared_by: `digests` if no value had to be read, else `values`.
    """

    added: tuple[VariableInfo, ...] = ()
    removed: tuple[VariableInfo, ...] = ()
    reshaped: tuple[Reshaped, ...] = ()
    changed: tuple[Change, ...] = ()
    unchanged: tuple[str, ...] = ()
    within_tolerance: tuple[str, ...] = ()
    compared_by: str = "digests"

    @property
    def same(self) -> bool:
        """Whether there is no difference."""
        return not (self.added or self.removed or self.reshaped or self.changed)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values: `same, added, removed, reshaped, changed, …`."""
        return {
            "same": self.same,
            **{
                name: [entry.as_dict() for entry in getattr(self, name)]
                for name in ("added", "removed", "reshaped", "changed")
            },
            "unchanged": len(self.unchanged),
            "within_tolerance": list(self.within_tolerance),
            "compared_by": self.compared_by,
        }


@final
@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What checking a checkpoint found.

    Attributes:
        path: The checkpoint.
        format: The name of its format; None if it could not be opened.
        variables: How many variables were checked.
        nbytes: How many bytes of values were checked.
        damaged: What is wrong.
        hashed: How many of the checked variables have a content hash; of the others only that they can be read
            is known.
    """

    path: str
    format: str | None
    variables: int = 0
    nbytes: int = 0
    damaged: tuple[Damage, ...] = ()
    hashed: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.damaged

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values: `ok, damaged: [{name, problem, file, start, stop}], …`."""
        return {
            "ok": self.ok,
            "path": self.path,
            "format": self.format,
            "variables": self.variables,
            "hashed": self.hashed,
            "nbytes": self.nbytes,
            "damaged": [
                {"name": d.name, "problem": d.problem, "file": d.file, "start": d.start, "stop": d.stop}
                for d in self.damaged
            ],
        }


@final
@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What a conversion (or a salvage) wrote.

    Attributes:
        source: The checkpoint that was read.
        path: The file that was written.
        format: Its format.
        variables: The names that were written, in order.
        nbytes: Bytes of values that were written.
        renamed: New name → old name, where they differ.
        cast: Name → (old dtype, new dtype), where they differ.
        left_out: Name → why it was not written.
        overflowed: Name → how many finite elements became infinite by a cast.
    """

    source: str
    path: str
    format: str
    variables: tuple[str, ...]
    nbytes: int
    renamed: Mapping[str, str] = field(default_factory=dict)
    cast: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)
    overflowed: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "source": self.source,
            "path": self.path,
            "format": self.format,
            "variables": list(self.variables),
            "nbytes": self.nbytes,
            "renamed": dict(self.renamed),
            "cast": {name: list(dtypes) for name, dtypes in self.cast.items()},
            "left_out": dict(self.left_out),
            "overflowed": dict(self.overflowed),
        }


class RenameProposal(NamedTuple):
    """A rename rule that would make more variables match.

    Attributes:
        rule: The rule, to be pasted: `old=new`.
        matches: The pairs (name in the checkpoint, name in the target) that it would match.
        score: How similar the names are, 0 to 1.
    """

    rule: str
    matches: tuple[tuple[str, str], ...]
    score: float

    def as_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {"rule": self.rule, "matches": [list(pair) for pair in self.matches], "score": round(self.score, 3)}


@final
@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """One checkpoint in a directory.

    Attributes:
        step: Its step.
        path: Where it is.
        time: When it was saved, in seconds since the epoch (the file's own record; else its modification time).
        variables: How many variables it has; 0 if it is damaged.
        nbytes: The size of its file (of all its own files), in bytes.
        tags: The tags that point at it.
        metrics: What was recorded with it.
        state: `ok`; `damaged` (the structure does not hold; `problem` says why); `temporary` (being written, or
            left by a crash); `foreign` (named like a step, but no step of this directory: never deleted).
        kept_by: Why the retention rules keep it; empty if they would not.
        problem: What is wrong, where something is.
        format: The name of its format; None if it could not be opened.
    """

    step: int
    path: Path
    time: float
    variables: int
    nbytes: int
    tags: tuple[str, ...] = ()
    metrics: Mapping[str, float] = field(default_factory=dict)
    state: str = "ok"
    kept_by: tuple[str, ...] = ()
    problem: str = ""
    format: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON values of `tmplctl list`."""
        return {
            "step": self.step,
            "path": str(self.path),
            "time": self.time,
            "variables": self.variables,
            "nbytes": self.nbytes,
            "tags": list(self.tags),
            "metrics": dict(self.metrics),
            "state": self.state,
            "kept_by": list(self.kept_by),
            "problem": self.problem,
            "format": self.format,
        }


class Pruned(NamedTuple):
    """What retention decided about one checkpoint.

    Attributes:
        info: The checkpoint.
        keep: Whether it stays.
        reasons: Why.
    """

    info: CheckpointInfo
    keep: bool
    reasons: tuple[str, ...]


@final
@dataclass(frozen=True, slots=True)
class PruneReport:
    """What a prune deleted and kept, or (as a dry run) would.

    Attributes:
        decisions: Every checkpoint, by step.
        leftovers: Files of crashed processes that were removed too.
        dry_run: Whether nothing was done.
    """

    decisions: tuple[Pruned, ...]
    leftovers: tuple[Path, ...] = ()
    dry_run: bool = False

    @property
    def deleted(self) -> tuple[CheckpointInfo, ...]:
        """The checkpoints that are (or would be) gone."""
        return tuple(decision.info for decision in self.decisions if not decision.keep)

    @property
    def kept(self) -> tuple[CheckpointInfo, ...]:
        """The checkpoints that stay."""
        return tuple(decision.info for decision in self.decisions if decision.keep)

    @property
    def nbytes(self) -> int:
        """Bytes that are (or would be) freed."""
        return sum(info.nbytes for info in self.deleted)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON values."""
        return {
            "dry_run": self.dry_run,
            "deleted": [{**d.info.as_dict(), "reasons": list(d.reasons)} for d in self.decisions if not d.keep],
            "kept": [{**d.info.as_dict(), "reasons": list(d.reasons)} for d in self.decisions if d.keep],
            "leftovers": [str(path) for path in self.leftovers],
            "nbytes": self.nbytes,
        }
