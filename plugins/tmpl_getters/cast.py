"""Variables are stored in one type and read in another."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from tmpl_getters.arrays import as_array, astype, is_floating, shards
from tmpl_getters.getter import Getter, NextGetter
from tmplcore.dtypes import as_dtype
from tmplcore.errors import InvalidArgumentError

__all__ = ["Cast"]


@final
class Cast(Getter):
    """Mixed precision: trainable floating variables are stored precisely and read cheaply.

    What is returned is the variable's value in the other type, computed anew each time; gradients flow through the
    cast to the stored value, in the stored type. Variables that do not train (a batch norm's statistics) are
    returned as they are, because the model assigns to them. So are variables that are not floating.

    Args:
        read: The type in which the model gets the values: `bfloat16`, `float16`, a NumPy dtype.
        store: The type in which they are kept.
        enabled: Whether values are cast outside of `with getter.on():`. Switched off, the getter still stores
            variables in `store`, so that switching it does not change the model's variables.

    Raises:
        InvalidArgumentError: `read` or `store` is not a floating type.

    Example:
        >>> import numpy as np
        >>> Cast("float16")(lambda name, **kwargs: np.ones(2, kwargs["dtype"]), "w", dtype="float16").dtype
        dtype('float16')
    """

    def __init__(self, read: Any = "bfloat16", *, store: Any = "float32", enabled: bool = True) -> None:
        super().__init__(enabled=enabled)
        self._read, self._store = _floating(read), _floating(store)

    def __call__(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Store as always; the switch concerns reading."""
        return self.get(next_getter, name, **kwargs)

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Return the value in the type for reading."""
        dtype = kwargs.get("dtype")
        if not kwargs.get("trainable", True) or (dtype is not None and not is_floating(as_dtype(dtype))):
            return next_getter(name, **kwargs)
        kwargs["dtype"] = self._store
        kwargs["initializer"] = self._stored(kwargs.get("initializer"))
        value = next_getter(name, **kwargs)
        if not self._enabled or not all(is_floating(shard.dtype) for shard in shards(value)):
            return value
        return astype(as_array(value), self._read)

    def _stored(self, initializer: Any) -> Any:
        # The type of a constant decides over that of the variable, so it is what has to be cast.
        if initializer is None or callable(initializer):
            return initializer
        constant = np.asarray(initializer)
        return constant.astype(self._store) if is_floating(constant.dtype) else initializer


def _floating(dtype: Any) -> np.dtype[Any]:
    found = np.dtype(as_dtype(dtype))
    if not is_floating(found):
        raise InvalidArgumentError(
            f"{found.name} is not a floating type", hint="use one of float16, bfloat16, float32, float64"
        )
    return found
