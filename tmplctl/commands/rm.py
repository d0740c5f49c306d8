"""`tmplctl rm`: delete checkpoints by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplcore.errors import ExistsError
from tmplctl import text
from tmplctl.completion import complete_refs
from tmplctl.output import Report, Screen
from tmplctl.session import Session

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointInfo

__all__ = ["EXAMPLES", "Removed", "command"]

EXAMPLES = (
    "tmplctl rm 100 200",
    "tmplctl rm latest --dry-run",
    "tmplctl rm release-1.0 --force            although it is tagged",
)


def command(
    context: typer.Context,
    refs: Annotated[
        list[str], typer.Argument(metavar="REF", autocompletion=complete_refs, help="Steps, tags, latest, ...")
    ],
    force: Annotated[bool, typer.Option("--force", "-f", help="Tagged ones, too; their tags go with them.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be deleted.")] = False,
) -> Report:
    """Delete checkpoints of the directory.

    A tagged one needs --force (exit code 13). What another checkpoint refers to is never deleted, nor a file that is
    no checkpoint of the directory.
    """
    from tmplctl.refs import find_step

    session: Session = context.find_root().obj
    manager = session.manager
    infos = list({info.step: info for info in (find_step(session, ref) for ref in refs)}.values())
    for info in infos:
        if info.tags and not force:
            raise ExistsError(f"step {info.step} is tagged {', '.join(info.tags)}", hint="tmplctl untag, or --force")
    if not dry_run:
        for info in infos:
            manager.rm(info.step, force=force)
    return Removed(session, infos, dry_run=dry_run)


@final
class Removed(Report):
    """The checkpoints that are gone."""

    schema = "rm/1"

    def __init__(self, session: Session, infos: Sequence[CheckpointInfo], *, dry_run: bool) -> None:
        self._session = session
        self._infos = infos
        self._dry_run = dry_run

    def data(self) -> Mapping[str, Any]:
        """Return the paths and the bytes that are free now."""
        return {
            "removed": [self._session.relative(info.path) for info in self._infos],
            "nbytes": sum(info.nbytes for info in self._infos),
            "dry_run": self._dry_run,
        }

    def ids(self) -> Iterable[str]:
        """Return the paths."""
        return [self._session.relative(info.path) for info in self._infos]

    def show(self, screen: Screen) -> None:
        """Show a line for each, and the sum."""
        verb = "would delete" if self._dry_run else "deleted"
        for info in self._infos:
            screen.line(f"{verb} {self._session.relative(info.path)} ({text.size(info.nbytes)})")
