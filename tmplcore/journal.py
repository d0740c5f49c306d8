"""Undoing what a failed first template call did."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

__all__ = ["Journal"]


@final
class Journal:
    """A list of steps back, taken in the opposite order of their noting.

    Example:
        >>> names = ["a"]
        >>> journal = Journal()
        >>> names.append("b"); journal.append(names.pop)
        >>> journal.rollback(); names
        ['a']
    """

    __slots__ = ("_steps",)

    def __init__(self) -> None:
        self._steps: list[Callable[[], object]] = []

    def append(self, undo: Callable[[], object]) -> None:
        """Note how to undo what was just done."""
        self._steps.append(undo)

    def extend(self, other: Journal) -> None:
        """Take over the steps of a part that succeeded: the whole may still fail."""
        self._steps.extend(other._steps)

    def rollback(self) -> None:
        """Undo everything. A step that fails does not keep the others from being taken."""
        errors: list[Exception] = []
        while self._steps:
            try:
                self._steps.pop()()
            except Exception as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("a failed first template call could not be undone completely", errors)
