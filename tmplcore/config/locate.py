"""In which line of a TOML file a key stands: the parser of the standard library does not say."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["line_of"]

_KEY = r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)"""
_PATH = rf"\s*{_KEY}(?:\s*\.\s*{_KEY})*\s*"
_HEADER = re.compile(rf"^\s*(\[\[?)({_PATH})\]")
_ASSIGNMENT = re.compile(rf"^({_PATH})=")
_PART = re.compile(_KEY)


def _parts(text: str) -> list[str]:
    return [part.strip("\"'") if part[:1] in "\"'" else part for part in _PART.findall(text)]


def line_of(text: str, path: Sequence[str | int]) -> int | None:
    r"""Return the number of the line that says `path`, or the nearest table or key that holds it.

    Example:
        >>> line_of("seed = 1\n\n[checkpoints]\ndirectory = 'c'\n", ("checkpoints", "directory"))
        4
    """
    best: tuple[int, int] | None = None
    table: list[str | int] = []
    counts: dict[tuple[str, ...], int] = {}
    closing: str | None = None  # of a multi-line string that is open
    for number, line in enumerate(text.splitlines(), 1):
        if closing is not None:
            if closing in line:
                closing = None
            continue
        if header := _HEADER.match(line):
            names = _parts(header[2])
            table = [*names]
            if header[1] == "[[":
                table.append(counts.get(tuple(names), 0))
                counts[tuple(names)] = counts.get(tuple(names), 0) + 1
            here = table
        elif assignment := _ASSIGNMENT.match(line):
            here = [*table, *_parts(assignment[1])]
            for quotes in ('"""', "'''"):
                if line.count(quotes) == 1:
                    closing = quotes
        else:
            continue
        depth = min(len(here), len(path))
        if list(path[:depth]) == here[:depth] and (best is None or depth > best[0]):
            best = (depth, number)
    return None if best is None else best[1]
