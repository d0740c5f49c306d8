"""The enumerations that TensorFlow passes around with variables."""

from __future__ import annotations

import enum
from typing import Any, Final

__all__ = ["AUTO_REUSE", "ReuseMode", "VariableAggregation", "VariableSynchronization", "no_regularizer"]


class ReuseMode(enum.Enum):
    """The third reuse flag, beside False (create) and True (find)."""

    AUTO_REUSE = 1
    """Find the variable, or create it if there is none."""


AUTO_REUSE: Final = ReuseMode.AUTO_REUSE


class VariableSynchronization(enum.Enum):
    """How the copies of a variable on several devices are kept equal; kept, and seen by getters and creators."""

    AUTO = 0
    NONE = 1
    ON_WRITE = 2
    ON_READ = 3
    """Makes the variable not trainable unless `trainable=True` is given."""


class VariableAggregation(enum.Enum):
    """How updates from several devices are combined; kept, and seen by getters and creators."""

    NONE = 0
    SUM = 1
    MEAN = 2
    ONLY_FIRST_REPLICA = 3


def no_regularizer(_variable: Any) -> None:
    """Regularize nothing; use it to switch the regularizer of the surrounding scope off."""
