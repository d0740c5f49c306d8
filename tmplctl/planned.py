"""A restore plan, as `restore` and `check` show it: every variable, from where it comes, and why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from tmplctl import text
from tmplctl.errors import ExitCode
from tmplctl.output import Report, Screen
from tmplctl.table import Cell, Column

if TYPE_CHECKING:
    from tmplcore.checkpoint import RestoreEntry, RestoreReport

__all__ = ["Plan"]

_SIGNS = {"error": ("!", "red"), "warn": ("?", "yellow"), "skip": ("-", "dim"), "init": ("*", "yellow")}


class Plan(Report):
    """A plan, and what is common to the reports of `restore` and `check`.

    Args:
        found: The plan, or its outcome.
        path: The checkpoint, as people want to read it.
    """

    schema: ClassVar[str] = "restore/1"

    def __init__(self, found: RestoreReport, path: str) -> None:
        self.found = found
        self.path = path

    @property
    def exit_code(self) -> int:
        """No if the policies refuse it."""
        return ExitCode.DONE if self.found.ok else ExitCode.NO

    def data(self) -> Mapping[str, Any]:
        """Return every entry of the plan."""
        return {"path": self.path, **self.found.as_dict()}

    def ids(self) -> Iterable[str]:
        """Return the names that are refused; or else those that are restored."""
        return [entry.name for entry in (self.found.errors or self.found.matched)]

    def show(self, screen: Screen) -> None:
        """Show the whole plan."""
        self.show_plan(screen, matched=True)

    def show_plan(self, screen: Screen, *, matched: bool) -> None:
        """Show the entries; those that simply match only if they are wanted."""
        found = self.found
        rows: list[list[str | Cell]] = []
        for entry in found.matched:
            if matched or _note(entry):
                row: list[str | Cell] = [
                    Cell(f"= {entry.name}"),
                    text.shape(entry.shape),
                    entry.dtype or "",
                    _note(entry),
                ]
                rows.append(row)
        for kind, entries in (
            ("missing", found.missing), ("unexpected", found.unexpected), ("mismatched", found.mismatched)
        ):  # fmt: skip
            rows += [_refused(kind, entry) for entry in entries]
        if rows:
            screen.table(
                [Column("  NAME", fold=True), Column("SHAPE", fold=True), "DTYPE", Column("", fold=True)], rows
            )
            screen.line()
        for rule in found.unused_rules:
            screen.text(f"no name fits the rule {rule}", "yellow")

    def summary(self) -> str:
        """Return the counts in a line."""
        found = self.found
        counts = [f"{len(found.matched):,} matched"]
        kinds = ("renamed", "cast", "missing", "unexpected", "mismatched", "excluded")
        counts += [f"{len(getattr(found, kind)):,} {kind}" for kind in kinds if getattr(found, kind)]
        return ", ".join(counts)


def _refused(kind: str, entry: RestoreEntry) -> list[str | Cell]:
    sign, style = _SIGNS[entry.action]
    shape = entry.shape if entry.shape is not None else entry.source_shape
    does = "" if entry.action == "error" else f" ({entry.action})"
    name = Cell(f"{sign} {entry.name}", style)
    return [name, text.shape(shape), entry.dtype or entry.source_dtype or "", f"{kind}{does}: {entry.reason}"]


def _note(entry: RestoreEntry) -> str:
    notes = []
    if entry.name != entry.source:
        notes.append(f"from {entry.source} by {entry.rule}")
    if entry.dtype != entry.source_dtype:
        notes.append(f"cast from {entry.source_dtype}")
    return ", ".join(notes)
