"""The initial value of one variable: an initializer, bound to a shape and to the variable's random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, final

import numpy as np

from tmplcore.backend import InitialValue
from tmplcore.dtypes import DType
from tmplcore.initializers.base import Initializer
from tmplcore.random import drawing

__all__ = ["Initialized"]


@final
class Initialized(InitialValue):
    """What an initializer makes for one variable.

    Args:
        initializer: An `Initializer`, or any callable that is called as `initializer(shape, dtype=dtype, **options)`.
        shape: The variable's shape; a new list is handed to the initializer, as TensorFlow does.
        dtype: The variable's dtype.
        seed: The store's seed.
        name: The variable's name, which decides with the seed what is drawn.
        options: Further keyword arguments (`partition_info`), for an initializer that takes them.

    Example:
        >>> from tmplcore.dtypes import float32
        >>> from tmplcore.initializers import Ones
        >>> Initialized(Ones(), (2,), float32, seed=0, name="w").array()
        array([1., 1.], dtype=float32)
    """

    __slots__ = ("_dtype", "_initializer", "_name", "_options", "_seed", "_shape")

    def __init__(
        self,
        initializer: Callable[..., Any],
        shape: tuple[int, ...],
        dtype: DType,
        *,
        seed: int,
        name: str,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self._initializer = initializer
        self._shape = shape
        self._dtype = dtype
        self._seed = seed
        self._name = name
        self._options = options or {}

    def array(self) -> Any:
        """Call the initializer, with random numbers of the variable's own."""
        with drawing(self._seed, self._name):
            return self._initializer(list(self._shape), dtype=self._dtype, **self._options)

    def blocks(self) -> Iterator[np.ndarray]:
        """Yield the value in pieces; one piece if it comes from a callable that is no `Initializer`."""
        if not isinstance(self._initializer, Initializer):
            return super().blocks()
        with drawing(self._seed, self._name):
            return self._initializer.blocks(list(self._shape), dtype=self._dtype, **self._options)
