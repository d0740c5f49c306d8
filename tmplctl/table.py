"""Laying out tables in a given width, fast enough for a hundred thousand rows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import NamedTuple, final

from tmplctl.text import clean

__all__ = ["Cell", "Column", "layout", "paint", "width_of"]

GAP = "  "
NARROWEST = 8  # no column is folded to less
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_BREAKS = re.compile(r"(?:[^/\s,]|,(?=\d))*(?:[/,\s]+|$)")  # the comma of 1,000 is none


class Cell(NamedTuple):
    """Text with a style."""

    text: str
    style: str = ""


class Column(NamedTuple):
    """A column.

    Attributes:
        title: What stands above it.
        right: Whether its cells stand at its right edge; such cells are not folded.
        fold: Whether long cells go on in the next line; others are folded only if nothing else helps.
    """

    title: str
    right: bool = False
    fold: bool = False


def paint(text: str, style: str, *, colour: bool) -> str:
    """Return text in a style, where colour is wanted."""
    if not colour or not style or not text:
        return text
    return f"\x1b[{';'.join(_CODES[word] for word in style.split())}m{text}\x1b[0m"


def width_of(text: str) -> int:
    """Return how many columns text takes in a terminal.

    Example:
        >>> width_of("abc"), width_of("変数")
        (3, 4)
    """
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def fold(text: str, width: int) -> list[str]:
    """Break text into lines of at most `width` columns, behind a slash, a comma or a space where that is possible.

    Spaces at the beginning stand before every line.

    Example:
        >>> fold("model/hidden/kernel", 13)
        ['model/hidden/', 'kernel']
        >>> fold("  model/hidden/kernel 1,000", 15)
        ['  model/hidden/', '  kernel 1,000']
    """
    if width_of(text) <= width:
        return [text]
    bare = text.lstrip(" ")
    if bare != text:
        indent = min(len(text) - len(bare), max(width - NARROWEST, 0))
        return [" " * indent + line for line in fold(bare, width - indent)]
    lines, line, used = [], "", 0
    for piece in _BREAKS.findall(text):
        taken = width_of(piece)
        if used + width_of(piece.rstrip()) > width and line:
            lines.append(line)
            line, used = "", 0
        while taken > width and width_of(piece.rstrip()) > width:
            cut = len(piece)
            while width_of(piece[:cut]) > width:
                cut -= max(1, (width_of(piece[:cut]) - width) // 2)
            lines.append(piece[:cut])
            piece = piece[cut:]
            taken = width_of(piece)
        line += piece
        used += taken
    if line:
        lines.append(line)
    return [line.rstrip() for line in lines] or [""]


def layout(
    columns: Sequence[Column], rows: Iterable[Sequence[str | Cell]], width: int, *, header: bool = True, colour: bool
) -> Iterable[str]:
    """Yield the lines of a table."""
    laid = [_Laid(cells) for cells in zip(*rows, strict=True)] or [_Laid(()) for _ in columns]
    titles = [width_of(column.title) if header else 0 for column in columns]
    widths = [max(title, one.width) for title, one in zip(titles, laid, strict=True)]
    _shrink(columns, widths, width - len(GAP) * (len(columns) - 1))
    if header:
        yield from _folded(columns, widths, [Cell(column.title, "bold") for column in columns], colour=colour)
    # A column at a time, which is several times as fast as a row at a time.
    padded = [
        one.padded(column, width, colour=colour) for column, width, one in zip(columns, widths, laid, strict=True)
    ]
    for number, parts in enumerate(zip(*padded, strict=True)):
        if None in parts:
            row = [Cell(one.texts[number], one.styles[number]) for one in laid]
            yield from _folded(columns, widths, row, colour=colour)
        else:
            yield GAP.join(parts).rstrip()


@final
class _Laid:
    """The cells of a column, cleaned and measured."""

    def __init__(self, cells: Sequence[str | Cell]) -> None:
        self.texts = [cell[0] if isinstance(cell, Cell) else cell for cell in cells]
        self.styles = [cell[1] if isinstance(cell, Cell) else "" for cell in cells]
        whole = "".join(self.texts)
        if not whole.isprintable():
            self.texts = [clean(text) for text in self.texts]
        self.widths = list(map(len if whole.isascii() else width_of, self.texts))
        self.width = max(self.widths, default=0)

    def padded(self, column: Column, width: int, *, colour: bool) -> list[str | None]:
        """Return the cells as they stand in the column; None for one that does not fit."""
        lines: list[str | None] = []
        for text, style, taken in zip(self.texts, self.styles, self.widths, strict=True):
            if taken > width:
                lines.append(None)
            else:
                lines.append(_padded(column, text, style, width - taken, colour=colour))
        return lines


def _shrink(columns: Sequence[Column], widths: list[int], room: int) -> None:
    """Narrow the columns that may be folded, the widest first, then if need be the others."""
    for which in ([c.fold for c in columns], [not c.right for c in columns], [True] * len(columns)):
        while sum(widths) > room:
            widest = max((number for number, may in enumerate(which) if may), key=lambda n: widths[n], default=None)
            if widest is None or widths[widest] <= NARROWEST:
                break
            others = sorted((widths[n] for n, may in enumerate(which) if may and n != widest), reverse=True)
            floor = max(others[0] if others and others[0] < widths[widest] else widths[widest] - 1, NARROWEST)
            widths[widest] = max(floor, widths[widest] - (sum(widths) - room))


def _folded(columns: Sequence[Column], widths: Sequence[int], row: Sequence[Cell], *, colour: bool) -> Iterable[str]:
    """Yield a row whose cells go on in the next line where they have to."""
    folded = [fold(cell.text, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(map(len, folded))):
        parts = []
        for column, width, cell, lines in zip(columns, widths, row, folded, strict=True):
            text = lines[number] if number < len(lines) else ""
            parts.append(_padded(column, text, cell.style, width - width_of(text), colour=colour))
        yield GAP.join(parts).rstrip()


def _padded(column: Column, text: str, style: str, space: int, *, colour: bool) -> str:
    shown = paint(text, style, colour=colour) if colour and style else text
    return " " * space + shown if column.right else shown + " " * space
