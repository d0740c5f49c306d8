"""Variables as JAX arrays, and templates as pure functions.

import jax, optax
from tmpl_jax import transform

net = transform(make_template("net", build))
params, state = net.init(0, example)
out, state = jax.jit(net.apply)(params, state, batch)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tmplcore.descriptors import AdapterPlugin, BackendPlugin
from tmplcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from tmpl_jax.backend import JaxBackend
    from tmpl_jax.functional import Transformed, transform
    from tmpl_jax.tree import flatten, nest

__all__ = ["JaxBackend", "Transformed", "flatten", "nest", "transform"]

_MODULES = {"JaxBackend": "backend", "Transformed": "functional", "transform": "functional"}


@hookimpl
def tmplcore_backends() -> list[BackendPlugin]:
    """Publish the `jax` backend."""
    return [
        BackendPlugin(
            name="jax",
            summary="JAX arrays; `transform` makes pure functions for jit, grad, vmap and scan",
            factory="tmpl_jax.backend:JaxBackend",
            requires=("jax",),
            extra="jax",
        ),
    ]


@hookimpl
def tmplcore_adapters() -> list[AdapterPlugin]:
    """Publish what makes JAX arrays and pytrees sources and targets of checkpoints."""
    return [
        AdapterPlugin(
            name="jax",
            summary="JAX arrays and pytrees in checkpoints",
            factory="tmpl_jax.adapter:JaxAdapter",
            requires=("jax",),
            extra="jax",
            module="jax",
        ),
    ]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES.get(name, 'tree')}"), name)
