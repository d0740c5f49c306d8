"""The contract by which a plugin makes a framework's objects sources and targets of checkpoints.

The core knows `tmplcore` variables, NumPy arrays and mappings. A `torch.nn.Module` or a JAX pytree is known by the
adapter that the framework's plugin publishes through `tmplcore_adapters`; the framework is never imported here.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final

from tmplcore.checkpoint.slots import Slot
from tmplcore.descriptors import AdapterPlugin
from tmplcore.errors import SaveError
from tmplcore.plugins import default_registry

__all__ = ["Adapter", "Tree", "adapters"]


@final
@dataclass(frozen=True, slots=True)
class Tree:
    """An object that holds several arrays.

    Attributes:
        slots: Its arrays by name, in the framework's order.
        rebuild: Returns the restored object: the same one where its arrays can be replaced in place, a new one of
            a tree that cannot be changed.
        refused: What of it cannot be saved, by name, and why. It is an error for who wants it, and stays as it is.
    """

    slots: Mapping[str, Slot]
    rebuild: Callable[[], Any]
    refused: Mapping[str, SaveError] = field(default_factory=dict)


class Adapter(ABC):
    """What one framework's objects are made of. Subclasses are final.

    Both methods are asked about any object, so they answer None fast for what is not theirs.
    """

    @abstractmethod
    def slot(self, name: str, value: Any, replace: Callable[[Any], None] | None) -> Slot | None:
        """Return the slot of one array of the framework.

        Args:
            name: Its name in a checkpoint.
            value: Perhaps an array of the framework.
            replace: Puts another array in its place; None if what holds it cannot be changed.
        """

    @abstractmethod
    def tree(self, value: Any) -> Tree | None:
        """Return what an object of the framework (a module, a pytree) consists of."""


def adapters() -> Iterator[Adapter]:
    """Yield the adapters of the frameworks that this process has imported."""
    for plugin in default_registry().offers(AdapterPlugin).values():
        if plugin.module in sys.modules:
            yield _made(plugin)


@cache
def _made(plugin: AdapterPlugin) -> Adapter:
    adapter: Adapter = plugin.load_factory()()
    return adapter
