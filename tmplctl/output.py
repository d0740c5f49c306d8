"""The one place that writes: a command returns a report, and the sink shows it to people or to machines.

People get tables on stdout; `--json` one object, failures included; `--quiet` the ids alone, one a line.
Warnings, notes, errors and progress go to stderr.
"""

from __future__ import annotations

import json
import math
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar, TextIO, final

from tmplctl.errors import ExitCode, Failure
from tmplctl.table import NARROWEST, Cell, Column, fold, layout, paint, width_of
from tmplctl.text import clean, utf8

__all__ = ["Mode", "Output", "Report", "Screen", "json_value"]


class Mode(Enum):
    """Who reads."""

    HUMAN = "human"
    JSON = "json"
    QUIET = "quiet"


class Report(ABC):
    """What a command has found or done, before anybody has decided how to show it.

    Attributes:
        schema: The name and version of its JSON object (`list/1`).
    """

    schema: ClassVar[str]

    @property
    def exit_code(self) -> int:
        """What the process ends with: done, unless the answer can be no."""
        return ExitCode.DONE

    @abstractmethod
    def data(self) -> Mapping[str, Any]:
        """Return the JSON object, without `schema`."""

    @abstractmethod
    def ids(self) -> Iterable[str]:
        """Return what `--quiet` prints: names or paths, one a line."""

    @abstractmethod
    def show(self, screen: Screen) -> None:
        """Lay it out for people."""


def json_value(value: Any) -> Any:
    """Turn a value into what JSON has: NaN and infinities become the strings `NaN`, `Infinity`, `-Infinity`."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return "NaN"
        return float(value) if math.isfinite(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {utf8(str(key)): json_value(item) for key, item in value.items()}
    if isinstance(value, Path):
        return utf8(str(value))
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, Enum):
        return json_value(value.value)
    if isinstance(value, complex):
        return [json_value(value.real), json_value(value.imag)]
    if hasattr(value, "tolist"):
        return json_value(value.tolist())
    if isinstance(value, Iterable):
        return [json_value(item) for item in value]
    return utf8(str(value))


@final
class Screen:
    """Where a report is laid out for people; collects text, which the sink then writes at once.

    Args:
        width: How many columns there are.
        colour: Whether styles are seen.
    """

    def __init__(self, width: int, *, colour: bool) -> None:
        self.width = width
        self._colour = colour
        self._lines: list[str] = []

    def line(self, text: str = "", style: str = "") -> None:
        """Add a line as it is, however long: paths and commands are for copying."""
        self._lines.append(paint(clean(text), style, colour=self._colour))

    def text(self, text: str, style: str = "", indent: int = 0) -> None:
        """Add a sentence, broken between words."""
        for line in fold(clean(text), max(self.width - indent, NARROWEST)):
            self._lines.append(" " * indent + paint(line, style, colour=self._colour))

    def table(
        self, columns: Sequence[Column | str], rows: Iterable[Sequence[str | Cell]], *, header: bool = True
    ) -> None:
        """Add a table."""
        titled = [Column(column) if isinstance(column, str) else column for column in columns]
        self._lines += layout(titled, rows, self.width, header=header, colour=self._colour)

    def named_table(
        self, names: Sequence[str], columns: Sequence[Column], rows: Sequence[Sequence[str | Cell]]
    ) -> None:
        """Add a table of long names: in a column of their own if that fits, else each on a line above its row."""
        bare = list(layout(columns, rows, 10**6, header=True, colour=False))
        room = self.width - max(map(width_of, bare)) - 2
        if max(map(width_of, names), default=0) <= room:
            self.table([Column("NAME"), *columns], [[name, *row] for name, row in zip(names, rows, strict=True)])
            return
        titles, *lines = layout([Column(""), *columns], [["", *row] for row in rows], self.width, colour=self._colour)
        self._lines.append(titles)
        for name, line in zip(names, lines, strict=True):
            self.text(name, "cyan")
            self._lines.append(line)

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Add labels and values, one a line."""
        self.table(["", Column("", fold=True)], [(Cell(label, "bold"), value) for label, value in pairs], header=False)

    def rendered(self) -> str:
        """Return all that was added."""
        return "".join(line + "\n" for line in self._lines)


