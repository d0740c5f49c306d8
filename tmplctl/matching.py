"""How a checkpoint's variables are matched with others: the options that restore, check, diff and convert share.

A flag comes before the configuration's `[restore]` table; rename rules of both are joined, the flags' first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl.completion import complete_names
from tmplctl.errors import UsageError
from tmplctl.output import Report, Screen
from tmplctl.session import Session
from tmplctl.table import Cell, Column

if TYPE_CHECKING:
    from tmplcore.checkpoint import Explanation, RenameRules

__all__ = [
    "Cast",
    "Exclude",
    "Explain",
    "Explained",
    "Mismatch",
    "Missing",
    "Only",
    "Rename",
    "RenameFile",
    "Unexpected",
    "explained",
    "matching_of",
    "rules_of",
    "warn_of_unused",
]

Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="PATTERN", autocompletion=complete_names, help="Only these; may be repeated."),
]
Exclude = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", autocompletion=complete_names, help="Not these; may be repeated."),
]
Rename = Annotated[
    list[str] | None,
    typer.Option("--rename", metavar="OLD=NEW", help="A name, scope/=other/, a glob, or re:...; may be repeated."),
]
RenameFile = Annotated[
    Path | None, typer.Option("--rename-file", metavar="FILE", help="A file of such rules, one a line.")
]
Missing = Annotated[
    list[str] | None,
    typer.Option("--missing", metavar="[PATTERN=]POLICY", help="If the checkpoint lacks it: error, warn, init, skip."),
]
Unexpected = Annotated[
    list[str] | None,
    typer.Option("--unexpected", metavar="[PATTERN=]POLICY", help="If the program lacks it: error, warn, skip."),
]
Mismatch = Annotated[
    list[str] | None,
    typer.Option("--mismatch", metavar="[PATTERN=]POLICY", help="Another shape or dtype: error, warn, init, skip."),
]
Cast = Annotated[bool | None, typer.Option("--cast/--no-cast", help="Convert dtypes that differ.", show_default=False)]
Explain = Annotated[
    list[str] | None,
    typer.Option(
        "--explain", metavar="NAME", autocompletion=complete_names, help="Show which rule renames NAME; do nothing."
    ),
]


def rules_of(
    session: Session, rename: Sequence[str] | None, rename_file: Path | None, *, configured: bool = True
) -> RenameRules:
    """Return the rename rules of the flags, then (if wanted) those of the configuration.

    Raises:
        TmplError: A rule is not well formed, or a file of rules cannot be read.
    """
    from tmplcore.checkpoint import RenameRules

    parts: list[Any] = [*(rename or [])]
    if rename_file is not None:
        parts += RenameRules.read(rename_file)
    if configured:
        restore = session.config.settings.restore
        parts += restore.rename
        if restore.rename_file is not None:
            parts += RenameRules.read(session.config.path(restore.rename_file, "restore.rename_file"))
    return RenameRules(parts)


def matching_of(
    session: Session,
    only: Sequence[str] | None,
    exclude: Sequence[str] | None,
    missing: Sequence[str] | None,
    unexpected: Sequence[str] | None,
    mismatch: Sequence[str] | None,
    *,
    cast: bool | None,
) -> dict[str, Any]:
    """Return the arguments of `plan` and `restore` that are not rename rules."""
    configured = session.config.settings.restore
    return {
        "include": list(only or configured.include) or None,
        "exclude": list(exclude or configured.exclude),
        "missing": _policy("--missing", missing, configured.missing),
        "unexpected": _policy("--unexpected", unexpected, configured.unexpected),
        "mismatch": _policy("--mismatch", mismatch, configured.mismatch),
        "cast": configured.cast if cast is None else cast,
    }


def _policy(option: str, given: Sequence[str] | None, configured: str) -> str | dict[str, str]:
    """Return one policy for all, or a mapping of patterns to policies: `--missing skip`, `--missing 'opt/=skip'`."""
    if not given:
        return configured
    chosen: dict[str, str] = {}
    default = configured
    for text in given:
        pattern, equals, word = text.rpartition("=")
        if not equals:
            default = text
        elif not pattern:
            raise UsageError(f"{option} {text!r} has no pattern", hint=f"{option} skip, or {option} 'scope/=skip'")
        else:
            chosen[pattern] = word
    return {**chosen, "*": default} if chosen else default


def warn_of_unused(session: Session, rules: RenameRules, names: Iterable[str]) -> None:
    """Warn of rules that fit none of a checkpoint's names: a typing error in one would pass unseen."""
    if unused := rules.unused(names):
        more = f" and {len(unused) - 5} more" if len(unused) > 5 else ""
        session.output.warning(f"no name is renamed by {', '.join(unused[:5])}{more}")


def explained(session: Session, ref: str, rules: RenameRules, names: Sequence[str]) -> Report:
    """Report how names of a checkpoint are renamed.

    Raises:
        VariableMissingError: The checkpoint has no such variable.
    """
    from tmplctl.refs import open_checkpoint
    from tmplctl.values import no_variable

    with open_checkpoint(session, ref) as reader:
        for name in names:
            if name not in reader:
                raise no_variable(reader, name)
        return Explained(session.relative(reader.path), [rules.explain(name) for name in names])


@final
class Explained(Report):
    """Which rule renames which name."""

    schema = "explain/1"

    def __init__(self, path: str, explanations: Sequence[Explanation]) -> None:
        self._path = path
        self._explanations = explanations

    def data(self) -> Mapping[str, Any]:
        """Return the explanations."""
        return {
            "path": self._path,
            "names": [
                {"name": found.name, "new": found.new, "rule": found.rule, "shadowed": found.shadowed}
                for found in self._explanations
            ],
        }

    def ids(self) -> Iterable[str]:
        """Return the new names."""
        return [found.new for found in self._explanations]

    def show(self, screen: Screen) -> None:
        """Show a line for each name, and the rules that come too late for it."""
        rows: list[list[str | Cell]] = []
        for found in self._explanations:
            rows.append([found.name, found.new, found.rule or Cell("no rule fits", "dim")])
            rows += [["", "", Cell(f"({later} would fit, but comes later)", "dim")] for later in found.shadowed]
        screen.table([Column("NAME", fold=True), Column("BECOMES", fold=True), Column("BY", fold=True)], rows)
