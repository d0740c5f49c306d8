"""Trees of JAX arrays as sources and targets of checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.checkpoint import Adapter, Slot, Tree
from tmplcore.errors import InvalidTypeError, RestoreError, SaveError
from tmplcore.variable import Variable

__all__ = ["JaxAdapter"]


@final
class JaxAdapter(Adapter):
    """A JAX array, and a pytree with JAX arrays in it: named tuples, dataclasses, states of optax.

    Names are the path in the tree: keys, fields, and positions in tuples and lists, with slashes. A nested dictionary
    needs no adapter, because the core knows mappings.
    """

    def slot(self, name: str, value: Any, replace: Callable[[Any], None] | None) -> Slot | None:
        """Return the slot of a JAX array."""
        return JaxSlot(name, value, replace) if isinstance(value, jax.Array) else None

    def tree(self, value: Any) -> Tree | None:
        """Return the leaves of a tree that has JAX arrays among them."""
        if isinstance(value, jax.Array | np.ndarray | str | bytes | int | float):
            return None
        paths, structure = jax.tree_util.tree_flatten_with_path(value, is_leaf=_is_variable)
        leaves = [leaf for _, leaf in paths]
        if any(map(_is_variable, leaves)) or not any(isinstance(leaf, jax.Array) for leaf in leaves):
            return None
        slots: dict[str, Slot] = {}
        for position, (path, leaf) in enumerate(paths):
            name = "/".join(_part(key) for key in path)
            if not isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float | complex):
                raise SaveError(
                    f"{name!r} is a {type(leaf).__name__}, which is no array",
                    hint="leave it out, or save it as meta=, which takes any JSON value",
                )
            slots[name] = JaxSlot(name, leaf, _setter(leaves, position))
        return Tree(slots, lambda: jax.tree_util.tree_unflatten(structure, leaves))


@final
class JaxSlot(Slot):
    """A JAX array, or a number in a tree of them. It cannot be changed, so what holds it gets another.

    Args:
        name: Its name in the checkpoint.
        value: The array.
        replace: Puts another in its place.
    """

    __slots__ = ("_replace", "_value")

    def __init__(self, name: str, value: Any, replace: Callable[[Any], None] | None) -> None:
        if isinstance(value, jax.core.Tracer):
            raise SaveError(f"{name!r} is being traced by JAX and has no value", hint="save outside of jit and grad")
        if isinstance(value, jax.Array):
            if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
                raise SaveError(f"{name!r} is a typed random key", hint="save jax.random.key_data(key)")
            if not value.is_fully_addressable:
                raise SaveError(f"{name!r} is spread over several processes, of which this is one")
            if value.is_deleted():
                raise SaveError(
                    f"{name!r} was deleted, and has no value any more",
                    hint="an array that is donated to a jitted function is gone; save what the function returned",
                )
        try:
            array = to_numpy(value)
        except InvalidTypeError as error:
            raise SaveError(f"{name!r}: {error}", hint=error.hint) from error
        self.name = name
        self.shape = array.shape
        self.dtype = array.dtype
        self.trainable = None
        self._value = value
        self._replace = replace

    @property
    def frozen(self) -> bool:
        """Whether the value can never change: NumPy arrays in a tree can."""
        return not isinstance(self._value, np.ndarray)

    @property
    def writable(self) -> bool:
        """Whether there is something that takes another array."""
        return self._replace is not None

    def source(self) -> np.ndarray:
        """Return a read-only array on the value's memory, or a copy from another device."""
        return np.asarray(self._value)

    def write(self, value: np.ndarray) -> None:
        """Put a new array in the place of the old one, on the same devices."""
        if self._replace is None:
            raise RestoreError(f"{self.name!r} is in something that cannot be changed", hint="restore into a dict")
        if not isinstance(self._value, jax.Array):
            self._replace(value.copy() if isinstance(self._value, np.ndarray) else value.item())
            return
        with jax.enable_x64(True):
            # The old array is let go at once: a restore needs the memory of one more array, not of all.
            self._value = jax.device_put(jnp.array(value), self._value.sharding)
        self._replace(self._value)


def _is_variable(value: Any) -> bool:
    return isinstance(value, Variable)


def _part(key: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _setter(leaves: list[Any], position: int) -> Callable[[Any], None]:
    return lambda value: leaves.__setitem__(position, value)
