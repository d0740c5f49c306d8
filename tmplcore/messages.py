"""What error messages say besides what went wrong: where something was made, and what else there is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tmplcore.origin import describe

__all__ = ["described", "nearest"]


def described(variable: Any) -> str:
    """Say where a variable was made: file, line and function."""
    origin = getattr(variable, "origin", None)
    return "an unknown place" if origin is None else describe(origin)


def nearest(name: str, names: Iterable[str], limit: int = 3) -> str:
    """Return a sentence with the names that are most like `name`, to be appended to a message; empty if none is.

    Example:
        >>> nearest("model/kernal", ["model/kernel", "model/bias", "step"])
        ' Nearest existing names: model/kernel, model/bias.'
    """
    from rapidfuzz import fuzz, process

    found = process.extract(name, list(names), scorer=fuzz.ratio, limit=limit, score_cutoff=55)
    return f" Nearest existing names: {', '.join(match for match, _, _ in found)}." if found else ""
