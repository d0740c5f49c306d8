"""`tmplctl check`: whether a checkpoint fits a program, without running it for real."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl.completion import complete_refs
from tmplctl.errors import UsageError
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
    from tmplcore.checkpoint import RenameProposal, RestoreReport

__all__ = ["Checked", "EXAMPLES", "command"]

EXAMPLES = (
    "tmplctl check model:build old.ckpt        a TensorFlow checkpoint",
    "tmplctl check latest                      the configured program",
    "tmplctl check model:build old.ckpt --rename '*/weights=*/kernel'",
    "tmplctl check new.h5 old.npz              a file in the program's place",
)


def command(
    context: typer.Context,
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="[SOURCE] REF", autocompletion=complete_refs, help="The configured program if only REF is given."
        ),
    ],
    only: Only = None,
    exclude: Exclude = None,
    rename: Rename = None,
    rename_file: RenameFile = None,
    cast: Cast = None,
    missing: Missing = None,
    unexpected: Unexpected = None,
    mismatch: Mismatch = None,
    explain: Explain = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="List what simply matches, too.")] = False,
) -> Report:
    """Compare the variables that a program would make with those of a checkpoint. Exit code 0 if they fit, else 1.

    The program runs dry: names, shapes and dtypes, no large allocation. What is missing, unexpected or mismatched is
    listed, with proposed renames that can be pasted.
    """
    from tmplcore.checkpoint import plan, propose_renames
    from tmplctl.refs import open_checkpoint
    from tmplctl.source import build_dry, is_program, wanted

    session: Session = context.find_root().obj
    if len(arguments) > 2:
        raise UsageError(f"check takes SOURCE and REF, not {len(arguments)} arguments", hint="tmplctl check --help")
    ref = arguments[-1]
    source = wanted(session, arguments[0] if len(arguments) == 2 else None)
    rules = rules_of(session, rename, rename_file)
    if explain:
        return explained(session, ref, rules, explain)
    how = {"rename": rules, **matching_of(session, only, exclude, missing, unexpected, mismatch, cast=cast)}
    with open_checkpoint(session, ref) as reader:
        if is_program(source):
            with build_dry(session, source) as built:
                found = plan(reader, built.value, **how)
        else:
            with open_checkpoint(session, source) as target:
                found = plan(reader, target, **how)
        proposals = propose_renames(found)
        return Checked(replace(found, target=None), session.relative(reader.path), source, proposals, verbose=verbose)


@final
class Checked(Plan):
    """The plan, and proposed renames."""

    schema = "check/1"

    def __init__(
        self,
        found: RestoreReport,
        path: str,
        source: str,
        proposals: Sequence[RenameProposal],
        *,
        verbose: bool,
    ) -> None:
        super().__init__(found, path)
        self._source = source
        self._proposals = proposals
        self._verbose = verbose

    def data(self) -> Mapping[str, Any]:
        """Return the plan and the proposals."""
        return {**super().data(), "source": self._source, "proposals": [item.as_dict() for item in self._proposals]}

    def show(self, screen: Screen) -> None:
        """Show what does not match, the proposals, and the answer."""
        self.show_plan(screen, matched=self._verbose)
        for rule in self._rules_astray():
            screen.text(f"the rule {rule} makes no name that {self._source} has", "yellow")
        if self._proposals:
            moved = {entry.source for entry in self.found.unexpected if entry.rule is not None}
            after = any(old in moved for proposal in self._proposals for old, _ in proposal.matches)
            where = " before the other rules" if after else ""
            screen.line(f"proposed renames, to be pasted{where}:", "bold")
            for proposal in self._proposals:
                about = f"   # {len(proposal.matches)} variables" if len(proposal.matches) > 1 else ""
                screen.line(f"  --rename {shlex.quote(proposal.rule)}{about}", "cyan")
            screen.line()
        answer = "fits" if self.found.ok else "does not fit"
        screen.text(f"{self.path} {answer} {self._source}: {self.summary()}", "green" if self.found.ok else "red")

    def _rules_astray(self) -> list[str]:
        """Return the rules of which every new name is unexpected, in their order."""
        found = self.found
        used = {entry.rule: None for entry in found.unexpected if entry.rule is not None}
        good = {entry.rule for entry in (*found.renamed, *found.mismatched)}
        return [rule for rule in used if rule not in good]
