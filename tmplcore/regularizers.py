"""Regularizers: functions that make a loss of a variable, with the meaning of TensorFlow 1's `tf.contrib.layers`.

A regularizer takes a variable or any array (NumPy, torch, JAX) and returns a scalar of the same library, so that
gradients flow. `get_variable(regularizer=…)` records the result in the collection `regularization_losses`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

from array_api_compat import array_namespace

from tmplcore.errors import InvalidArgumentError

__all__ = ["Regularizer", "l1", "l1_l2", "l2", "sum_of"]

Regularizer = Callable[[Any], Any]
"""Takes a variable, returns a scalar or None (no loss)."""

_log = logging.getLogger(__name__)


def _scale(value: Any, name: str = "scale") -> Any:
    if isinstance(value, Integral):
        raise InvalidArgumentError(f"{name} cannot be an integer: {value}", hint=f"write {name}={value}.0")
    if isinstance(value, Real) and not float(value) >= 0.0:
        raise InvalidArgumentError(
            f"Setting a {name} less than 0 on a regularizer: {float(value):g}", hint="0 switches it off"
        )
    return value


def _native(weights: Any) -> Any:
    """Return a variable's own array, or the array that was given."""
    return getattr(weights, "value", weights)


def _nothing(_weights: Any) -> None:
    """The regularizer of scale 0."""


def l1(scale: Any) -> Regularizer:
    """Return a regularizer that computes `scale * sum(|w|)`.

    Args:
        scale: A float, not negative; 0.0 gives a regularizer that returns None.

    Raises:
        InvalidArgumentError: The scale is negative or an integer.

    Example:
        >>> import numpy as np
        >>> float(l1(0.5)(np.array([-1.0, 3.0])))
        2.0
    """
    if _scale(scale) == 0.0:
        _log.info("a scale of 0 disables the regularizer")
        return _nothing

    def l1_regularizer(weights: Any) -> Any:
        value = _native(weights)
        xp = array_namespace(value)
        return xp.sum(xp.abs(value)) * scale

    return l1_regularizer


def l2(scale: Any) -> Regularizer:
    """Return a regularizer that computes `scale * sum(w²) / 2`.

    The half is TensorFlow 1's (`tf.nn.l2_loss`); Keras has none.

    Args:
        scale: A float, not negative; 0.0 gives a regularizer that returns None.

    Raises:
        InvalidArgumentError: The scale is negative or an integer.

    Example:
        >>> import numpy as np
        >>> float(l2(0.5)(np.array([-1.0, 3.0])))
        2.5
    """
    if _scale(scale) == 0.0:
        _log.info("a scale of 0 disables the regularizer")
        return _nothing

    def l2_regularizer(weights: Any) -> Any:
        value = _native(weights)
        return array_namespace(value).sum(value * value) * (scale / 2)

    return l2_regularizer


def l1_l2(scale_l1: Any = 1.0, scale_l2: Any = 1.0) -> Regularizer:
    """Return a regularizer that computes `l1(scale_l1) + l2(scale_l2)`.

    Args:
        scale_l1: As in `l1`.
        scale_l2: As in `l2`.

    Raises:
        InvalidArgumentError: A scale is negative or an integer.

    Example:
        >>> import numpy as np
        >>> float(l1_l2(0.5, 0.5)(np.array([-1.0, 3.0])))
        4.5
    """
    return sum_of([l1(_scale(scale_l1, "scale_l1")), l2(_scale(scale_l2, "scale_l2"))])


def sum_of(regularizers: Iterable[Regularizer | None]) -> Regularizer:
    """Return a regularizer that computes the sum of several; those that are None, or return None, are left out.

    Example:
        >>> import numpy as np
        >>> float(sum_of([l1(0.5), None, l2(0.5)])(np.array([-1.0, 3.0])))
        4.5
    """
    given = [regularizer for regularizer in regularizers if regularizer is not None]

    def sum_regularizer(weights: Any) -> Any:
        total = None
        for regularizer in given:
            loss = regularizer(weights)
            if loss is not None:
                total = loss if total is None else total + loss
        return total

    return sum_regularizer
