"""`tmplctl restore`: a checkpoint's values into the backend's storage, or into a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl import text
from tmplctl.completion import complete_refs
from tmplctl.errors import UsageError, uninterrupted
from tmplctl.matching import (
    Cast,
    Exclude,
    Explain,
    Mismatch,
    Missing,
    Only,
    Rename,
    RenameFile,
    Unexpected,
    explained,
    matching_of,
    rules_of,
)  # fmt: skip
from tmplctl.output import Report, Screen
from tmplctl.planned import Plan
from tmplctl.session import Session

if TYPE_CHECKING:
    from tmplcore.checkpoint import RestoreReport
    from tmplcore.checkpoint.format import Reader

__all__ = ["EXAMPLES", "Restored", "command"]

EXAMPLES = (
    "tmplctl restore latest                    into the configured storage",
    "tmplctl restore best --dry-run            the plan alone",
    "tmplctl restore 1000 warm.npz             into a file",
    "tmplctl restore old.ckpt --rename '*/weights=*/kernel' --missing init",
    "tmplctl restore latest --explain enc/w    which rule renames it",
)


def command(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", autocompletion=complete_refs, help="Which checkpoint.")],
    destination: Annotated[
        Path | None, typer.Argument(metavar="DEST", help="A file to write; the configured storage if absent.")
    ] = None,
    source: Annotated[
        str | None, typer.Option("--source", metavar="SOURCE", help="The program, if not the configured one.")
    ] = None,
    only: Only = None,
    exclude: Exclude = None,
    rename: Rename = None,
    rename_file: RenameFile = None,
    cast: Cast = None,
    missing: Missing = None,
    unexpected: Unexpected = None,
    mismatch: Mismatch = None,
    explain: Explain = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace DEST if it is there.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Print the plan, do nothing.")] = False,
) -> Report:
    """Restore a checkpoint: print the plan, and if it holds, carry it out.

    The program (SOURCE) makes its variables, and each gets its value from the checkpoint. Strict: a variable that is
    missing, unexpected or of another shape or dtype is an error (exit code 1, nothing is touched), unless a policy
    says otherwise. With DEST and without a program all variables are restored into the file.
    """
    from tmplctl.refs import check_destination, open_checkpoint

    session: Session = context.find_root().obj
    rules = rules_of(session, rename, rename_file)
    if explain:
        return explained(session, ref, rules, explain)
    if destination is not None:
        check_destination(session, destination, force=force)
    program = source or session.config.settings.source
    how = {
        "rename": rules,
        **matching_of(session, only, exclude, missing, unexpected, mismatch, cast=cast),
    }
    with open_checkpoint(session, ref) as reader:
        path = session.relative(reader.path)
        if destination is None:
            return _into_storage(session, reader, path, program, how, dry_run=dry_run)
        if program is None:
            return _whole_into_file(session, reader, path, destination, how, force=force, dry_run=dry_run)
        return _into_file(session, reader, path, program, destination, how, force=force, dry_run=dry_run)


def _into_storage(
    session: Session, reader: Reader, path: str, program: str | None, how: Mapping[str, Any], *, dry_run: bool
) -> Report:
    from tmplcore.checkpoint import restore
    from tmplctl.progress import Bar
    from tmplctl.source import build, wanted

    backend = session.config.settings.backend
    descriptor = session.registry.backend(backend)
    if not dry_run and not descriptor.load_factory().persistent:
        raise UsageError(
            f"the {backend} backend keeps nothing when the process ends, so there is nothing to restore into",
            hint='name a file to write (tmplctl restore REF DEST), or set backend = "hdf5"',
        )
    program = wanted(session, program)
    # The plan is made without the storage, so that a plan that does not hold leaves it as it is.
    found = _plan(session, reader, program, how)
    if found.ok and not dry_run:
        _show_first(session, found, path)
        with build(session, program) as built, Bar(session.output, "restoring", found.nbytes) as bar:
            # All hashes are checked before the first live value is overwritten, and from then on it is all or all.
            with uninterrupted(session.output):
                found = restore(reader, built.value, staged=True, progress=bar.advance, **how)
                built.store.backend.flush()
    return Restored(found, path, f"the {backend} storage of {program}", dry_run=dry_run)


def _into_file(
    session: Session,
    reader: Reader,
    path: str,
    program: str,
    destination: Path,
    how: Mapping[str, Any],
    *,
    force: bool,
    dry_run: bool,
) -> Report:
    from tmplcore.checkpoint import restore, save
    from tmplctl.progress import Bar
    from tmplctl.source import build, in_memory

    found = _plan(session, reader, program, how)
    if found.ok and not dry_run:
        _show_first(session, found, path)
        with (
            build(session, program, in_memory(session)) as built,
            Bar(session.output, "restoring", 2 * found.nbytes) as bar,
        ):
            found = restore(reader, built.value, progress=bar.advance, **how)
            meta = reader.meta
            save(
                destination,
                built.value,
                step=meta.step,
                metrics=meta.metrics,
                meta=meta.user,
                overwrite=force,
                extra_provenance={"restored": {"from": reader.path.name, "rename": list(how["rename"])}},
                progress=bar.advance,
            )
    return Restored(found, path, str(destination), dry_run=dry_run)


def _whole_into_file(
    session: Session,
    reader: Reader,
    path: str,
    destination: Path,
    how: Mapping[str, Any],
    *,
    force: bool,
    dry_run: bool,
) -> Report:
    """Write all chosen variables to a file: there is no program that they could fail to fit."""
    import numpy as np

    from tmplcore.checkpoint import convert, plan
    from tmplcore.checkpoint.patterns import Selection
    from tmplctl.progress import Bar

    rules, chosen = how["rename"], Selection(how["include"], how["exclude"])
    renamed = rules.apply([name for name in reader if chosen(name, rules(name))])
    outline = {
        new: np.broadcast_to(np.zeros((), reader[old].dtype), reader[old].shape) for new, (old, _) in renamed.items()
    }
    found = plan(reader, outline, **how)
    if not dry_run:
        _show_first(session, found, path)
        with Bar(session.output, "restoring", found.nbytes) as bar:
            convert(
                reader,
                destination,
                include=how["include"],
                exclude=how["exclude"],
                rename=rules,
                overwrite=force,
                progress=bar.advance,
            )
    return Restored(found, path, str(destination), dry_run=dry_run)


def _show_first(session: Session, found: RestoreReport, path: str) -> None:
    session.output.early(Plan(found, path).show)


def _plan(session: Session, reader: Reader, program: str, how: Mapping[str, Any]) -> RestoreReport:
    from tmplcore.checkpoint import plan
    from tmplctl.source import build_dry

    with build_dry(session, program) as built:
        return replace(plan(reader, built.value, **how), target=None)


@final
class Restored(Plan):
    """The plan, and whether it was carried out."""

    schema = "restore/1"

    def __init__(self, found: RestoreReport, path: str, target: str, *, dry_run: bool) -> None:
        super().__init__(found, path)
        self._target = target
        self._dry_run = dry_run

    def data(self) -> Mapping[str, Any]:
        """Return the plan, the target, and whether anything was done."""
        return {**super().data(), "target": self._target, "dry_run": self._dry_run}

    def show(self, screen: Screen) -> None:
        """Show the plan, unless it was shown before it was carried out, then what was done."""
        if self._dry_run or not self.found.ok:
            self.show_plan(screen, matched=True)
        size = text.size(self.found.nbytes)
        if not self.found.ok:
            screen.text(f"nothing was restored: {self.path} does not fit ({self.summary()})", "red")
            screen.text(
                "tmplctl check proposes renames; --missing, --unexpected and --mismatch say what else may be done"
            )
        elif self._dry_run:
            screen.text(f"would restore {self.path} into {self._target}: {self.summary()}, {size}")
        else:
            screen.text(f"restored {self.path} into {self._target}: {self.summary()}, {size}")
