"""Variables as torch tensors, and templates as modules.

import tmplcore
from tmpl_torch import as_module

store = tmplcore.VariableStore("torch")
with store.as_default():
    net = as_module(tmplcore.make_template("net", build))
    net.build(example)
optimizer = torch.optim.Adam(net.parameters())
fast = torch.compile(net)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from tmplcore.descriptors import AdapterPlugin, BackendPlugin
from tmplcore.hookspecs import hookimpl

if TYPE_CHECKING:
    from tmpl_torch.backend import TorchBackend
    from tmpl_torch.module import TemplateModule, as_module

__all__ = ["TemplateModule", "TorchBackend", "as_module"]


@hookimpl
def tmplcore_backends() -> list[BackendPlugin]:
    """Publish the `torch` backend."""
    return [
        BackendPlugin(
            name="torch",
            summary="torch tensors: trainable variables are torch.nn.Parameter",
            factory="tmpl_torch.backend:TorchBackend",
            options="tmpl_torch.options:TorchOptions",
            requires=("torch",),
            extra="torch",
        ),
    ]


@hookimpl
def tmplcore_adapters() -> list[AdapterPlugin]:
    """Publish what makes torch modules and tensors sources and targets of checkpoints."""
    return [
        AdapterPlugin(
            name="torch",
            summary="torch modules and tensors in checkpoints",
            factory="tmpl_torch.adapter:TorchAdapter",
            requires=("torch",),
            extra="torch",
            module="torch",
        ),
    ]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{'backend' if name == 'TorchBackend' else 'module'}"), name)
