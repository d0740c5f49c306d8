"""`tmplctl show`: what is in a checkpoint."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, final

import typer

from tmplctl import text
from tmplctl.completion import complete_names, complete_refs
from tmplctl.errors import ExitCode
from tmplctl.output import Report, Screen
from tmplctl.session import Session
from tmplctl.table import Cell, Column

if TYPE_CHECKING:
    import numpy as np

    from tmplcore.checkpoint.format import LazyVariable, Metadata, Reader

__all__ = ["Contents", "EXAMPLES", "command", "dtype_name"]

EXAMPLES = (
    "tmplctl show latest                       a tree by scope, with sizes",
    "tmplctl show model.safetensors 'enc/*'    some variables of any file",
    "tmplctl show best --meta                  step, time, metrics, git commit",
    "tmplctl show 1000 --stats                 min, max, mean, NaN, a histogram",
    "tmplctl show latest --values 'dense/bias[:8]'",
)


def command(
    context: typer.Context,
    ref: Annotated[str, typer.Argument(metavar="REF", autocompletion=complete_refs, help="Which checkpoint.")],
    patterns: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATTERN", autocompletion=complete_names, help="Only these: a name, scope/, a glob, or re:..."
        ),
    ] = None,
    flat: Annotated[bool, typer.Option("--flat", help="Full names, one a line, in the order of the file.")] = False,
    meta: Annotated[bool, typer.Option("--meta", help="What the checkpoint says of itself.")] = False,
    stats: Annotated[bool, typer.Option("--stats", help="Read the values and describe them.")] = False,
    values: Annotated[
        list[str] | None,
        typer.Option(
            "--values",
            metavar="NAME[SLICE]",
            autocompletion=complete_names,
            help="Print values, such as 'dense/kernel[0, :8]'.",
        ),
    ] = None,
) -> Report:
    """Show what is in a checkpoint of any known format: a tree by scope, with shapes, dtypes and sizes.

    Only the header is read, where the format allows it: a file of many gigabytes shows at once. Exit code 1 if no
    variable fits the patterns.
    """
    from tmplctl.refs import open_checkpoint

    session: Session = context.find_root().obj
    with open_checkpoint(session, ref) as reader:
        names = _chosen(reader, patterns or [])
        report = Contents(reader, names, session, flat=flat, meta=meta, filtered=bool(patterns))
        if values:
            from tmplctl.values import read_values

            report.values = [read_values(reader, item) for item in values]
        if stats:
            from tmplctl.progress import Bar
            from tmplctl.stats import describe

            with Bar(session.output, "reading", sum(reader[name].nbytes for name in names)) as bar:
                report.stats = {name: describe(reader[name], bar.advance) for name in names}
    return report


def _chosen(reader: Reader, patterns: Sequence[str]) -> list[str]:
    if not patterns:
        return list(reader)
    from tmplcore.checkpoint.patterns import Selection

    scopes = [f"{pattern}/" if pattern not in reader else pattern for pattern in patterns]
    chosen = Selection([*patterns, *scopes])  # `show REF dense` means the scope as well
    return [name for name in reader if chosen(name)]


@final
class Contents(Report):
    """The variables of a checkpoint, and what was asked about them."""

    schema = "show/1"

    def __init__(
        self, reader: Reader, names: Sequence[str], session: Session, *, flat: bool, meta: bool, filtered: bool
    ) -> None:
        self._path = session.relative(reader.path)
        self._format = reader.format
        self._meta: Metadata = reader.meta
        self._variables: list[LazyVariable] = [reader[n] for n in names] if filtered else list(reader.values())
        self._total = len(reader)
        self._flat = flat
        self._show_meta = meta
        self._filtered = filtered
        self.stats: Mapping[str, Mapping[str, Any]] = {}
        self.values: Sequence[tuple[str, str, Any]] = ()

    @property
    def exit_code(self) -> int:
        """The answer is no if nothing fits."""
        return ExitCode.NO if self._filtered and not self._variables else ExitCode.DONE

    def data(self) -> Mapping[str, Any]:
        """Return the variables with all that is known of them."""
        read: dict[str, list[tuple[str, Any]]] = {}
        for name, index, value in self.values:
            read.setdefault(name, []).append((index, value))
        variables = []
        for variable in self._variables:
            entry: dict[str, Any] = {
                "name": variable.name,
                "shape": variable.shape,
                "dtype": dtype_name(variable),
                "nbytes": variable.nbytes,
                "trainable": variable.trainable,
                "digest": variable.digest,
                "alias_of": variable.alias_of,
            }
            if variable.name in self.stats:
                entry["stats"] = self.stats[variable.name]
            if variable.name in read:
                entry["index"], entry["values"] = read[variable.name][0]
            variables.append(entry)
        return {
            "path": self._path,
            "format": self._format,
            "variables": variables,
            "values": [{"name": name, "index": index, "values": value} for name, index, value in self.values],
            "meta": {
                "step": self._meta.step,
                "time": self._meta.time,
                "metrics": self._meta.metrics,
                "user": self._meta.user,
                "provenance": self._meta.provenance,
                "format_version": self._meta.format_version,
            },
        }

    def ids(self) -> Iterable[str]:
        """Return the names."""
        return [variable.name for variable in self._variables]

    def show(self, screen: Screen) -> None:
        """Show a line about the whole, then what was asked for."""
        screen.text(self._headline(), "bold")
        if self._show_meta:
            screen.line()
            self._show_metadata(screen)
        for name, index, value in self.values:
            from tmplctl.values import render

            screen.line()
            screen.line(f"{name}{index}", "cyan")
            for line in render(value, screen.width):
                screen.line(line)
        if self.values or (self._show_meta and not self._filtered and not self._flat and not self.stats):
            return
        screen.line()
        if not self._variables:
            screen.line("no variable fits" if self._filtered else "it has no variables")
        elif self.stats:
            self._show_stats(screen)
        elif self._flat:
            rows = [(v.name, text.shape(v.shape), dtype_name(v), text.size(v.nbytes)) for v in self._variables]
            screen.table([Column("NAME", fold=True), "SHAPE", "DTYPE", Column("SIZE", right=True)], rows)
        else:
            self._show_tree(screen)

    def _headline(self) -> str:
        nbytes = sum(variable.nbytes for variable in self._variables if variable.alias_of is None)
        shown = len(self._variables)
        counted = text.count(shown, "variable")
        parts = [self._format, f"{shown:,} of {text.count(self._total, 'variable')}" if self._filtered else counted]
        parts.append(text.size(nbytes))
        if self._meta.step is not None:
            parts.append(f"step {self._meta.step}")
        if self._meta.time is not None:
            parts.append(f"{text.age(time.time() - self._meta.time)} ago")
        parts += [f"{name} {text.number(value)}" for name, value in self._meta.metrics.items()]
        return f"{self._path}: {', '.join(parts)}"

    def _show_tree(self, screen: Screen) -> None:
        from tmplctl.tree import Scope

        rows: list[list[str | Cell]] = []
        for line in Scope.of(self._variables).lines():
            indent = "  " * line.depth
            if line.variable is None:
                about = f"{text.count(line.size, 'variable')}"
                rows.append(
                    [Cell(indent + line.label, "bold"), "", Cell(about, "dim"), Cell(text.size(line.nbytes), "dim")]
                )
            else:
                v = line.variable
                note = f" = {v.alias_of}" if v.alias_of else "" if v.trainable is not False else " (not trainable)"
                rows.append([indent + line.label + note, text.shape(v.shape), dtype_name(v), text.size(line.nbytes)])
        screen.table([Column("NAME", fold=True), "SHAPE", "DTYPE", Column("SIZE", right=True)], rows)

    def _show_stats(self, screen: Screen) -> None:
        from tmplctl.stats import sparkline

        names = [variable.name for variable in self._variables]
        rows: list[list[str | Cell]] = []
        for name in names:
            stats = self.stats[name]
            numbers = [
                "" if stats[key] is None else text.number(stats[key], 4) for key in ("min", "max", "mean", "std")
            ]
            odd = ", ".join(f"{stats[key]:,} {word}" for key, word in (("nan", "NaN"), ("inf", "Inf")) if stats[key])
            zeros = f"{stats['zeros']:,}" if stats["zeros"] else ""
            rows.append([*numbers, zeros, Cell(odd, "red"), sparkline(stats["histogram"])])
        columns = [*(Column(title, right=True) for title in ("MIN", "MAX", "MEAN", "STD", "ZEROS"))]
        columns += [Column("NAN/INF"), Column("HISTOGRAM")]
        for number in (5, 4):  # columns that have nothing to say only take room
            if not any(row[number][0] if isinstance(row[number], Cell) else row[number] for row in rows):
                del columns[number]
                rows = [row[:number] + row[number + 1 :] for row in rows]
        screen.named_table(names, columns, rows)

    def _show_metadata(self, screen: Screen) -> None:
        import json

        from tmplctl.output import json_value

        meta = self._meta
        pairs = [("format", " ".join(filter(None, [self._format, meta.format_version])))]
        if meta.step is not None:
            pairs.append(("step", str(meta.step)))
        if meta.time is not None:
            pairs.append(("time", time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(meta.time))))
        pairs += [(f"metric {name}", text.number(value)) for name, value in meta.metrics.items()]
        for title, table in (("", meta.user), ("", meta.provenance)):
            for key, value in table.items():
                shown = value if isinstance(value, str) else json.dumps(json_value(value), ensure_ascii=False)
                pairs.append((f"{title}{key}", shown))
        screen.pairs(pairs)


def dtype_name(variable: LazyVariable) -> str:
    """Return the dtype as users know it; text is `string`."""
    return _name_of(variable.dtype)


@functools.cache
def _name_of(dtype: np.dtype[Any]) -> str:
    return "string" if dtype.hasobject else str(dtype.name)
