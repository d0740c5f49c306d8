"""`tmplctl init`: a configuration and a small model, to start from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, final

import typer

from tmplcore.errors import ExistsError
from tmplctl.errors import UsageError
from tmplctl.output import Report, Screen
from tmplctl.session import Session

__all__ = ["EXAMPLES", "Written", "command"]

EXAMPLES = (
    "tmplctl init                    here",
    "tmplctl init my-project         in a new directory",
    "tmplctl init --config-only      tmpl.toml alone, for a program of your own",
)


def command(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to; made if it is not there.")] = Path(),
    config_only: Annotated[bool, typer.Option("--config-only", help="Write tmpl.toml, no model.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be written.")] = False,
) -> Report:
    """Write a commented tmpl.toml and a small model that trains, so that `tmplctl save` works at once.

    Nothing is ever overwritten: if one of the files is there already, none is written (exit code 13).
    """
    session: Session = context.find_root().obj
    names = ["tmpl.toml"] if config_only else ["tmpl.toml", "model.py"]
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"{directory} is not a directory", hint="name a directory, or none for this one")
    taken = [name for name in names if os.path.lexists(directory / name)]
    if taken:
        raise ExistsError(
            f"{' and '.join(str(directory / name) for name in taken)} exist already; nothing was written"
            if len(taken) > 1
            else f"{directory / taken[0]} exists already; nothing was written",
            hint="tmplctl init DIR writes into another directory; move the file away to begin anew",
        )
    paths = [directory / name for name in names]
    if not dry_run:
        directory.mkdir(parents=True, exist_ok=True)
        _write(paths)
    return Written(session, paths, dry_run=dry_run)


def _write(paths: Sequence[Path]) -> None:
    done: list[Path] = []
    try:
        for path in paths:
            text = resources.files("tmplctl").joinpath("templates", f"{path.name}.in").read_text(encoding="utf-8")
            with path.open("x", encoding="utf-8") as file:  # "x": not even if it has appeared a moment ago
                done.append(path)
                file.write(text)
    except BaseException:
        for path in done:
            path.unlink(missing_ok=True)
        raise


@final
class Written(Report):
    """The files that were written, or would be."""

    schema = "init/1"

    def __init__(self, session: Session, paths: Sequence[Path], *, dry_run: bool) -> None:
        self._session = session
        self._paths = paths
        self._dry_run = dry_run

    def data(self) -> Mapping[str, Any]:
        """Return the paths."""
        return {"written": self._paths, "dry_run": self._dry_run}

    def ids(self) -> Iterable[str]:
        """Return the paths."""
        return [str(path) for path in self._paths]

    def show(self, screen: Screen) -> None:
        """Show the files and what to do next."""
        for path in self._paths:
            screen.line(f"{'would write' if self._dry_run else 'wrote'} {path}")
        if not self._dry_run and len(self._paths) > 1:
            screen.line()
            if self._paths[0].parent != Path():
                screen.line(f"  cd {self._paths[0].parent}")
            screen.line("  tmplctl save          save the variables as they are")
            screen.line("  python model.py       train; writes checkpoints on the way")
            screen.line("  tmplctl list          see them")
