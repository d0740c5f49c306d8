"""`tmplctl tag`: a name for a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplcore.errors import ExistsError
from tmplctl.completion import complete_refs, complete_tags
from tmplctl.output import Report, Screen
from tmplctl.session import Session

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointInfo

__all__ = ["EXAMPLES", "Tagged", "command"]

EXAMPLES = (
    "tmplctl tag best release-1.0",
    "tmplctl tag 1000 good",
    "tmplctl tag latest good --force           move it",
)


def command(
    context: typer.Context,
    ref: Annotated[
        str, typer.Argument(metavar="REF", autocompletion=complete_refs, help="latest, best, a step, a tag.")
    ],
    tag: Annotated[str, typer.Argument(metavar="TAG", autocompletion=complete_tags, help="The name.")],
    force: Annotated[bool, typer.Option("--force", "-f", help="Move the tag if another checkpoint has it.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done.")] = False,
) -> Report:
    """Give a checkpoint of the directory a name. A tag protects its checkpoint from being pruned.

    Numbers, and words such as `latest` and `best`, cannot be tags.
    """
    from tmplcore.checkpoint.tags import check_tag
    from tmplctl.refs import find_step

    session: Session = context.find_root().obj
    check_tag(tag)
    info = find_step(session, ref)
    previous = session.manager.tags().get(tag)
    if previous is not None and previous != info.step and not force:
        raise ExistsError(f"the tag {tag!r} is at step {previous} already", hint="--force moves it")
    if not dry_run:
        session.manager.tag(tag, info.step, force=force)
    return Tagged(session, info, tag, previous, dry_run=dry_run)


@final
class Tagged(Report):
    """A tag and the checkpoint that has it now."""

    schema = "tag/1"

    def __init__(
        self, session: Session, info: CheckpointInfo, tag: str, previous: int | None, *, dry_run: bool
    ) -> None:
        self._session = session
        self._info = info
        self._tag = tag
        self._previous = previous
        self._dry_run = dry_run

    def data(self) -> Mapping[str, Any]:
        """Return the tag, the step, and the step that had it before."""
        return {
            "tag": self._tag,
            "step": self._info.step,
            "path": self._session.relative(self._info.path),
            "previous": self._previous,
            "dry_run": self._dry_run,
        }

    def ids(self) -> Iterable[str]:
        """Return the tag."""
        return [self._tag]

    def show(self, screen: Screen) -> None:
        """Show where the tag is now."""
        verb = "would tag" if self._dry_run else "tagged"
        moved = self._previous is not None and self._previous != self._info.step
        before = f" (it was at step {self._previous})" if moved else ""
        screen.text(f"{verb} step {self._info.step} {self._tag}{before}")
