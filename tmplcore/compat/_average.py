"""Exponential moving averages of variables, with TensorFlow's names for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, final

import numpy as np

from tmplcore.arrays import to_numpy
from tmplcore.collections import GraphKeys
from tmplcore.compat._helpers import add_to_collection, global_variables, moving_average_variables, trainable_variables
from tmplcore.compat._tensor import operation
from tmplcore.dtypes import DType, as_dtype, float16, float32, float64
from tmplcore.errors import InvalidTypeError
from tmplcore.getting import get_variable
from tmplcore.initializers import Zeros
from tmplcore.partitioned import SaveSliceInfo
from tmplcore.scoping import variable_scope
from tmplcore.store import get_default_store
from tmplcore.tensor import Operation, Tensor
from tmplcore.variable import Variable

__all__ = ["ExponentialMovingAverage"]


@final
class ExponentialMovingAverage:
    """Keeps a shadow of each variable that follows it slowly: `shadow += (1 - decay) * (variable - shadow)`.

    The shadow of `net/w` is the variable `net/w/ExponentialMovingAverage`, not trainable, below the variable scope in
    which `apply` is called.

    Args:
        decay: How much of the shadow an update keeps, 0.99 or more.
        num_updates: The number of updates so far, a number or a variable; with it the first updates keep less:
            `min(decay, (1 + num_updates) / (10 + num_updates))`.
        zero_debias: Correct the averages of tensors, which start at zero, for that.
        name: What shadows are called.

    Example:
        >>> import tmplcore.compat.v1 as tf
        >>> with tf.Graph().as_default():
        ...     w = tf.get_variable("w", initializer=1.0)
        ...     ema = tf.train.ExponentialMovingAverage(0.9)
        ...     update = ema.apply([w])
        ...     _ = w.assign(2.0)
        ...     update()
        ...     print(ema.average(w).name, round(float(ema.average(w)), 3))
        w/ExponentialMovingAverage:0 1.1
    """

    def __init__(
        self, decay: Any, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage"
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Variable] = {}
        self._biased: dict[Any, tuple[Variable, Variable]] = {}

    @property
    def name(self) -> str:
        """What shadows are called."""
        return self._name

    def apply(self, var_list: Iterable[Any] | None = None) -> Operation:
        """Make the shadows that are not there yet, each with its variable's value.

        Args:
            var_list: Variables, or tensors of this module; by default the trainable variables.

        Returns:
            The update: call it after each training step.

        Raises:
            InvalidTypeError: One of them is no half, float or double.
        """
        chosen = list(trainable_variables() if var_list is None else var_list)
        for variable in chosen:
            if as_dtype(variable.dtype).base_dtype not in (float16, float32, float64):
                raise InvalidTypeError(
                    f"The variables must be half, float, or double: {variable.name}",
                    hint="average floats; cast the variable, or leave it out of var_list",
                )
            if variable not in self._averages:
                self._averages[variable] = self._shadow(variable)
                if isinstance(variable, Variable):
                    add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, variable)
                elif self._zero_debias:
                    self._biased[variable] = _correction(self._averages[variable])
        return operation(self._name, lambda: self._update(chosen))

    def average(self, var: Any) -> Any:
        """Return a variable's shadow, or None if it has none."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """Return the name that a variable's shadow has, or would get."""
        shadow = self.average(var)
        if shadow is not None:
            return str(shadow.op.name)
        return get_default_store().unique_name(f"{var.op.name}/{self._name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Iterable[Any] | None = None) -> dict[str, Any]:
        """Return, for loading averages in the place of variables, the name of what each variable is to start from.

        Args:
            moving_avg_variables: The variables that have averages; by default the trainable ones and those that
                have one by now. All others start from themselves.
        """
        if moving_avg_variables is None:
            averaged = dict.fromkeys([*trainable_variables(), *moving_average_variables()])
        else:
            averaged = dict.fromkeys(moving_avg_variables)
        names = {self.average_name(variable): variable for variable in averaged}
        taken = {variable.op.name for variable in averaged}
        for variable in [*global_variables()]:
            if variable.op.name not in taken and variable.op.name not in names:
                names[variable.op.name] = variable
        return names

    def _shadow(self, variable: Any) -> Variable:
        start = Zeros() if isinstance(variable, Tensor) else _value_of(variable)
        with variable_scope(None, f"{variable.op.name}/{self._name}") as scope:
            scope.set_partitioner(None)  # a shadow of a part is no whole to be cut again
            shadow: Variable = get_variable(
                "",
                shape=variable.shape.as_list() if isinstance(variable, Tensor) else None,
                dtype=as_dtype(variable.dtype).base_dtype,
                initializer=start,
                trainable=False,
            )
        place = getattr(variable, "_save_slice_info", None)
        if place is not None:
            shadow._save_slice_info = SaveSliceInfo(
                f"{place.full_name}/{self._name}", place.full_shape, place.var_offset, place.var_shape
            )
        return shadow

    def _update(self, variables: list[Any]) -> None:
        decay = float(to_numpy(self._decay))
        if self._num_updates is not None:
            updates = float(to_numpy(self._num_updates))
            decay = min(decay, (1.0 + updates) / (10.0 + updates))
        for variable in variables:
            shadow, value = self._averages[variable], variable.numpy()
            if variable in self._biased:
                biased, steps = self._biased[variable]
                biased.assign_sub((biased.numpy() - value) * (1 - decay))
                steps.assign_add(1)
                shadow.assign(biased.numpy() / (1 - np.float32(decay) ** steps.numpy()))
            else:
                shadow.assign_sub((shadow.numpy() - value) * shadow.numpy().dtype.type(1 - decay))


def _value_of(variable: Variable) -> Any:
    """Return an initializer without arguments that gives a variable's value."""
    return lambda: np.array(variable.numpy())


def _correction(shadow: Variable) -> tuple[Variable, Variable]:
    """Make what an average that starts at zero is corrected with: its uncorrected value, and the number of updates."""
    dtype: DType = shadow.dtype
    with variable_scope(shadow.op.name):
        biased = get_variable("biased", shadow.shape.as_list(), dtype, Zeros(), trainable=False)
        steps = get_variable("local_step", [], float32, Zeros(), trainable=False)
    return biased, steps
