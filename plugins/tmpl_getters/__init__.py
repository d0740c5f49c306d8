"""Ready-made custom getters: for any scope, template or store, on any backend.

    from tmpl_getters import Ema, Lora

    averages = Ema(decay=0.999)
    with variable_scope("model", custom_getter=averages):
        ...

The getter of the innermost scope is asked first, and gets what those of the scopes around it return. `Chain` makes one
of several, the first being asked first.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tmplcore.descriptors import GetterPlugin
from tmplcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from tmpl_getters.cast import Cast
    from tmpl_getters.compose import Chain, Router, Switch
    from tmpl_getters.ema import Ema
    from tmpl_getters.freeze import Freeze
    from tmpl_getters.getter import Getter
    from tmpl_getters.lora import Lora
    from tmpl_getters.override import Override
    from tmpl_getters.rename import Rename

__all__ = ["Cast", "Chain", "Ema", "Freeze", "Getter", "Lora", "Override", "Rename", "Router", "Switch"]

_SUMMARIES = {
    "cast": "variables are stored in one type and read in another",
    "ema": "exponential moving averages, kept beside the variables and read in their place",
    "freeze": "variables that do not train and get no gradient",
    "lora": "low-rank adapters on frozen variables",
    "override": "arguments of get_variable are replaced",
    "rename": "variables are kept under other names than they are asked for",
}

_COMPOSE = {"Chain", "Router", "Switch"}


@hookimpl
def tmplcore_getters() -> Sequence[GetterPlugin]:
    """Publish the getters that a configuration can name."""
    return [
        GetterPlugin(
            name=name,
            summary=summary,
            factory=f"tmpl_getters.{name}:{'from_options' if name == 'override' else name.capitalize()}",
            options=f"tmpl_getters.options:{name.capitalize()}Options",
        )
        for name, summary in _SUMMARIES.items()
    ]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{'compose' if name in _COMPOSE else name.lower()}"), name)
