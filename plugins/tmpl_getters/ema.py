"""Exponential moving averages, kept beside the variables and read in their place."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, final

import numpy as np
from array_api_compat import array_namespace

import tmplcore
from tmpl_getters.arrays import detached, is_floating, joined, shards
from tmpl_getters.getter import Flag, Getter, NextGetter, number
from tmpl_getters.pairs import PerStore
from tmplcore.errors import InvalidArgumentError, InvalidTypeError

__all__ = ["Ema"]

SUFFIX = "/ExponentialMovingAverage"


@final
class Ema(Getter):
    """Keeps an exponential moving average of every trainable floating variable.

    The average of `model/w` is the variable `model/w/ExponentialMovingAverage`: not trainable, starting as the
    variable's value, in checkpoints like any other, and of the name that TensorFlow gives it. `update` moves it,

        average ← average - (1 - decay) · (average - variable)

    computed as `tf.train.ExponentialMovingAverage` does, bit for bit (`1 - decay` in float32, the rest in the type of
    the variable). With `num_updates` the decay is `min(decay, (1 + num_updates) / (10 + num_updates))`.

    Args:
        decay: Between 0 and 1; close to 1 averages over about `1 / (1 - decay)` updates.
        num_updates: The number of updates so far, which makes averages move faster at first: a number, a variable
            (the global step), or a function. `update` takes it too.
        enabled: Whether variables get averages outside of `with getter.on():`.

    Raises:
        InvalidArgumentError: `decay` is not between 0 and 1.
        InvalidTypeError: `decay` is no number.

    Example:
        >>> import tmplcore
        >>> averages = Ema(decay=0.5)
        >>> def model():
        ...     with tmplcore.variable_scope("model", custom_getter=averages, reuse=tmplcore.AUTO_REUSE):
        ...         return tmplcore.get_variable("w", initializer=1.0)
        >>> with tmplcore.VariableStore().as_default():
        ...     w = model()
        ...     _ = w.assign(3.0)
        ...     averages.update()
        ...     with averages.read():
        ...         average = model()
        >>> average.op.name, float(average.numpy())
        ('model/w/ExponentialMovingAverage', 2.0)
    """

    def __init__(
        self,
        decay: float = 0.999,
        *,
        num_updates: int | Callable[[], Any] | Any | None = None,
        enabled: bool = True,
    ) -> None:
        super().__init__(enabled=enabled)
        if not 0 <= number(decay, "the decay", "0.999 is usual") <= 1:
            raise InvalidArgumentError(f"a decay of {decay} is not between 0 and 1", hint="0.999 is usual")
        self.decay = decay
        self._num_updates = num_updates
        self._reading = Flag(False)
        self._pairs: PerStore[tuple[Any, Any]] = PerStore("an average")

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Return the variable, or its average inside of `with getter.read():`."""
        value = next_getter(name, **kwargs)
        if not kwargs.get("trainable", True):
            return value
        variables = shards(value)
        if not variables:
            raise InvalidTypeError(
                f"{name!r} came to the averages as {type(value).__name__}, and only variables are averaged",
                hint="a getter that returns arrays (cast, lora) must be asked before: in an inner scope, or before Ema "
                "in a Chain or a configuration",
            )
        tracked = [variable for variable in variables if variable.trainable and is_floating(variable.dtype)]
        if len(tracked) < len(variables):
            return value
        pairs = self._pairs.here()
        averages = [self._average(next_getter, name, variable, pairs) for variable in variables]
        if not self._reading:
            return value
        return averages[0] if variables[0] is value else joined(averages, value.shape)

    def _average(self, next_getter: NextGetter, name: str, variable: Any, pairs: dict[str, tuple[Any, Any]]) -> Any:
        key = variable.op.name
        if key not in pairs or pairs[key][0] is not variable:
            # `reuse=None` finds or creates: averages may join a model whose variables are there already.
            average = next_getter(
                (name if key.endswith(name) else key) + SUFFIX,
                dtype=variable.dtype,
                **_start(variable),
                trainable=False,
                reuse=None,
            )
            variable.graph.add_to_collection(tmplcore.GraphKeys.MOVING_AVERAGE_VARIABLES, variable)
            pairs[key] = (variable, average)
        return pairs[key][1]

    def read(self) -> AbstractContextManager[None]:
        """Return a context in which `get_variable` gives averages instead of variables."""
        return self._reading.set(True)

    def update(self, num_updates: Any = None, *, store: tmplcore.VariableStore | None = None) -> None:
        """Move every average of a store towards its variable; to be called after each step of training.

        Args:
            num_updates: The number of updates so far; the one given to the constructor by default.
            store: The store; the default one by default.

        Raises:
            InvalidArgumentError: The store has no averages yet.
        """
        share = np.float32(1) - self._current_decay(num_updates)
        for variable, average in self._pairs.of(store).values():
            old = detached(average)
            scale = array_namespace(old).asarray(share, dtype=old.dtype)
            average.assign_sub((old - detached(variable)) * scale)

    def average(self, variable: Any, *, store: tmplcore.VariableStore | None = None) -> Any:
        """Return the average of a variable; None if it has none."""
        return self._pairs.of(store).get(variable.op.name, (None, None))[1]

    def average_name(self, variable: Any) -> str:
        """Return the name that the average of a variable has, or would have, in a checkpoint."""
        return f"{variable.op.name}{SUFFIX}"

    def averages(self, *, store: tmplcore.VariableStore | None = None) -> list[Any]:
        """Return the variables that hold the averages."""
        return [average for _, average in self._pairs.of(store).values()]

    def restore_names(self, *, store: tmplcore.VariableStore | None = None) -> dict[str, str]:
        """Return the names of the averages in a checkpoint and of the variables that they are to be restored into.

        It is a `rename` for `tmplcore.checkpoint.restore`: an evaluation then runs on averages without this getter.
        """
        return {average.op.name: variable.op.name for variable, average in self._pairs.of(store).values()}

    def _current_decay(self, num_updates: Any) -> Any:
        given = self._num_updates if num_updates is None else num_updates
        if given is None:
            return np.float32(self.decay)
        count = detached(given() if callable(given) else given)
        if isinstance(count, str | bytes | list | tuple | dict):
            raise InvalidTypeError(
                f"num_updates is a number, not {count!r}", hint="a number, a variable, or a function that returns one"
            )
        if isinstance(count, int | float | np.generic | np.ndarray):
            count = np.float32(count)
            return np.minimum(np.float32(self.decay), (1 + count) / (10 + count))
        namespace = array_namespace(count)
        count = namespace.astype(count, namespace.float32)
        return namespace.minimum(namespace.asarray(np.float32(self.decay)), (1 + count) / (10 + count))


def _start(variable: Any) -> dict[str, Any]:
    if variable.spec.shape is None:
        return {"initializer": variable.numpy}

    def value(shape: Any, dtype: Any = None) -> Any:
        return variable.value

    return {"shape": variable.shape, "initializer": value}
