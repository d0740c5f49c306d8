"""The hooks that a plugin may implement. All return descriptors or take one event; the contracts are the ABCs.

Registering a backend:

    from tmplcore import hookimpl
    from tmplcore.descriptors import BackendPlugin

    @hookimpl
    def tmplcore_backends():
        return [BackendPlugin(name="mine", summary="arrays somewhere else", factory="my_package.backend:MyBackend")]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from tmplcore.descriptors import AdapterPlugin, BackendPlugin, FormatPlugin, GetterPlugin

__all__ = ["hookimpl", "hookspec"]

hookspec = pluggy.HookspecMarker("tmplcore")
hookimpl = pluggy.HookimplMarker("tmplcore")


@hookspec
def tmplcore_backends() -> Sequence[BackendPlugin]:
    """Publish backends: places where variables live."""
    return ()


@hookspec
def tmplcore_getters() -> Sequence[GetterPlugin]:
    """Publish custom getters that a configuration can name."""
    return ()


@hookspec
def tmplcore_formats() -> Sequence[FormatPlugin]:
    """Publish checkpoint formats."""
    return ()


@hookspec
def tmplcore_adapters() -> Sequence[AdapterPlugin]:
    """Publish adapters: what makes a framework's objects (modules, trees) sources and targets of checkpoints."""
    return ()


@hookspec
def tmplcore_variable_created(variable: Any) -> None:
    """Learn of a new variable, after it is in its store and its collections."""
