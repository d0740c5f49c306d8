"""TensorFlow's `tf.losses`, as far as it is about collections: which losses there are, and their sum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tmplcore.collections import GraphKeys
from tmplcore.compat._helpers import add_to_collection, get_collection
from tmplcore.compat._tensor import constant, take_name
from tmplcore.dtypes import as_dtype
from tmplcore.errors import InvalidArgumentError
from tmplcore.store import get_default_store
from tmplcore.tensor import Tensor

__all__ = [
    "add_loss",
    "get_losses",
    "get_regularization_loss",
    "get_regularization_losses",
    "get_total_loss",
]


def add_loss(loss: Any, loss_collection: Any = GraphKeys.LOSSES) -> None:
    """Put a loss into the collection of losses; with None in its place, into none."""
    if loss_collection is not None:
        add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: Any = GraphKeys.LOSSES) -> list[Any]:
    """Return the losses that were added, or those whose names match `scope`."""
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """Return the losses that regularizers gave. Each is evaluated, for the values of the moment, when it is used."""
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Any:
    """Return the sum of the regularization losses for the values of the moment; zero if there are none."""
    losses = get_regularization_losses(scope)
    return _sum(losses, name) if losses else constant(0.0)


def get_total_loss(add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None) -> Any:
    """Return the sum of the losses that were added and, unless told otherwise, of the regularization losses.

    Raises:
        InvalidArgumentError: There are none.
    """
    losses = get_losses(scope)
    if add_regularization_losses:
        losses = losses + get_regularization_losses(scope)
    return _sum(losses, name)


def _sum(losses: Sequence[Any], name: str) -> Any:
    """Add losses up, in the library that their values belong to; NumPy's sums get a name."""
    if not losses:
        raise InvalidArgumentError(
            "Inputs must be an iterable of at least one Tensor: there are no losses to add up.",
            hint="add_loss(loss) puts one into the collection",
        )
    values = [getattr(loss, "value", loss) for loss in losses]
    total = sum(values[1:], start=values[0])
    if isinstance(total, float | int | np.ndarray | np.generic):
        array = np.asarray(total, np.float32 if isinstance(total, float | int) else None)
        return Tensor(array, as_dtype(array.dtype), take_name(name), get_default_store())
    return total
