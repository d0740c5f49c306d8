"""`tmplctl convert`: a checkpoint in another format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl import text
from tmplctl.completion import complete_refs
from tmplctl.errors import UsageError
from tmplctl.matching import Exclude, Explain, Only, Rename, RenameFile, explained, rules_of, warn_of_unused
from tmplctl.output import Report, Screen
from tmplctl.session import Session

if TYPE_CHECKING:
    from tmplcore.checkpoint import ConvertReport

__all__ = ["Converted", "EXAMPLES", "command"]

EXAMPLES = (
    "tmplctl convert model.ckpt model.h5       a TensorFlow bundle, by its prefix",
    "tmplctl convert latest weights.npz --strip-slots",
    "tmplctl convert a.h5 b.safetensors --cast bfloat16",
    "tmplctl convert a.h5 b.h5 --cast 'enc/=float16' --rename 'enc/=encoder/'",
)

MOST = 10  # lines of one kind; who wants all of thousands asks for JSON


def command(
    context: typer.Context,
    source: Annotated[str, typer.Argument(metavar="SRC", autocompletion=complete_refs, help="What to read.")],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="The file to write; its ending says the format.")],
    format_: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="The format, where the ending does not say it.")
    ] = None,
    only: Only = None,
    exclude: Exclude = None,
    rename: Rename = None,
    rename_file: RenameFile = None,
    explain: Explain = None,
    cast: Annotated[
        list[str] | None,
        typer.Option(
            "--cast",
            metavar="[PATTERN=]DTYPE",
            help="Floats, or all that fit a pattern, to this dtype; may be repeated.",
        ),
    ] = None,
    strip_slots: Annotated[
        bool, typer.Option("--strip-slots", help="Leave out what an optimizer keeps (w/Adam, beta1_power).")
    ] = False,
    compression: Annotated[
        str | None, typer.Option("--compression", metavar="CODEC", help="zstd, blosc2, ... where the format can.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace DST if it is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be written.")] = False,
) -> Report:
    """Convert a checkpoint of any readable format to any writable one: bit for bit, unless told otherwise.

    Memory stays small, whatever the size. Metadata is carried over; renames and casts are recorded in it. The file
    appears whole or not at all.
    """
    from tmplcore.checkpoint import convert
    from tmplctl.progress import Bar
    from tmplctl.refs import check_destination, open_checkpoint, resolve

    session: Session = context.find_root().obj
    rules = rules_of(session, rename, rename_file, configured=False)
    if explain:
        return explained(session, source, rules, explain)
    check_destination(session, destination, force=force, format_name=format_)
    if _same(resolve(session, source), destination):
        raise UsageError(f"{source} and {destination} are one file", hint="name another destination")
    with open_checkpoint(session, source) as reader:
        warn_of_unused(session, rules, reader)
        with Bar(session.output, "converting", sum(variable.nbytes for variable in reader.values())) as bar:
            report = convert(
                reader,
                destination,
                format=format_,
                include=only or None,
                exclude=exclude,
                rename=rules,
                cast=_casts(cast),
                strip_slots=strip_slots,
                overwrite=force,
                compression=compression,
                progress=bar.advance,
                dry_run=dry_run,
            )
    return Converted(session, report, dry_run=dry_run)


def _same(source: Path, destination: Path) -> bool:
    try:
        return source.samefile(destination)
    except OSError:
        return False


def _casts(given: list[str] | None) -> dict[str, str] | None:
    """Read `--cast bfloat16` and `--cast 'enc/=float16'`; the one without a pattern is for all other floats."""
    if not given:
        return None
    casts: dict[str, str] = {}
    for item in given:
        pattern, _, dtype = item.rpartition("=")
        casts[pattern] = dtype
    return casts


@final
class Converted(Report):
    """What was written, or would be."""

    schema = "convert/1"

    def __init__(self, session: Session, report: ConvertReport, *, dry_run: bool) -> None:
        self._session = session
        self._report = report
        self._dry_run = dry_run

    def data(self) -> Mapping[str, Any]:
        """Return what was written, renamed, cast and left out."""
        return {**self._report.as_dict(), "dry_run": self._dry_run}

    def ids(self) -> Iterable[str]:
        """Return the new file."""
        return [self._report.path]

    def show(self, screen: Screen) -> None:
        """Show what became of what, and what is not in it."""
        report = self._report
        verb = "would write" if self._dry_run else "wrote"
        counted = f"{text.count(len(report.variables), 'variable')}, {text.size(report.nbytes)}"
        screen.line(f"{verb} {self._session.relative(report.path)}: {report.format}, {counted}")
        _show_some(screen, "renamed", [f"renamed {old} -> {new}" for new, old in report.renamed.items()])
        _show_some(screen, "cast", [f"cast {name}: {old} -> {new}" for name, (old, new) in report.cast.items()])
        _show_some(screen, "left out", [f"left out {name}: {reason}" for name, reason in report.left_out.items()])
        for name, amount in report.overflowed.items():
            screen.text(f"{name}: {amount:,} finite numbers became infinite", "yellow", indent=2)


def _show_some(screen: Screen, what: str, lines: list[str]) -> None:
    for line in lines if len(lines) <= MOST + 1 else lines[:MOST]:
        screen.text(line, "dim", indent=2)
    if len(lines) > MOST + 1:
        screen.text(f"and {len(lines) - MOST:,} more {what}; --json lists them all", "dim", indent=2)
