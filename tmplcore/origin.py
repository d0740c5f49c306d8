"""Where in the user's code something was made: `file:line` for error messages."""

from __future__ import annotations

import os
import sys
from types import CodeType
from typing import Final

__all__ = ["Origin", "caller", "describe", "located"]

Origin = tuple[CodeType, int]
"""The code, and the instruction in it: what is at hand at no cost. `located` turns it into what a person reads."""

_HERE: Final = __file__.rpartition(os.sep)[0] + os.sep
_OURS: Final[dict[str, bool]] = {}  # whether a file is of this package, for the files that were met on a stack
_latest: Origin = compile("", "", "exec"), 0  # a line that makes many variables gives all of them one object


def caller(likely: int = 2) -> Origin:
    """Return the innermost place on the stack that is outside this package.

    It costs a walk over the frames and keeps none of them alive.

    Args:
        likely: How many calls up `get_variable` is, if nobody's function is between. If it is there, the walk starts
            with it. By default it starts with the second: the first is of this package, as it calls this function.
    """
    usual = False
    if likely > 2:
        try:
            frame = sys._getframe(likely)
            code = frame.f_code
            usual = code.co_name == "get_variable" and _OURS.get(code.co_filename, False)
        except ValueError:  # the stack is not so deep
            pass
    if not usual:
        frame = sys._getframe(2)
        code = frame.f_code
    while _OURS[code.co_filename] if code.co_filename in _OURS else _is_ours(code.co_filename):
        if (back := frame.f_back) is None:
            break
        frame, code = back, back.f_code
    global _latest  # noqa: PLW0603
    latest = _latest
    if latest[0] is not code or latest[1] != frame.f_lasti:
        _latest = latest = code, frame.f_lasti
    return latest


def _is_ours(file: str) -> bool:
    _OURS[file] = ours = file.startswith(_HERE)
    return ours


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
