"""`tmplctl prune`: delete the checkpoints that no rule keeps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl import text
from tmplctl.completion import complete_tags
from tmplctl.errors import UsageError
from tmplctl.output import Report, Screen
from tmplctl.session import Session
from tmplctl.table import Cell, Column

if TYPE_CHECKING:
    from tmplcore.checkpoint import KeepRule, PruneReport

__all__ = ["EXAMPLES", "Outcome", "command"]

EXAMPLES = (
    "tmplctl prune --dry-run                   by the configured rules",
    "tmplctl prune --keep-last 3 --keep-every 1000",
    "tmplctl prune --keep-best loss:min:3 --keep-within 7d -n",
    "tmplctl prune --keep-last 1 --keep-tag 'release-*'",
    "tmplctl prune --tmp                       only what killed saves left behind",
)


def command(
    context: typer.Context,
    last: Annotated[int | None, typer.Option("--keep-last", min=1, metavar="N", help="The newest N.")] = None,
    every: Annotated[
        int | None, typer.Option("--keep-every", min=1, metavar="K", help="Steps that are multiples of K.")
    ] = None,
    best: Annotated[
        list[str] | None,
        typer.Option("--keep-best", metavar="METRIC:min|max:N", help="The N best; may be repeated."),
    ] = None,
    within: Annotated[
        str | None, typer.Option("--keep-within", metavar="AGE", help="Younger than 7d, 36h, 90m.")
    ] = None,
    tags: Annotated[
        list[str] | None,
        typer.Option(
            "--keep-tag", metavar="PATTERN", autocompletion=complete_tags, help="Only these tags protect, not all."
        ),
    ] = None,
    temporary: Annotated[
        bool, typer.Option("--tmp", help="Only what crashed processes left behind; no checkpoint.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be deleted, and why.")] = False,
) -> Report:
    """Delete the checkpoints that no rule keeps, and what crashed processes left behind; print the reason for each.

    The rules are those of the flags, or else of the configuration; without any nothing is deleted. The newest valid
    checkpoint is always kept, a tag protects, and what is damaged or not ours is never deleted.
    """
    session: Session = context.find_root().obj
    rules = _rules(last, every, best, within, tags)
    if temporary:
        if rules:
            raise UsageError("--tmp deletes no checkpoint, so it takes no rule", hint="leave out one of them")
        return Outcome(session.manager.prune((), dry_run=dry_run), session, rules=False)
    if not rules and not session.manager.keep:
        raise UsageError(
            "no rule says what to keep",
            hint="--keep-last 5, or a table [checkpoints.keep] in the configuration; --tmp deletes no checkpoint",
        )
    _check_metrics(session, rules)
    return Outcome(session.manager.prune(rules or None, dry_run=dry_run), session)


def _rules(
    last: int | None, every: int | None, best: list[str] | None, within: str | None, tags: list[str] | None
) -> list[KeepRule]:
    from tmplcore.checkpoint import KeepBest, KeepEvery, KeepLast, KeepTagged, KeepWithin

    rules: list[KeepRule] = []
    if last is not None:
        rules.append(KeepLast(last))
    if every is not None:
        rules.append(KeepEvery(every))
    rules += map(KeepBest.parse, best or [])
    if within is not None:
        rules.append(KeepWithin(within))
    if tags:
        rules.append(KeepTagged(*tags))
    return rules


def _check_metrics(session: Session, rules: list[KeepRule]) -> None:
    """Refuse a metric that no checkpoint has: what a typing error keeps is nothing, and the rest would be deleted."""
    from tmplcore.checkpoint import KeepBest

    found = session.manager.list()
    known = {metric for info in found for metric in info.metrics}
    for rule in rules:
        if found and isinstance(rule, KeepBest) and rule.metric not in known:
            raise UsageError(
                f"no checkpoint has the metric {rule.metric!r}",
                hint=f"there are {', '.join(sorted(known))}" if known else "tmplctl save --metric records one",
            )


@final
class Outcome(Report):
    """What was deleted and what stays."""

    schema = "prune/1"

    def __init__(self, report: PruneReport, session: Session, *, rules: bool = True) -> None:
        self._report = report
        self._session = session
        self._rules = rules

    def data(self) -> Mapping[str, Any]:
        """Return every decision with its reasons."""
        found = self._report.as_dict()
        for info in (*found["deleted"], *found["kept"]):
            info["path"] = self._session.relative(info["path"])
        return found

    def ids(self) -> Iterable[str]:
        """Return the paths that are, or would be, gone."""
        gone = [info.path for info in self._report.deleted] if self._rules else self._report.leftovers
        return [self._session.relative(path) for path in gone]

    def show(self, screen: Screen) -> None:
        """Show a row for each checkpoint with the decision and the reason."""
        report = self._report
        rows: list[list[str | Cell]] = []
        for info, keep, reasons in report.decisions if self._rules else ():
            word = Cell("keep", "green") if keep else Cell("would delete" if report.dry_run else "deleted", "red")
            rows.append([str(info.step), text.size(info.nbytes), word, ", ".join(reasons)])
        columns = [Column("STEP", right=True), Column("SIZE", right=True), Column(""), Column("WHY", fold=True)]
        if rows:
            screen.table(columns, rows)
        verb = "would delete" if report.dry_run else "deleted"
        for path in report.leftovers:
            screen.text(f"{verb} {self._session.relative(path)}: left by a process that is gone")
        if rows:
            screen.line()
        if not self._rules:
            stay = text.count(len(report.kept), "checkpoint")
            screen.text(f"{verb} {text.count(len(report.leftovers), 'file')} left behind; {stay} stay")
            return
        freed = text.size(report.nbytes)
        screen.text(f"{verb} {text.count(len(report.deleted), 'checkpoint')}, {freed}; {len(report.kept):,} stay")
