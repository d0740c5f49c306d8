"""Variables as NumPy arrays in memory: the default backend."""

from tmplcore.descriptors import BackendPlugin
from tmplcore.hookspecs import hookimpl

__all__ = ["tmplcore_backends"]


@hookimpl
def tmplcore_backends() -> list[BackendPlugin]:
    """Publish the `numpy` backend."""
    return [
        BackendPlugin(name="numpy", summary="NumPy arrays in memory", factory="tmpl_numpy.backend:NumpyBackend"),
    ]
