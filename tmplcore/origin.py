"""Where in the user's code something was made: `file:line` for error messages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

__all__ = ["Origin", "caller"]

Origin = tuple[str, int, str]
"""File, line, and function."""

_HERE: Final = str(Path(__file__).parent) + "/"


def caller() -> Origin:
    """Return the innermost place on the stack that is outside this package.

    It costs a walk over the frames and keeps none of them alive.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name


def describe(origin: Origin) -> str:
    """Write a place as Python's tracebacks do.

    Example:
        >>> describe(("model.py", 12, "build"))
        'model.py:12, in build'
    """
    file, line, function = origin
    return f"{file}:{line}, in {function}"
