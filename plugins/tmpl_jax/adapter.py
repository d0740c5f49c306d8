"""Trees of JAX arrays as sources and targets of checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, final

import jax
import jax.numpy as jnp
import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.checkpoint import Adapter, Slot, Tree
from tmplcore.errors import InvalidTypeError, RestoreError, SaveError
from tmplcore.variable import Variable

__all__ = ["JaxAdapter"]

_OF_JAX: Final = (jax.Array, jax.ShapeDtypeStruct)
_ARRAYS: Final = (*_OF_JAX, np.ndarray, np.generic)
# What a leaf of such a tree may be.
_LEAVES: Final = (*_ARRAYS, bool, int, float, complex)


@final
class JaxAdapter(Adapter):
    """A JAX array, and a pytree with JAX arrays in it: named tuples, dataclasses, states of optax.

    Names are the path in the tree: keys, fields, and positions in tuples and lists, with slashes. A nested dictionary
    needs no adapter, because the core knows mappings.
    """

    def slot(self, name: str, value: Any, replace: Callable[[Any], None] | None) -> Slot | None:
        """Return the slot of a JAX array, or of the description of one."""
        return _slot(name, value, replace) if isinstance(value, jax.Array | jax.ShapeDtypeStruct) else None

    def tree(self, value: Any) -> Tree | None:
        """Return the leaves of a tree that has arrays among them, or no leaves at all.

        Arrays of NumPy count where a field has a name, as in a state of optax that was fetched from its device: a list
        of them is matched by position alone, which the core refuses.
        """
        if value is None or isinstance(value, jax.Array | np.ndarray | str | bytes | int | float):
            return None
        paths, structure = jax.tree_util.tree_flatten_with_path(value, is_leaf=_is_variable)
        leaves = [leaf for _, leaf in paths]
        if any(leaf is value or _is_variable(leaf) for leaf in leaves):
            return None
        has_fields = any(isinstance(key, jax.tree_util.GetAttrKey) for path, _ in paths for key in path)
        if leaves and not any(isinstance(leaf, _ARRAYS if has_fields else _OF_JAX) for leaf in leaves):
            return None
        slots: dict[str, Slot] = {}
        refused: dict[str, SaveError] = {}
        for position, (path, leaf) in enumerate(paths):
            name = "/".join(_part(key) for key in path)
            if name in slots or name in refused:
                raise SaveError(
                    f"two parts of the tree have the name {name!r}", hint="use keys without slashes, or other keys"
                )
            try:
                slots[name] = _slot(name, leaf, _setter(leaves, position))
            except SaveError as error:
                refused[name] = error
        return Tree(slots, lambda: jax.tree_util.tree_unflatten(structure, leaves), refused)


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
                raise _random_key(name)
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
            self._value = _like(self._value, value)
        self._replace(self._value)


@final
class AbstractSlot(Slot):
    """The description of an array that is to be restored, as `jax.eval_shape` returns it: nothing is computed in vain.

    Args:
        name: Its name in the checkpoint.
        value: The description; with a sharding, the array is made on these devices.
        replace: Puts the array in its place.
    """

    __slots__ = ("_replace", "_sharding")

    def __init__(self, name: str, value: jax.ShapeDtypeStruct, replace: Callable[[Any], None] | None) -> None:
        if jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            raise _random_key(name)
        self.name = name
        self.shape = tuple(value.shape)
        self.dtype = np.dtype(value.dtype)
        self.trainable = None
        self._sharding = value.sharding
        self._replace = replace

    @property
    def writable(self) -> bool:
        """Whether there is something that takes the array."""
        return self._replace is not None

    def source(self) -> np.ndarray:
        """Refuse.

        Raises:
            SaveError: Always.
        """
        raise SaveError(f"{self.name!r} is the description of an array and has no value", hint="save the array itself")

    def write(self, value: np.ndarray) -> None:
        """Put an array in the place of its description."""
        assert self._replace is not None
        with jax.enable_x64(True):
            array = jnp.array(value)
            self._replace(array if self._sharding is None else jax.device_put(array, self._sharding))


def _slot(name: str, value: Any, replace: Callable[[Any], None] | None) -> Slot:
    if isinstance(value, jax.ShapeDtypeStruct):
        return AbstractSlot(name, value, replace)
    if not isinstance(value, _LEAVES):
        raise SaveError(
            f"{name!r} is a {type(value).__name__}, which is no array",
            hint="leave it out with exclude=, or save it as meta=, which takes any JSON value",
        )
    return JaxSlot(name, value, replace)


def _like(old: jax.Array, value: np.ndarray) -> jax.Array:
    """Return a new array that is to JAX what the old one was.

    One that was put on no device in particular goes along with those that were, and one of a weak type (`jnp.asarray`
    of a Python number) does not widen what it is multiplied with.
    """
    if old.weak_type:
        return old.at[...].set(value)
    new = jnp.array(value)
    return jax.device_put(new, old.sharding) if old.committed else new


def _random_key(name: str) -> SaveError:
    return SaveError(f"{name!r} is a typed random key", hint="save jax.random.key_data(key)")


def _is_variable(value: Any) -> bool:
    return isinstance(value, Variable)


def _part(key: Any) -> str:
    for attribute in ("key", "name", "idx"):
        if hasattr(key, attribute):
            return str(getattr(key, attribute))
    return str(key)


def _setter(leaves: list[Any], position: int) -> Callable[[Any], None]:
    return lambda value: leaves.__setitem__(position, value)
