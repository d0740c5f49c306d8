"""Low-rank adapters on frozen variables."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, final

from array_api_compat import array_namespace

import tmplcore
from tmpl_getters.arrays import as_array, assign, detached, is_floating, is_variable, trains
from tmpl_getters.freeze import frozen
from tmpl_getters.getter import Flag, Getter, NextGetter, number
from tmpl_getters.pairs import PerStore
from tmplcore import initializers
from tmplcore.checkpoint.patterns import Selection
from tmplcore.errors import InvalidArgumentError

__all__ = ["Lora"]


@dataclass(frozen=True, slots=True)
class _Adapter:
    base: Any
    a: Any
    b: Any
    scale: float

    def delta(self) -> Any:
        product = as_array(self.a) @ as_array(self.b)
        return array_namespace(product).reshape(product, tuple(self.base.shape)) * self.scale


@final
class Lora(Getter):
    """Freezes a model and trains low-rank corrections of its kernels.

    A kernel `W` of shape `[…, out]`, seen as a matrix of `in` rows, is read as

        W + (alpha / rank) · A B        with A: [in, rank] and B: [rank, out]

    where `A` (`<name>/lora_A`) starts random normal with deviation `1 / √in` and `B` (`<name>/lora_B`) starts zero, so
    that the model starts as it was. `A` and `B` are the only trainable variables that a model has under this getter.
    (Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, 2021, section 4.1, for kernels that are applied
    from the right, `x W`, as TensorFlow's are: the paper's `B A` is the transpose.)

    Args:
        rank: The rank of the corrections.
        alpha: Their scale is `alpha / rank`; the rank itself by default, which is a scale of 1.
        patterns: Names of kernels that get one: globs, `scope/`, `re:…` (see `tmplcore.checkpoint.patterns`). Of
            these, trainable floating variables of two axes or more do; all others are frozen only.
        enabled: Whether it works outside of `with getter.on():`. Switched off it leaves the model as it would be
            without it; for the frozen model without the corrections use `with getter.base():`.

    Raises:
        InvalidArgumentError: `rank` is less than 1, or `alpha` not above 0.
        InvalidTypeError: One of them is no number.

    Example:
        >>> import tmplcore
        >>> lora = Lora(rank=2, alpha=4)
        >>> with tmplcore.VariableStore().as_default() as store:
        ...     with tmplcore.variable_scope("dense", custom_getter=lora):
        ...         kernel = tmplcore.get_variable("kernel", [4, 3])
        ...     [variable.op.name for variable in store.get_collection("trainable_variables")]
        ['dense/kernel/lora_A', 'dense/kernel/lora_B']
    """

    def __init__(
        self,
        rank: int = 8,
        *,
        alpha: float | None = None,
        patterns: str | Iterable[str] = "*",
        enabled: bool = True,
    ) -> None:
        super().__init__(enabled=enabled)
        rank = number(rank, "the rank", "4 to 64 are usual", whole=True)
        if rank < 1:
            raise InvalidArgumentError(f"a rank of {rank} is less than 1", hint="4 to 64 are usual")
        if alpha is not None and not number(alpha, "alpha", "the rank, or twice the rank, is usual") > 0:
            raise InvalidArgumentError(f"an alpha of {alpha} is not above 0", hint="it is the scale times the rank")
        self.rank = rank
        self.scale = (rank if alpha is None else alpha) / rank
        self._chosen = Selection(patterns)
        self._correcting = Flag(True)
        self._adapters: PerStore[_Adapter] = PerStore("an adapter")

    def get(self, next_getter: NextGetter, name: str, **kwargs: Any) -> Any:
        """Return the frozen variable with its correction."""
        if not kwargs.get("trainable", True) or not self._chosen(name):
            return frozen(next_getter, name, **kwargs)
        base = next_getter(name, **{**kwargs, "trainable": False})
        if not is_variable(base) or not is_floating(base.dtype) or len(base.shape) < 2:
            return detached(base) if trains(base) or not is_variable(base) else base
        adapter = self._adapter(next_getter, name, base)
        if not self._correcting:
            return detached(base) if trains(base) else base
        return detached(base) + adapter.delta()

    def _adapter(self, next_getter: NextGetter, name: str, base: Any) -> _Adapter:
        rows, columns = math.prod(base.shape[:-1]), base.shape[-1]
        # `reuse=None` finds or creates: the base may be there before its adapters.
        shared = {"dtype": base.dtype, "trainable": True, "reuse": None}
        start = initializers.RandomNormal(stddev=max(rows, 1) ** -0.5)
        a = next_getter(f"{name}/lora_A", shape=(rows, self.rank), initializer=start, **shared)
        zeros = initializers.Zeros()
        b = next_getter(f"{name}/lora_B", shape=(self.rank, columns), initializer=zeros, **shared)
        adapter = _Adapter(base, a, b, self.scale)
        self._adapters.here()[name] = adapter
        return adapter

    def base(self) -> AbstractContextManager[None]:
        """Return a context in which the model is read without the corrections."""
        return self._correcting.set(False)

    def adapters(self, *, store: tmplcore.VariableStore | None = None) -> list[Any]:
        """Return the variables of the adapters, to train or to save without the base.

        Raises:
            InvalidArgumentError: The store has none.
        """
        found = self._adapters.of(store).values()
        return [variable for adapter in found for variable in (adapter.a, adapter.b)]

    def merge(self, *, store: tmplcore.VariableStore | None = None) -> list[str]:
        """Fold the corrections into the frozen variables, and start them again from zero.

        The model computes the same afterwards, with this getter and without it. Training may go on.

        Returns:
            The names of the variables that were changed.

        Raises:
            InvalidArgumentError: The store has no adapters.
        """
        adapters = self._adapters.of(store)
        for adapter in adapters.values():
            assign(adapter.base, detached(adapter.base) + detached(adapter.delta()))
            adapter.b.assign(detached(adapter.b) * 0)
        return list(adapters)
