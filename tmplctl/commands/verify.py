"""`tmplctl verify`: whether the bytes are still what was written."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplcore.errors import CheckpointNotFoundError, UnreadableError
from tmplctl import text
from tmplctl.completion import complete_names, complete_refs
from tmplctl.errors import ExitCode, UsageError
from tmplctl.output import Report, Screen
from tmplctl.session import Session
from tmplctl.table import Cell, Column

if TYPE_CHECKING:
    from tmplcore.checkpoint import VerifyReport

__all__ = ["EXAMPLES", "Verified", "command"]

EXAMPLES = (
    "tmplctl verify latest",
    "tmplctl verify                        every checkpoint of the directory",
    "tmplctl verify downloads/ --jobs 4    every checkpoint file in there",
    "tmplctl verify latest --sample 10%    a random tenth of the bytes",
    "tmplctl verify broken.h5 --salvage intact.h5",
)


def command(
    context: typer.Context,
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="REF|DIR", autocompletion=complete_refs, help="The configured directory if absent."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="PATTERN", autocompletion=complete_names, help="Only these variables."),
    ] = None,
    sample: Annotated[
        str | None, typer.Option("--sample", metavar="SHARE", help="A random share of the bytes: 10%, 0.1.")
    ] = None,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, metavar="N", help="How many threads read.")] = 1,
    salvage: Annotated[
        Path | None, typer.Option("--salvage", metavar="OUT", help="Write what is intact to a new file.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace OUT if it is there.")] = False,
) -> Report:
    """Check the structure, the references between files, and every content hash. Exit code 1 if anything is damaged.

    A format without hashes can only be read through: that every byte is there is then all that is known, and the
    report says so.
    """
    from tmplcore.checkpoint import VerifyReport, verify
    from tmplcore.checkpoint import salvage as write_intact
    from tmplcore.checkpoint.format import Damage
    from tmplctl.progress import Bar
    from tmplctl.refs import check_destination

    session: Session = context.find_root().obj
    share = _share(sample)
    named, listed = _paths(session, refs)
    paths = [*named, *listed]
    if salvage is not None:
        if len(paths) != 1:
            raise UsageError(f"--salvage takes one checkpoint, not {len(paths)}", hint="name the damaged one")
        check_destination(session, salvage, force=force)
    with Bar(session.output, "verifying") as bar:
        reports, refused = [], set()
        for path in paths:
            try:
                reports.append(verify(path, include=only or None, sample=share, jobs=jobs, progress=bar.advance))
            except UnreadableError as error:
                if path not in listed:
                    raise
                # One file that cannot be read is no reason to say nothing about all others.
                problem = Damage(None, str(error), str(path))
                reports.append(VerifyReport(path=str(path), format=None, damaged=(problem,)))
                refused.add(str(path))
    lost: Mapping[str, str] | None = None
    if salvage is not None:
        with Bar(session.output, "salvaging") as bar:
            lost = write_intact(paths[0], salvage, overwrite=force, progress=bar.advance).left_out
    return Verified(session, reports, salvage, lost, refused, sampled=share is not None)


def _share(sample: str | None) -> float | None:
    if sample is None:
        return None
    try:
        share = float(sample[:-1]) / 100 if sample.endswith("%") else float(sample)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise UsageError(f"--sample {sample} is no share", hint="between 0 and 100%, such as --sample 10%")
    return share


def _paths(session: Session, refs: Sequence[str] | None) -> tuple[list[Path], list[Path]]:
    """Return the checkpoints that were named, and those in the directories that were."""
    from tmplctl.refs import is_path, resolve

    named: list[Path] = []
    listed: list[Path] = []
    for ref in refs or [str(session.config.directory)]:
        path = Path(ref)
        if is_path(session, ref) and path.is_dir():
            inside = _checkpoints_in(session, path)
            if not inside:
                raise CheckpointNotFoundError(f"{session.relative(path)} has no checkpoints", hint="name a file")
            listed += inside
        elif not refs:
            raise CheckpointNotFoundError(
                f"there is no directory {session.relative(path)}", hint="tmplctl save makes it; or name a file"
            )
        else:
            named.append(resolve(session, ref))
    return named, listed


def _checkpoints_in(session: Session, directory: Path) -> list[Path]:
    """Return what is a checkpoint in a directory, or claims by its name to be one; each of several files once."""
    from tmplcore.checkpoint import open as open_checkpoint

    suffixes = tuple(suffix for format_ in session.registry.formats() for suffix in format_.suffixes)
    found: dict[Path, None] = {}
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            with open_checkpoint(path) as reader:
                found[reader.files[0]] = None  # the one that leads to the others, whichever of them this is
        except (UnreadableError, CheckpointNotFoundError):
            if path.name.endswith(suffixes):
                found[path] = None
    return list(found)


@final
class Verified(Report):
    """What was found damaged."""

    schema = "verify/1"

    def __init__(
        self,
        session: Session,
        reports: Sequence[VerifyReport],
        salvaged: Path | None,
        lost: Mapping[str, str] | None,
        refused: Container[str],
        *,
        sampled: bool,
    ) -> None:
        self._session = session
        self._reports = reports
        self._salvaged = salvaged
        self._lost = lost
        self._refused = refused
        self._sampled = sampled

    @property
    def exit_code(self) -> int:
        """No if anything is damaged."""
        return ExitCode.DONE if all(report.ok for report in self._reports) else ExitCode.NO

    def data(self) -> Mapping[str, Any]:
        """Return all damage, and what was checked."""
        checked = [report.as_dict() for report in self._reports]
        return {
            "ok": all(report.ok for report in self._reports),
            "damaged": [damage for report in checked for damage in report["damaged"]],
            "checkpoints": checked,
            "salvaged": self._salvaged,
        }

    def ids(self) -> Iterable[str]:
        """Return the damaged checkpoints."""
        return [self._session.relative(report.path) for report in self._reports if not report.ok]

    def show(self, screen: Screen) -> None:
        """Show a line for each checkpoint, and below it each damaged variable with its bytes."""
        for report in self._reports:
            mark, style = ("ok", "green") if report.ok else ("DAMAGED", "red")
            about = f"{text.count(report.variables, 'variable')}, {text.size(report.nbytes)}"
            if report.path in self._refused:
                mark, about = "UNREADABLE", report.damaged[0].problem
            if report.hashed < report.variables:
                unhashed = "no hashes, read through" if not report.hashed else f"{report.hashed:,} with a hash"
                about += f", {unhashed}"
            name = self._session.relative(report.path)
            screen.table(["", Column("", fold=True)], [[Cell(mark, style), f"{name}: {about}"]], header=False)
            rows = []
            for damage in () if report.path in self._refused else report.damaged:
                where = ""
                if damage.start is not None:
                    where = (
                        f"bytes {damage.start:,} to {damage.stop:,}"
                        if damage.stop is not None
                        else f"byte {damage.start:,}"
                    )
                    where += f" of {Path(damage.file).name}"
                rows.append(["  " + (damage.name or "(structure)"), damage.problem, where])
            screen.table([Column("", fold=True)] * 3, rows, header=False)
        if self._sampled:
            screen.line("a sample: what was not looked at may still be damaged", "dim")
        if self._salvaged is not None:
            screen.line(
                f"wrote what is intact to {self._salvaged}, without {text.count(len(self._lost), 'variable')}"
                if self._lost
                else f"wrote all variables to {self._salvaged}"
            )
