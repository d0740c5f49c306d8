"""Where in the user's code something was made: `file:line` for error messages."""

from __future__ import annotations

import sys
from pathlib import Path
from types import CodeType
from typing import Final

__all__ = ["Origin", "caller", "describe", "located"]

Origin = tuple[CodeType, int]
"""The code, and the instruction in it: what is at hand at no cost. `located` turns it into what a person reads."""

_HERE: Final = str(Path(__file__).parent) + "/"


def caller() -> Origin:
    """Return the innermost place on the stack that is outside this package.

    It costs a walk over the frames and keeps none of them alive.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame.f_code, frame.f_lasti


def located(origin: Origin) -> tuple[str, int, str]:
    """Return the file, the line, and the function."""
    code, instruction = origin
    lines = (line for start, end, line in code.co_lines() if start <= instruction < end)
    return code.co_filename, next(lines, None) or code.co_firstlineno, code.co_name


def describe(place: tuple[str, int, str]) -> str:
    """Write a place as Python's tracebacks do.

    Example:
        >>> describe(("model.py", 12, "build"))
        'model.py:12, in build'
    """
    file, line, function = place
    return f"{file}:{line}, in {function}"
