"""`tmplctl list`: the checkpoints of a directory."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl import text
from tmplctl.output import Report, Screen
from tmplctl.session import Session
from tmplctl.table import Cell, Column

if TYPE_CHECKING:
    from tmplcore.checkpoint import CheckpointInfo

__all__ = ["Checkpoints", "EXAMPLES", "command"]

EXAMPLES = (
    "tmplctl list",
    "tmplctl list runs/7                       another directory",
    "tmplctl list --json | jq '.checkpoints[-1].metrics'",
    "tmplctl list --quiet                      paths, for a script",
)

_STATES = {"ok": "green", "damaged": "red", "temporary": "yellow", "foreign": "dim"}


def command(
    context: typer.Context,
    where: Annotated[Path | None, typer.Argument(metavar="DIR", help="The configured directory if absent.")] = None,
) -> Report:
    """List checkpoints, oldest first: step, age, variables, size, tags, metrics, state, and what keeps each.

    Only headers are read. An empty directory, or none yet, is an empty list.
    """
    session: Session = context.find_root().obj
    if where is not None:
        if not where.is_dir():
            from tmplcore.errors import CheckpointNotFoundError
            from tmplctl.errors import UsageError

            if where.exists():
                raise UsageError(f"{where} is not a directory", hint=f"tmplctl show {where}")
            raise CheckpointNotFoundError(f"there is no directory {where}", hint="tmplctl save makes one")
        session.overrides["checkpoints.directory"] = str(where.expanduser().absolute())
    return Checkpoints(session.manager.list(), session)


@final
class Checkpoints(Report):
    """The checkpoints of a directory."""

    schema = "list/1"

    def __init__(self, infos: Sequence[CheckpointInfo], session: Session) -> None:
        self._infos = infos
        self._session = session

    def data(self) -> Mapping[str, Any]:
        """Return all that is known of each."""
        return {"checkpoints": [{**info.as_dict(), "path": self._session.relative(info.path)} for info in self._infos]}

    def ids(self) -> Iterable[str]:
        """Return the paths of those that can be used."""
        return [self._session.relative(info.path) for info in self._infos if info.state == "ok"]

    def show(self, screen: Screen) -> None:
        """Show a row for each, then what is wrong."""
        directory = self._session.relative(self._session.config.directory)
        if not self._infos:
            screen.text(f"no checkpoints in {directory}; tmplctl save makes one")
            return
        now = time.time()
        rows: list[list[str | Cell]] = []
        for info in self._infos:
            style = "" if info.state == "ok" else "dim"
            metrics = ", ".join(f"{name} {text.number(value)}" for name, value in info.metrics.items())
            rows.append(
                [
                    Cell(str(info.step), "bold" if info.state == "ok" else style),
                    Cell(text.age(now - info.time), style),
                    Cell(f"{info.variables:,}" if info.state == "ok" else "", style),
                    Cell(text.size(info.nbytes), style),
                    Cell(info.state, _STATES.get(info.state, "")),
                    Cell(", ".join(info.tags), "cyan"),
                    metrics,
                    Cell(", ".join(info.kept_by), "dim"),
                ]
            )
        right = [Column(title, right=True) for title in ("STEP", "AGE", "VARIABLES", "SIZE")]
        columns = [*right, Column("STATE"), Column("TAGS", fold=True), Column("METRICS", fold=True)]
        columns.append(Column("KEPT BY", fold=True))
        for number in (7, 6, 5):  # columns that have nothing to say only take room
            if not any(_text(row[number]) for row in rows):
                del columns[number]
                rows = [row[:number] + row[number + 1 :] for row in rows]
        screen.table(columns, rows)
        for info in self._infos:
            if info.problem:
                screen.text(f"{self._session.relative(info.path)}: {info.problem}", "yellow")
        screen.line()
        total = text.size(sum(info.nbytes for info in self._infos))
        screen.text(f"{text.count(len(self._infos), 'checkpoint')} in {directory}, {total}")


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell
