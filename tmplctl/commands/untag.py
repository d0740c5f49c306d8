"""`tmplctl untag`: take names away again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, final

import typer

from tmplcore.errors import CheckpointNotFoundError
from tmplctl.completion import complete_tags
from tmplctl.output import Report, Screen
from tmplctl.session import Session

__all__ = ["EXAMPLES", "Untagged", "command"]

EXAMPLES = ("tmplctl untag good", "tmplctl untag old-1 old-2 --dry-run")


def command(
    context: typer.Context,
    tags: Annotated[list[str], typer.Argument(metavar="TAG", autocompletion=complete_tags, help="The tags to remove.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> Report:
    """Remove tags; the checkpoints stay, and are pruned like all others from now on."""
    session: Session = context.find_root().obj
    known = session.manager.tags()
    for tag in tags:  # all of them are looked for before one is removed
        if tag not in known:
            from difflib import get_close_matches

            near = get_close_matches(tag, known, n=1)
            there = f"there are {', '.join(known)}" if known else "there are no tags"
            raise CheckpointNotFoundError(
                f"there is no tag {tag!r}", hint=f"did you mean {near[0]}?" if near else there
            )
    if not dry_run:
        for tag in dict.fromkeys(tags):
            session.manager.untag(tag)
    return Untagged([(tag, known[tag]) for tag in dict.fromkeys(tags)], dry_run=dry_run)


@final
class Untagged(Report):
    """The tags that are gone."""

    schema = "untag/1"

    def __init__(self, removed: list[tuple[str, int]], *, dry_run: bool) -> None:
        self._removed = removed
        self._dry_run = dry_run

    def data(self) -> Mapping[str, Any]:
        """Return the tags and their steps."""
        return {"removed": [{"tag": tag, "step": step} for tag, step in self._removed], "dry_run": self._dry_run}

    def ids(self) -> Iterable[str]:
        """Return the tags."""
        return [tag for tag, _ in self._removed]

    def show(self, screen: Screen) -> None:
        """Show a line for each."""
        for tag, step in self._removed:
            screen.text(f"{'would untag' if self._dry_run else 'untagged'} step {step}: {tag} is gone")
