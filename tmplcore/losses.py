"""Regularization losses: scalars that are evaluated when they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.expression import ArrayExpression, unwrap
from tmplcore.frame import CURRENT
from tmplcore.journal import Journal
from tmplcore.store import current_frame
from tmplcore.tensor import Operation

__all__ = ["RegularizationLoss"]


@final
class RegularizationLoss(ArrayExpression):
    """What a regularizer says about a variable, for the value that the variable has at the moment.

    It works in expressions and library calls as its value does, so `sum(get_collection("regularization_losses"))` is
    the loss of now; calling it gives the value itself.

    Attributes:
        name: The variable's name with `/Regularizer/…`.
        variable: The variable.
    """

    __slots__ = ("_regularizer", "name", "variable")

    def __init__(self, regularizer: Callable[[Any], Any], variable: Any, name: str) -> None:
        self._regularizer = regularizer
        self.variable = variable
        self.name = name

    @property
    def op(self) -> Operation:
        """The op, for its name."""
        return Operation(self.name.removesuffix(":0"), self.variable.graph)

    @property
    def value(self) -> Any:
        """The loss, as the regularizer returns it. It takes no op names a second time."""
        frame = current_frame()
        journal = Journal()
        CURRENT.set(frame.with_journal(journal))
        try:
            return unwrap(self._regularizer(self.variable))
        finally:
            journal.rollback()
            CURRENT.set(frame)

    def __call__(self) -> Any:
        """Return the loss for the variable's present value."""
        return self.value

    def numpy(self) -> np.ndarray:
        """Return the loss as a NumPy scalar array."""
        return to_numpy(self.value)

    def __repr__(self) -> str:
        return f"<RegularizationLoss {self.name!r}>"