@final
class Output:
    """The sink of one run of `tmplctl`.

    Args:
        stdout: Where the answer goes.
        stderr: Where everything else goes.
        environ: The environment, for `NO_COLOR`, `FORCE_COLOR`, `TERM` and `COLUMNS`.
    """

    def __init__(
        self, stdout: TextIO | None = None, stderr: TextIO | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        self.mode = Mode.HUMAN
        self.stdout: TextIO = stdout or sys.stdout or _nowhere()  # Python has none where the shell closed it
        self.stderr: TextIO = stderr or sys.stderr or _nowhere()
        self._environ = os.environ if environ is None else environ

    def emit(self, report: Report) -> None:
        """Show a report, once."""
        if self.mode is Mode.JSON:
            self._json(report.schema, report.data())
        elif self.mode is Mode.QUIET:
            self._write("".join(clean(line) + "\n" for line in report.ids()))
        else:
            self.early(report.show)

    def early(self, show: Callable[[Screen], None]) -> None:
        """Lay something out for people now: what they are to see before the work begins."""
        if self.mode is Mode.HUMAN:
            screen = Screen(self._width(), colour=self._colour(self.stdout))
            show(screen)
            self._write(screen.rendered())

    def error(self, failure: Failure) -> None:
        """Show an error: one line and a hint on stderr, with `--json` also an object on stdout."""
        if self.mode is Mode.JSON:
            fields = {
                "type": failure.type,
                "message": failure.message,
                "hint": failure.hint,
                "exit_code": int(failure.exit_code),
            }
            self._json("error/1", {"error": fields})
        self._tell("error", "1;31", _one_line(failure.message))
        if failure.hint:
            self._tell("hint", "36", _one_line(failure.hint))

    def warning(self, message: str, hint: str = "") -> None:
        """Say what may be wrong, on stderr."""
        self._tell("warning", "1;33", _one_line(message))
        if hint:
            self._tell("hint", "36", _one_line(hint))

    def note(self, message: str) -> None:
        """Say on stderr what people may want to know; machines do not get it."""
        if self.mode is Mode.HUMAN:
            self._say(clean(message))

    @property
    def shows_progress(self) -> bool:
        """Whether a progress bar would be seen by anybody."""
        return self.stderr.isatty() and self._environ.get("TERM") != "dumb"

    def _tell(self, label: str, code: str, message: str) -> None:
        if self._colour(self.stderr):
            label = f"\x1b[{code}m{label}:\x1b[0m"
        else:
            label += ":"
        self._say(f"{label} {clean(message)}")

    def _say(self, line: str) -> None:
        try:
            self.stderr.write(_encodable(line, self.stderr) + "\n")
            self.stderr.flush()
        except (BrokenPipeError, ValueError):
            pass  # nobody listens

    def _json(self, schema: str, data: Mapping[str, Any]) -> None:
        value = json_value({"schema": f"tmplctl.{schema}", **data})
        self._write(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2) + "\n", utf8=True)

    def _write(self, text: str, *, utf8: bool = False) -> None:
        try:
            buffer = getattr(self.stdout, "buffer", None)
            if utf8 and buffer is not None:
                self.stdout.flush()
                buffer.write(text.encode("utf-8"))
            else:
                self.stdout.write(text if utf8 else _encodable(text, self.stdout))
            self.stdout.flush()
        except BrokenPipeError:
            # The reader (`| head`) has enough. Python would complain once more when it closes stdout at the end.
            with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
                os.dup2(nowhere.fileno(), self.stdout.fileno())

    def _colour(self, stream: TextIO) -> bool:
        if self._environ.get("NO_COLOR"):
            return False
        if self._environ.get("FORCE_COLOR"):
            return True
        return stream.isatty() and self._environ.get("TERM") != "dumb"

    def _width(self) -> int:
        columns = self._environ.get("COLUMNS", "")
        if columns.isascii() and columns.isdigit() and int(columns) > 0:
            return max(int(columns), 20)
        if self.stdout.isatty():
            try:
                # `script`, and others that make a terminal without a size, say 0.
                return max(os.get_terminal_size(self.stdout.fileno()).columns or 80, 20)
            except (OSError, ValueError):
                return 80
        return 10_000  # a pipe or a file has no edge: nothing is wrapped or cut


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123  # open for as long as the process


def _one_line(text: str) -> str:
    """Join the lines of a message: errors can be counted, and names with line breaks cannot pretend to be one."""
    return "; ".join(line.strip() for line in text.splitlines() if line.strip())


def _encodable(text: str, stream: TextIO) -> str:
    """Replace what the stream's encoding lacks."""
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
