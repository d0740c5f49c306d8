"""`tmplctl diff`: what differs between two checkpoints."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl import text
from tmplctl.completion import complete_refs
from tmplctl.errors import ExitCode, UsageError
from tmplctl.matching import Exclude, Only, Rename, RenameFile, rules_of, warn_of_unused
from tmplctl.output import Report, Screen
from tmplctl.session import Session
from tmplctl.table import Cell, Column

if TYPE_CHECKING:
    from tmplcore.checkpoint import DiffReport

__all__ = ["Differences", "EXAMPLES", "command"]

EXAMPLES = (
    "tmplctl diff latest~1 latest              by hashes alone: milliseconds",
    "tmplctl diff old.npz new.h5 --values      how much each one changed",
    "tmplctl diff a.h5 b.h5 --tolerance 1e-6   small changes are none",
    "tmplctl diff main.h5 mine.h5 --values --md   for a pull request",
    "tmplctl diff old.h5 new.h5 --rename 'enc/=encoder/'",
)


def command(
    context: typer.Context,
    first: Annotated[str, typer.Argument(metavar="A", autocompletion=complete_refs, help="The checkpoint before.")],
    second: Annotated[str, typer.Argument(metavar="B", autocompletion=complete_refs, help="The checkpoint after.")],
    values: Annotated[bool, typer.Option("--values", help="Measure how much each variable changed.")] = False,
    tolerance: Annotated[
        float, typer.Option("--tolerance", metavar="ABS", help="An absolute difference that counts as none.")
    ] = 0.0,
    relative: Annotated[
        float, typer.Option("--relative", metavar="REL", help="A relative difference that counts as none.")
    ] = 0.0,
    only_changed: Annotated[
        bool, typer.Option("--only-changed", help="List changed values only, nothing added, removed or reshaped.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--md", help="Write Markdown.")] = False,
    only: Only = None,
    exclude: Exclude = None,
    rename: Rename = None,
    rename_file: RenameFile = None,
) -> Report:
    """Compare two checkpoints of any two formats. Exit code 0 if they are the same, 1 if they differ.

    Variables whose hashes are equal are equal, and are not read; `tmplctl verify` tells whether a file still is what
    its hashes say. Rename rules lead from names in A to names in B.
    """
    from tmplcore.checkpoint import diff
    from tmplctl.progress import Bar
    from tmplctl.refs import open_checkpoint

    session: Session = context.find_root().obj
    for option, number in (("--tolerance", tolerance), ("--relative", relative)):
        if not 0 <= number < float("inf"):
            raise UsageError(f"{option} {number} is no tolerance", hint="a number of at least 0")
    rules = rules_of(session, rename, rename_file, configured=False)
    with open_checkpoint(session, first) as a, open_checkpoint(session, second) as b:
        warn_of_unused(session, rules, a)
        total = sum(variable.nbytes for variable in b.values())
        with Bar(session.output, "comparing", total) as bar:
            found = diff(
                a,
                b,
                values=values,
                tolerance=tolerance,
                relative=relative,
                rename=rules,
                include=only or None,
                exclude=exclude,
                progress=bar.advance,
            )
        names = session.relative(a.path), session.relative(b.path)
    return Differences(names, found, only_changed=only_changed, markdown=markdown)


@final
class Differences(Report):
    """What differs."""

    schema = "diff/1"

    def __init__(self, names: tuple[str, str], found: DiffReport, *, only_changed: bool, markdown: bool) -> None:
        self._names = names
        self._found = found
        self._only_changed = only_changed
        self._markdown = markdown

    @property
    def exit_code(self) -> int:
        """No if they differ."""
        return ExitCode.DONE if self._found.same else ExitCode.NO

    def data(self) -> Mapping[str, Any]:
        """Return all differences."""
        return self._found.as_dict()

    def ids(self) -> Iterable[str]:
        """Return the names that differ."""
        found = self._found
        if self._only_changed:
            return [item.name for item in found.changed]
        return [item.name for items in (found.removed, found.added, found.reshaped, found.changed) for item in items]

    def show(self, screen: Screen) -> None:
        """Show a row for each variable that differs, with a sign before its name."""
        if self._markdown:
            self._show_markdown(screen)
            return
        rows: list[list[str | Cell]] = []
        measured = any(change.changed is not None for change in self._found.changed)
        for sign, style, name, what, numbers in self._rows():
            rows.append([Cell(f"{sign} {name}", style), what, *(numbers if measured else [])])
        if rows:
            titles = [Column(title, right=True) for title in self._titles()] if measured else []
            screen.table([Column("  NAME", fold=True), Column("WHAT", fold=True), *titles], rows)
            screen.line()
        screen.text(self._summary())

    def _titles(self) -> list[str]:
        return ["MAX ABS", "MAX REL", "ULP", "NORM", "CHANGED"]

    def _rows(self) -> Iterable[tuple[str, str, str, str, list[str]]]:
        found, blank = self._found, [""] * 5
        if not self._only_changed:
            for item in found.removed:
                yield "-", "red", item.name, f"removed  {text.shape(item.shape)} {item.dtype}", blank
            for item in found.added:
                yield "+", "green", item.name, f"added  {text.shape(item.shape)} {item.dtype}", blank
            for shaped in found.reshaped:
                old, new = (text.shape(shape) for shape in shaped.shape)
                yield "~", "yellow", shaped.name, f"reshaped  {old} -> {new}", blank
        for change in found.changed:
            what = (
                "changed" if change.dtype[0] == change.dtype[1] else f"changed  {change.dtype[0]} -> {change.dtype[1]}"
            )
            if change.nonfinite:
                what += f"  ({change.nonfinite:,} NaN/Inf)"
            numbers = [
                "" if value is None else text.number(value)
                for value in (change.max_abs, change.max_rel, change.max_ulp, change.norm)
            ]
            share = "" if change.share is None else f"{100 * change.share:.3g}%"
            yield "!", "cyan", change.name, what, [*numbers, share]

    def _summary(self) -> str:
        found = self._found
        counts = [
            f"{len(items):,} {word}"
            for word, items in (
                ("removed", found.removed),
                ("added", found.added),
                ("reshaped", found.reshaped),
                ("changed", found.changed),
            )
            if items
        ]
        counts.append(f"{len(found.unchanged):,} unchanged")
        if found.within_tolerance:
            counts.append(f"{len(found.within_tolerance):,} of them within the tolerance")
        answer = "same" if found.same else "different"
        return f"{self._names[0]} and {self._names[1]}: {answer}; {', '.join(counts)} (by {found.compared_by})"

    def _show_markdown(self, screen: Screen) -> None:
        def code(name: str) -> str:
            return "`" + name.replace("|", "\\|").replace("`", "'") + "`"

        screen.line(f"**{code(self._names[0])} → {code(self._names[1])}**: {self._summary().partition(': ')[2]}")
        rows = list(self._rows())
        if rows:
            measured = any(change.changed is not None for change in self._found.changed)
            titles = ["variable", "what", *([title.lower() for title in self._titles()] if measured else [])]
            screen.line()
            screen.line("| " + " | ".join(titles) + " |")
            screen.line("| " + " | ".join(["---", "---", *["---:"] * (len(titles) - 2)]) + " |")
            for _, _, name, what, numbers in rows:
                screen.line("| " + " | ".join([code(name), what, *(numbers if measured else [])]) + " |")
